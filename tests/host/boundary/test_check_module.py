"""check_module: what is refused when it is loaded, in words that say what was found and what would be right (ABI.md, "Loading")."""

from __future__ import annotations

import pytest
from wasmtime import FuncType, Linker, Module, ValType, wat2wasm

from bext_abi import BextTracerError
from bext_host import ModuleRefused, check_module
from bext_host.boundary import inspect_module
from support.raw_guest import FIXTURES, HOSTILE_ENDED, RAW_ABI, compiled, wasm_engine

IMPORT = '(import "bext" "current_span" (func (param i32) (result i32)))'
MEMORY = '(memory (export "memory") 1)'
MARKER = '(func (export "bext_tracer_abi_v1"))'
HERE = "(here there is bext.{start_span, set_attribute, set_status, add_event, end_span, current_span})"

HOSTILE = {
    "marker_is_a_global": "exports bext_tracer_abi_v1 as global: the marker is a function () -> ()",
    "memory64": "exports a 64-bit memory of 1 or more pages: the tracer ABI needs a 32-bit memory that is not shared",
    "memory_is_a_global": 'exports "memory" as global: it must be a memory',
    "no_marker": ("imports bext.current_span but exports no marker: export a function bext_tracer_abi_v1 without parameters and results"),
    "no_memory": 'exports no memory: the tracer reads payloads from an exported memory named "memory"',
    "shared_memory": "exports a shared memory of 1 to 2 pages: the tracer ABI needs a 32-bit memory that is not shared",
    "unknown_import": rf"imports what nobody provides: bext.teleport, env.abort\x1b[31m {HERE}",
    "unknown_version": "exports the marker bext_tracer_abi_v9: this host knows bext_tracer_abi_v1",
    "wrong_signature": ("imports bext.start_span as function (i32, i32) -> (i64): its type is function (i32, i32, i32) -> ()"),
}
CONFORMING = {"malformed_payloads", "out_of_bounds_pointers", "wrong_hook", *HOSTILE_ENDED}


def module(*lines: str) -> Module:
    return compiled(bytes(wat2wasm(f"(module {' '.join(lines)})")))


def hostile(name: str) -> Module:
    return compiled((FIXTURES / "hostile" / f"{name}.wasm").read_bytes())


def faults(*lines: str, **sources) -> tuple[str, ...]:
    return inspect_module(module(*lines), **sources).faults


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_module_is_refused_with_one_line_that_says_why(name):
    with pytest.raises(ModuleRefused) as refused:
        check_module(hostile(name), name=name)
    assert refused.value.faults == (HOSTILE[name],)
    assert str(refused.value) == f"{name}: {HOSTILE[name]}"
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("name", sorted(CONFORMING))
def test_a_module_that_conforms_is_accepted_whatever_it_does_later(name):
    assert check_module(hostile(name)).faults == ()


def test_every_hostile_fixture_is_named_here():
    assert {path.stem for path in (FIXTURES / "hostile").glob("*.wasm")} == {*HOSTILE, *CONFORMING, "component"}


def test_the_report_says_what_a_good_module_imports_and_exports():
    report = check_module(compiled(RAW_ABI.read_bytes()))
    assert (report.abi_version, report.uses_tracer, report.faults) == (1, True, ())
    assert [item.name for item in report.imports][:2] == ["bext.start_span", "bext.set_attribute"]
    assert [(item.name, item.type) for item in report.exports][:2] == [
        ("memory", "memory of 1 to 16 pages"),
        ("bext_tracer_abi_v1", "function () -> ()"),
    ]


def test_a_module_that_uses_no_tracer_needs_no_marker_and_no_memory():
    report = check_module(module('(func (export "f"))'))
    assert (report.abi_version, report.uses_tracer) == (None, False)


def test_the_refusal_is_a_value_error_and_one_of_ours():
    assert issubclass(ModuleRefused, ValueError)
    assert issubclass(ModuleRefused, BextTracerError)


def test_every_fault_is_named_at_once():
    found = faults(
        '(import "bext" "end_span" (func (param i32)))',
        '(import "env" "f" (func))',
        '(import "env" "g" (global i32))',
        '(memory (export "memory") i64 1)',
    )
    assert [fault.split(":")[0] for fault in found] == [
        "imports bext.end_span as function (i32) -> ()",
        "imports bext.end_span but exports no marker",
        "exports a 64-bit memory of 1 or more pages",
        "imports what nobody provides",
    ]
    assert "env.f, env.g" in found[-1]


class TestMarkers:
    """The guest says which version it speaks."""

    def test_of_several_the_highest_known_counts(self):
        report = check_module(module(IMPORT, MEMORY, MARKER, '(func (export "bext_tracer_abi_v9"))'))
        assert report.abi_version == 1

    @pytest.mark.parametrize("signature", ["(param i32)", "(result i32) (i32.const 1)"])
    def test_a_marker_with_parameters_or_results_is_a_fault(self, signature):
        (fault,) = faults(IMPORT, MEMORY, f'(func (export "bext_tracer_abi_v1") {signature})')
        assert fault.startswith("exports bext_tracer_abi_v1 as function (")

    @pytest.mark.parametrize("name", ["v0", "v01", "v1 ", "v", "V1", "v-1", "v1x", "v\uff11"])
    def test_another_name_is_no_marker(self, name):
        (fault,) = faults(IMPORT, MEMORY, f'(func (export "bext_tracer_abi_{name}"))')
        assert "exports no marker" in fault

    def test_the_marker_is_never_run(self):
        check_module(module(IMPORT, MEMORY, '(func (export "bext_tracer_abi_v1") unreachable)'))


class TestOurImports:
    """Each with exactly its type."""

    @pytest.mark.parametrize(
        "wrong",
        [
            '(import "bext" "current_span" (func (param i32)))',
            '(import "bext" "current_span" (func (param i64) (result i32)))',
            '(import "bext" "current_span" (func (result i32)))',
            '(import "bext" "current_span" (global i32))',
            '(import "bext" "current_span" (memory 1))',
            '(import "bext" "current_span" (table 1 funcref))',
        ],
    )
    def test_with_another_type_it_is_a_fault(self, wrong):
        memory = '(export "memory" (memory 0))' if "memory" in wrong else MEMORY
        (fault,) = faults(wrong, MARKER, memory)
        assert fault.startswith("imports bext.current_span as ")
        assert fault.endswith(": its type is function (i32) -> (i32)")

    def test_another_name_in_our_module_is_provided_by_nobody(self):
        (fault,) = faults('(import "bext" "Start_span" (func))')
        assert "bext.Start_span" in fault

    def test_our_names_in_another_module_are_not_ours(self):
        (fault,) = faults('(import "env" "start_span" (func))')
        assert "env.start_span" in fault

    @pytest.mark.parametrize("limits", ["0", "65536", "1 1"])
    def test_a_memory_of_any_size_will_do(self, limits):
        assert faults(IMPORT, MARKER, f'(memory (export "memory") {limits})') == ()

    def test_a_memory_that_the_module_imports_and_exports_again_will_do(self):
        lines = ['(import "env" "memory" (memory 1))', '(export "memory" (memory 0))', MARKER]
        assert faults(IMPORT, *lines, provided=[("env", "memory")]) == ()


class TestWhoProvides:
    """Imports that are not ours come from WASI, the linker, or the list that the embedder gives."""

    CLOCK = '(import "wasi_snapshot_preview1" "clock_time_get" (func (param i32 i64 i32) (result i32)))'

    def test_wasi_only_where_it_is_enabled(self):
        assert faults(self.CLOCK, wasi=True) == ()
        (fault,) = faults(self.CLOCK)
        assert "wasi_snapshot_preview1.clock_time_get" in fault
        assert "WASI" not in fault.split("(here")[1]

    def test_a_name_that_wasi_does_not_have_is_missing_and_wasi_is_named_as_a_source(self):
        (fault,) = faults('(import "wasi_snapshot_preview1" "teleport" (func))', wasi=True)
        assert fault.endswith("current_span} and WASI preview 1)")

    def test_what_is_in_the_linker(self):
        linker = Linker(wasm_engine())
        linker.define_func("env", "f", FuncType([ValType.i32()], []), lambda _: None)
        assert faults('(import "env" "f" (func (param i32)))', linker=linker) == ()
        (fault,) = faults('(import "env" "f" (func (param i32)))', '(import "env" "g" (func))', linker=linker)
        assert fault.startswith("imports what nobody provides: env.g (")

    def test_what_is_named_in_provided(self):
        imports = ['(import "env" "f" (func))', '(import "env" "g" (func))']
        assert faults(*imports, provided=[("env", "f"), ("env", "g")]) == ()
        (fault,) = faults(*imports, provided={("env", "f"), ("other", "g")})
        assert fault.startswith("imports what nobody provides: env.g (")

    def test_an_import_that_stands_twice_is_named_once(self):
        (fault,) = faults('(import "env" "f" (func))', '(import "env" "f" (func (param i32)))')
        assert fault.startswith("imports what nobody provides: env.f (")

    def test_all_that_are_missing_are_named_in_one_fault(self):
        (fault,) = faults(*(f'(import "env" "f{number}" (func))' for number in range(50)))
        assert all(f"env.f{number}" in fault for number in range(50))

    @pytest.mark.parametrize(
        ("written", "shown"), [("\\n", "\\n"), ("\\1b[2J", "\\x1b[2J"), ("\\e2\\80\\ae", "\\u202e"), ("\\00", "\\x00"), ("", "")]
    )
    def test_a_name_is_shown_escaped(self, written, shown):
        (fault,) = faults(f'(import "a{written}" "b{written}" (func))')
        assert fault.startswith(f"imports what nobody provides: a{shown}.b{shown} (")
