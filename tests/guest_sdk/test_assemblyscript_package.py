"""The AssemblyScript SDK as a package: what a guest gets from it, what does not compile, and that recording allocates nothing."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import wasmtime
from build_error import BuildError

from guest_sdk.assemblyscript_driving import compiler
from guest_sdk.conftest import ROOT
from guest_sdk.recording_host import RecordingHost

pytestmark = pytest.mark.toolchain

SDK = ROOT / "guest_sdk" / "assemblyscript"
FIXTURES = ROOT / "wasm-fixtures" / "conformance" / "assemblyscript"
OPTIONS = ("-O", "--use", "abort=")
EMPTY = "export function on_request_complete(eventJson: usize, length: u32): i32 { return 0; }"
EVERYTHING = """
import { Attributes, EventBuilder, Span, SpanBuilder, SpanKind, StatusCode, Traceparent } from "bext-tracer";
import { currentSpan, dropped, startSpan } from "bext-tracer";
export * from "bext-tracer/exports";
export { dropped };

const incoming = new Traceparent();
const STRINGS: StaticArray<string> = ["a", "b"];
const BOOLS: StaticArray<bool> = [true, false];
const INTS: StaticArray<i64> = [1, 2];
const FLOATS: StaticArray<f64> = [0.5, 1.5];

export function on_request_complete(eventJson: usize, length: u32): i32 {
  const span = new SpanBuilder("everything", SpanKind.Server).parent(currentSpan());
  if (incoming.read("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")) span.remoteParent(incoming, incoming.flags, "a=b");
  span.set("str", "text").set("bool", true).set("i64", -1).set("f64", 0.5).link(Span.INVALID, new Attributes().set("n", 1)).startTime(5);
  const started = span.start();
  started.set("strs", STRINGS);
  started.set("bools", BOOLS);
  started.set("ints", INTS);
  started.set("floats", FLOATS);
  new EventBuilder("event").set("n", 1).time(5).addTo(started);
  started.addEvent("event");
  started.setStatus(StatusCode.Error, "why");
  const child = startSpan("child", SpanKind.Client, started);
  child.writeTraceparent(memory.data(55));
  child.end();
  started.endAt(6);
  return 0;
}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of a user's, in which the package is installed."""
    package = tmp_path / "node_modules" / "bext-tracer"
    package.mkdir(parents=True)
    for name in ("index.ts", "exports.ts", "package.json"):
        shutil.copy(SDK / name, package)
    shutil.copytree(SDK / "assembly", package / "assembly")
    return tmp_path


def build(folder: Path, text: str, *options: str) -> Path:
    """The module of one file."""
    source = folder / "guest.ts"
    source.write_text(text, encoding="utf-8")
    output = folder / "guest.wasm"
    output.write_bytes(compiler().compile_source(source, *(options or OPTIONS)))
    return output


def bext_tracer(command: str, path: Path) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "-m", "bext_host.cli", command, path]
    return subprocess.run(arguments, capture_output=True, text=True, check=False)


def import_modules(path: Path) -> set[str]:
    return {imported.module for imported in wasmtime.Module(wasmtime.Engine(), path.read_bytes()).imports}


def examples() -> list[str]:
    blocks: list[str] = re.findall(r"^```ts\n(.*?)^```", (SDK / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return blocks


# --- A guest ----------------------------------------------------------------------------------------------------------


def test_the_first_example_traces_a_request_with_a_query_below(folder: Path):
    host = RecordingHost(build(folder, examples()[0]), has_current=True)
    assert host.call("on_request_complete", "{}") == 0
    assert [(call.name, call.span) for call in host.calls] == [
        ("start_span", 1),
        ("start_span", 2),
        ("set_attribute", 2),
        ("end_span", 2),
        ("set_attribute", 1),
        ("set_status", 1),
        ("end_span", 1),
    ]
    request, query = host.payloads("start_span")
    assert request == {"name": "GET /", "kind": 1, "parent": [1, 1, 999]}
    assert query == {"name": "db.query", "kind": 2, "parent": [1, 1, 1]}
    assert host.payloads("set_attribute") == [["db.system.name", "sqlite"], ["event.bytes", 2]]


def test_the_second_example_does_what_builders_can(folder: Path):
    host = RecordingHost(build(folder, examples()[1]))
    host.call("on_reload")
    (span,), (event,) = host.payloads("start_span"), host.payloads("add_event")
    assert span["attributes"] == {"tags": ["fresh", "public"]}
    assert span["trace_state"] == "vendor=value"
    assert "links" not in span
    assert event == {"name": "retry", "attributes": {"delay_ms": 12.5}}


@pytest.mark.parametrize("options", [OPTIONS, ("-Oz", "--runtime", "stub")])
def test_a_guest_imports_nothing_but_the_abi(folder: Path, options: tuple[str, ...]):
    """Only the garbage collector's own check of its stack would import env.abort."""
    assert import_modules(build(folder, examples()[0], *options)) == {"bext"}


def test_the_marker_of_another_file_is_exported_and_inspect_names_it_where_it_is_not(folder: Path):
    assert bext_tracer("inspect", build(folder, examples()[0])).returncode == 0
    without = bext_tracer("inspect", build(folder, examples()[0].replace('export * from "bext-tracer/exports";', "")))
    assert without.returncode != 0
    assert "export a function bext_tracer_abi_v1" in without.stdout + without.stderr
    assert "need bext_alloc" in without.stdout + without.stderr


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("<u64>1", "cast a u64 to i64"),
        ("new Thing()", "an attribute is a string, bool, integer, float, or an array of one of these"),
        ("[[1]]", "an attribute is a string, bool, integer, float, or an array of one of these"),
    ],
)
def test_what_is_no_attribute_does_not_compile(folder: Path, value: str, words: str):
    text = f'import {{ Span }} from "bext-tracer";\nclass Thing {{}}\nexport function f(): void {{ Span.INVALID.set("k", {value}); }}\n'
    with pytest.raises(BuildError, match=words):
        build(folder, text)


def test_options_say_how_much_memory_there_is(folder: Path):
    sizes = {"BEXT_TRACER_BUFFER_SIZE": 1 << 20, "BEXT_TRACER_SPANS": 1 << 15, "BEXT_TRACER_ARENA_SIZE": 1 << 20}
    host = RecordingHost(
        build(folder, examples()[0], *OPTIONS, *(word for pair in sizes.items() for word in ("--use", "{}={}".format(*pair))))
    )
    assert host._memory.size(host._store) == 16 * 5 + 16 + 16 + 1
    assert host.call("on_request_complete", "{}") == 0


@pytest.mark.parametrize(
    ("option", "words"), [("BEXT_TRACER_SPANS=1000", "a power of two"), ("BEXT_TRACER_BUFFER_SIZE=255", "at least 256")]
)
def test_an_option_that_cannot_be_does_not_compile(folder: Path, option: str, words: str):
    with pytest.raises(BuildError, match=words):
        build(folder, examples()[0], *OPTIONS, "--use", option)


# --- Memory and size --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("runtime", ["stub", "incremental"])
def test_recording_allocates_nothing(folder: Path, runtime: str):
    """What is left of the heap's first block after a hundred calls is what was left after one."""
    probe = EVERYTHING + "\nexport function probe(): usize { return heap.alloc(8); }\n"
    host = RecordingHost(build(folder, probe, *OPTIONS, "--runtime", runtime))
    assert host.call("on_request_complete", "{}") == 0
    first, second = host.call("probe"), host.call("probe")
    for _ in range(100):
        assert host.call("on_request_complete", "{}") == 0
    assert host.call("probe") - second == second - first
    assert host.call("dropped") == 0


def test_a_guest_that_uses_everything_is_small(folder: Path):
    whole = build(folder, EVERYTHING, "-Oz", "--runtime", "stub", "--use", "abort=").stat().st_size
    empty = build(folder, EMPTY, "-Oz", "--runtime", "stub").stat()
    assert whole - empty.st_size < 6 * 1024


# --- The fixtures -----------------------------------------------------------------------------------------------------


def test_the_bytes_are_the_same_wherever_the_checkout_lies(tmp_path: Path):
    shutil.copytree(SDK / "assembly", tmp_path / "guest_sdk" / "assemblyscript" / "assembly")
    copy = tmp_path / FIXTURES.relative_to(ROOT) / "unsampled.ts"
    copy.parent.mkdir(parents=True)
    shutil.copy(FIXTURES / "unsampled.ts", copy)
    assert compiler().compile_fixture(copy) == (FIXTURES / "unsampled.wasm").read_bytes()
