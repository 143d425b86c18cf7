"""Loading: from bytes and files, what is refused with every fault named, and what is left behind by a refusal."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from wasmtime import wat2wasm

from bext_host import Limits, ModuleRefused, PluginHost, PluginLimits, RemoteParents
from bext_host.testing import RecordingTracer
from support.plugin_host import Hosting
from support.raw_guest import HOSTILE_ENDED
from support.wat import ALLOC, Guest, guest, hook, wasm

FIXTURES = Path(__file__).resolve().parents[3] / "wasm-fixtures"
EMPTY = guest(hook("on_reload"))
CONFORMS = {"malformed_payloads", "out_of_bounds_pointers"}
REFUSED = sorted(path for path in (FIXTURES / "hostile").glob("*.wasm") if path.stem not in CONFORMS | HOSTILE_ENDED)


@pytest.fixture
def hosting() -> Hosting:
    return Hosting()


# --- Sources and names ---


def test_a_file_is_named_after_itself(hosting, tmp_path):
    path = tmp_path / "my.plugin.wasm"
    path.write_bytes(EMPTY)
    for source, name in ((path, "my.plugin"), (str(path), "other")):
        plugin = hosting.host.load(source, None if name == "my.plugin" else name)
        plugin.call("on_reload")
        assert plugin.name == name
        assert hosting.last().attributes["bext.plugin.name"] == name


@pytest.mark.parametrize("as_type", [bytes, bytearray, memoryview])
def test_bytes_of_every_kind_are_loaded(hosting, as_type):
    plugin = hosting.host.load(as_type(EMPTY))
    plugin.call("on_reload")
    assert plugin.name == "plugin"


def test_what_wasmtime_compiles_from_text_is_loaded_as_it_is(hosting):
    hosting.host.load(wat2wasm('(module (func (export "on_reload")))')).call("on_reload")


def test_a_plugin_tells_its_hooks_in_the_order_of_bext(hosting):
    plugin = hosting.load(guest(ALLOC, hook("cleanup"), hook("other"), hook("on_server_start", takes="i32 i32")))
    assert plugin.hooks == ("on_server_start", "cleanup")


@pytest.mark.parametrize("source", ["no/such/file.wasm", Path("no_such_file.wasm"), "(module)", ""])
def test_a_file_that_cannot_be_read_is_an_os_error(hosting, source):
    with pytest.raises(OSError, match=r"No such file|directory"):
        hosting.host.load(source, "x")
    assert hosting.host.plugins == ()


def test_a_directory_is_an_os_error(hosting, tmp_path):
    with pytest.raises(OSError, match="directory"):
        hosting.host.load(tmp_path)


@pytest.mark.parametrize("source", [None, 5, io.BytesIO(EMPTY), ["x"]])
def test_what_is_neither_bytes_nor_a_path_is_a_type_error(hosting, source):
    with pytest.raises(TypeError):
        hosting.host.load(source, "x")


def test_a_name_may_hold_anything_and_reaches_the_trace_well_formed(hosting):
    hosting.load(EMPTY, "lone \ud800 \x1b[31m").call("on_reload")
    assert hosting.last().attributes["bext.plugin.name"] == "lone \ufffd \x1b[31m"


def test_a_name_without_a_utf8_form_is_repaired_in_the_spans_of_the_plugin(hosting):
    build = Guest()
    hosting.load(build.module(hook("on_reload", build.start(1, "s"), build.end(1))), "caf\udce9", version="\ud800").call("on_reload")
    span = hosting.span("s")
    assert (span.scope_name, span.scope_version) == ("caf\ufffd", "\ufffd")


# --- Refusals ---


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.stem)
def test_a_module_that_does_not_conform_is_refused_in_one_line(hosting, path):
    with pytest.raises(ModuleRefused) as raised:
        hosting.host.load(path)
    assert raised.value.name == path.stem
    assert raised.value.faults
    assert str(raised.value).startswith(f"{path.stem}: ")
    assert str(raised.value).isprintable()
    assert hosting.host.plugins == ()


@pytest.mark.parametrize("name", sorted(CONFORMS))
def test_a_hostile_module_that_conforms_runs_without_trapping(hosting, name):
    plugin = hosting.host.load(FIXTURES / "hostile" / f"{name}.wasm")
    plugin.call("on_request_complete", {})
    assert hosting.span("survivor").events == ()
    assert sum(plugin.stats.dropped.values()) >= 9


def test_every_fault_is_named_at_once(hosting):
    text = """(module
      (import "bext" "start_span" (func (param i32)))
      (import "bext" "teleport" (func))
      (import "env" "abort" (func))
      (func (export "on_reload") (param i64))
      (func (export "on_request_complete") (param i32 i32))
      (func (export "bext_free") (param i32)))"""
    with pytest.raises(ModuleRefused) as raised:
        hosting.load(wasm(text))
    whole = "\n".join(raised.value.faults)
    for named in ("start_span", "marker", "memory", "bext.teleport", "env.abort", "on_reload", "bext_alloc", "bext_free"):
        assert named in whole
    assert len(raised.value.faults) >= 7
    assert all("\n" not in fault for fault in raised.value.faults)


@pytest.mark.parametrize(
    ("export", "named"),
    [
        ('(func (export "on_reload") (param i32))', "on_reload"),
        ('(func (export "on_reload") (result i64) (i64.const 0))', "on_reload"),
        ('(func (export "cleanup") (result i32 i32) (i32.const 0) (i32.const 0))', "cleanup"),
        ('(func (export "on_cache_invalidate") (param i32 i32))', "on_cache_invalidate"),
        ('(func (export "on_request_complete") (param i32 i32))', "bext_alloc"),
        ('(func (export "bext_alloc") (param i64) (result i32) (i32.const 0))', "bext_alloc"),
        ('(func (export "bext_free") (param i32 i32) (result i32) (i32.const 0))', "bext_free"),
        ('(func (export "_initialize") (param i32))', "_initialize"),
    ],
)
def test_hooks_and_helpers_of_another_type_are_refused_with_the_right_one(hosting, export, named):
    with pytest.raises(ModuleRefused, match=named) as raised:
        hosting.load(guest(export))
    assert "function" in str(raised.value)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (b"", "empty"),
        (b"\0asm", "cut short"),
        (b"\0asm\x0d\0\x01\0", "component"),
        (b"\0asm\x02\0\0\0", "version 1"),
        (b"(module)", "text"),
        (b"  \n(module)", "text"),
        (b"\x7fELF\x02\x01\x01\0", "7f 45 4c 46"),
        (b"\0asm\x01\0\0\0\xff", "not a valid WebAssembly module"),
        (EMPTY[:-1], "not a valid WebAssembly module"),
    ],
)
def test_what_is_no_module_is_refused_in_words(hosting, source, says):
    with pytest.raises(ModuleRefused, match=says) as raised:
        hosting.load(source)
    assert len(raised.value.faults) == 1
    assert str(raised.value).isprintable()


@pytest.mark.parametrize("by", ["bytes", "file"])
def test_a_modules_size_is_limited_inclusively(by, tmp_path):
    path = tmp_path / "guest.wasm"
    path.write_bytes(EMPTY)
    source = path if by == "file" else EMPTY
    PluginHost(RecordingTracer()).load(source, limits=PluginLimits(module_bytes=len(EMPTY)))
    with pytest.raises(ModuleRefused, match=f"longer than {len(EMPTY) - 1} bytes"):
        PluginHost(RecordingTracer()).load(source, limits=PluginLimits(module_bytes=len(EMPTY) - 1))


def test_a_refusal_leaves_the_name_free(hosting):
    with pytest.raises(ModuleRefused):
        hosting.load(b"", "name")
    hosting.load(EMPTY, "name").call("on_reload")


# --- Options ---


@pytest.mark.parametrize("policy", [*RemoteParents, "link", "continue", "ignore"])
def test_the_policy_for_remote_parents_is_the_embedders(hosting, policy):
    build = Guest()
    start = build.start(1, "s", 2, parent_is_remote=True, trace_state="vendor=1")
    remote = "(i64.store (i32.const 64) (i64.const 1)) (i64.store (i32.const 72) (i64.const 2)) (i64.store (i32.const 80) (i64.const 3))"
    hosting.load(build.module(hook("on_reload", remote, start, build.end(1))), remote_parents=policy).call("on_reload")
    span = hosting.span("s")
    trace_id = (1 << 64) | 2
    assert (span.handle.trace_id == trace_id) is (policy == RemoteParents.CONTINUE)
    assert [link.handle.trace_id for link in span.links] == ([trace_id] if policy == RemoteParents.LINK else [])
    assert (span.parent is not None) is (policy == RemoteParents.CONTINUE)


def test_an_unknown_policy_is_refused(hosting):
    with pytest.raises(ValueError, match="trust"):
        hosting.load(EMPTY, remote_parents="trust")


def test_the_hosts_limits_hold_for_its_guests():
    build = Guest()
    module = build.module(hook("on_reload", build.start(1, "a"), build.start(2, "b"), build.end(1)))
    hosting = Hosting(limits=Limits(scope_open_spans=1))
    plugin = hosting.load(module)
    plugin.call("on_reload")
    assert plugin.stats.dropped["open_span_limit"] == 1


def test_an_engine_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="reference"):
        PluginHost(RecordingTracer(), engine="turbo")
