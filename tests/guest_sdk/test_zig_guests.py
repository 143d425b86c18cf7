"""The Zig SDK as a module: what a guest imports and exports, its examples, compile errors in words, its size, and the fixtures' build."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest
import wasmtime

from bext_host import check_module
from guest_sdk.conftest import ROOT
from guest_sdk.recording_host import RecordingHost
from guest_sdk.zig_building import MODULE, SDK, WASM, compile_guest, compile_zig, run_zig
from support.markdown import code_blocks
from support.processes import call_command

pytestmark = pytest.mark.toolchain

FIXTURES = ROOT / "wasm-fixtures"
GUESTS = FIXTURES / "conformance" / "zig"
SCENARIOS = sorted(GUESTS.glob("*.zig"))
README = code_blocks(SDK / "README.md", "zig")
FIRST, BUILD, EVERYTHING = README
EVERYTHING_CALLED = Path(__file__).with_name("everything")
SDK_EXPORTS = {"memory", "bext_tracer_abi_v1", "bext_alloc", "bext_free"}
IMPORTS = {"start_span", "set_attribute", "set_status", "add_event", "end_span", "current_span"}


def module_of(path: Path) -> wasmtime.Module:
    return wasmtime.Module(wasmtime.Engine(), path.read_bytes())


def exports_of(path: Path) -> set[str]:
    return {export.name for export in module_of(path).exports} - {"__stack_pointer"}


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def build_guest(folder: Path, source: str, mode: str = "ReleaseSmall") -> Path:
    output = folder / "guest.wasm"
    compile_guest(write(folder / "guest.zig", source), output, mode)
    return output


# --- The module -------------------------------------------------------------------------------------------------------


def test_its_files_are_formatted():
    done = run_zig("fmt", "--check", SDK, GUESTS, Path(__file__).with_name("driver.zig"))
    assert (done.returncode, done.stdout) == (0, "")


def test_its_own_tests_pass_with_every_safety_check(tmp_path: Path):
    modules = ("--dep", "bext_tracer", f"-Mroot={SDK / 'tests.zig'}", f"-Mbext_tracer={MODULE}")
    done = run_zig("test", f"-femit-bin={tmp_path / 'tests'}", *modules)
    assert done.returncode == 0, done.stderr


@pytest.mark.long
def test_the_package_builds_a_guest_by_name(tmp_path: Path):
    """The README's build.zig, in a project that has the SDK as a dependency by path."""
    shutil.copytree(SDK, tmp_path / "bext_tracer", ignore=shutil.ignore_patterns(".zig-cache", "zig-out"))
    project = tmp_path / "project"
    project.mkdir()
    write(project / "build.zig", BUILD)
    write(project / "guest.zig", FIRST)
    write(
        project / "build.zig.zon",
        '.{ .name = .guest, .version = "0.0.0", .fingerprint = 0xacb79a355f3a91c7, .paths = .{""}, '
        '.dependencies = .{ .bext_tracer = .{ .path = "../bext_tracer" } } }\n',
    )
    done = run_zig("build", cwd=project)
    assert done.returncode == 0, done.stderr
    assert exports_of(project / "zig-out" / "bin" / "guest.wasm") == SDK_EXPORTS | {"on_request_complete"}


@pytest.mark.parametrize("mode", ["Debug", "ReleaseSafe", "ReleaseFast", "ReleaseSmall"])
def test_it_compiles_in_every_mode(tmp_path: Path, mode: str):
    output = build_guest(tmp_path, FIRST, mode)
    assert exports_of(output) >= SDK_EXPORTS
    host = RecordingHost(output)
    assert host.call("on_request_complete", "{}") == 0
    assert [call.name for call in host.calls].count("end_span") == 2


def test_the_exports_are_there_where_another_file_uses_the_sdk(tmp_path: Path):
    used = 'const tracer = @import("bext_tracer");\npub fn work() void {\n    tracer.start("s", .{ .parent = .root }).end();\n}\n'
    write(tmp_path / "work.zig", used)
    root = 'const work = @import("work.zig");\nexport fn on_reload() void {\n    work.work();\n}\n'
    output = build_guest(tmp_path, root)
    assert exports_of(output) == SDK_EXPORTS | {"on_reload"}
    check_module(module_of(output))


def test_inspect_says_what_is_missing_without_rdynamic(tmp_path: Path):
    options = [option for option in WASM if option != "-rdynamic"]
    output = tmp_path / "guest.wasm"
    exported = ("--export=on_request_complete",)
    done = compile_zig(write(tmp_path / "guest.zig", FIRST), output, *options, *exported, "-O", "ReleaseSmall", "-fstrip")
    assert done.returncode == 0, done.stderr
    said = call_command("inspect", str(output))
    assert said.returncode != 0
    assert "bext_tracer_abi_v1" in said.stdout + said.stderr


def test_a_guest_that_brings_its_own_memory(tmp_path: Path):
    source = FIRST + "pub const bext_tracer_options: tracer.Options = .{ .arena_size = 0, .scratch_size = 256 };\n"
    output = build_guest(tmp_path, source)
    assert exports_of(output) == SDK_EXPORTS - {"bext_alloc", "bext_free"} | {"on_request_complete"}
    assert next(export.type.limits.min for export in module_of(output).exports if export.name == "memory") == 1


def test_a_scratch_buffer_that_is_too_small_is_an_error_in_words(tmp_path: Path):
    source = write(tmp_path / "guest.zig", FIRST + "pub const bext_tracer_options: tracer.Options = .{ .scratch_size = 255 };\n")
    done = compile_zig(source, tmp_path / "guest.wasm", *WASM)
    assert "scratch_size is at least 256" in done.stderr


WRONG = {
    "@as(u64, 1)": "not every u64 fits i64",
    "@as(i65, 1)": "not every i65 fits i64",
    "1 << 63": "this literal is out of range",
    "@as(f128, 1)": "not every f128 fits f64",
    "@as(?i64, 1)": "an attribute is no optional, ?i64: unwrap it first",
    ".server": "an attribute is no enum",
    "tracer.Kind.server": "pass @tagName(...) or @backingInt(...)",
    "&[_]u32{1}": "*const [1]u32 is no attribute",
    "&tracer.Handle.invalid": "is no attribute: those are text ([]const u8), bool, integers that fit i64, f64,",
    "null": "is no attribute",
    '@as([*:0]const u8, "text")': "has no length, which an attribute needs",
    "&.{ length, 1 }": "the items of an array literal are constants here",
    "&.{ 1, true }": "expected type 'i64', found 'bool'",
}


def test_a_type_that_is_no_attribute_is_a_compile_error_in_words(tmp_path: Path):
    for value, words in WRONG.items():
        source = FIRST.replace('"event.bytes", length', f'"event.bytes", {value}')
        done = compile_zig(write(tmp_path / "guest.zig", source), tmp_path / "guest.wasm", *WASM, "-fno-emit-bin")
        assert words in done.stderr, value


# --- Examples and size ------------------------------------------------------------------------------------------------


def test_the_first_example_makes_its_calls(tmp_path: Path):
    host = RecordingHost(build_guest(tmp_path, FIRST), has_current=True)
    assert host.call("on_request_complete", "{}") == 0
    assert host.payloads("start_span") == [
        {"name": "GET /", "kind": 1, "parent": [1, 1, 999]},
        {"name": "db.query", "kind": 2, "parent": [1, 1, 1]},
    ]
    assert host.payloads("set_attribute") == [["db.system.name", "sqlite"], ["event.bytes", 2]]
    assert [call.span for call in host.calls if call.name == "end_span"] == [2, 1]


def test_the_second_example_makes_its_calls(tmp_path: Path):
    """It uses every import, every kind of field and all that the SDK exports."""
    everything = build_guest(tmp_path, EVERYTHING)
    assert {imported.name for imported in module_of(everything).imports} == IMPORTS
    host = RecordingHost(everything, has_current=True)
    host.call("on_reload")
    assert [name for name, _, _ in host.calls] == [
        "start_span",
        "add_event",
        "set_attribute",
        "set_attribute",
        "set_status",
        "end_span",
    ]


def test_everything_is_below_three_kibibytes(tmp_path: Path):
    """What a guest that calls everything adds to an empty module, both after Debian's wasm-opt. Without it, zig pads every number."""
    optimiser = shutil.which("wasm-opt")
    if optimiser is None:
        pytest.skip("needs wasm-opt: apt-get install binaryen")
    sizes = []
    for name in ("everything", "empty"):
        guest = build_guest(tmp_path, (EVERYTHING_CALLED / f"{name}.zig").read_text(encoding="utf-8"))
        command = [optimiser, "-Oz", "--all-features", "--strip-debug", "--strip-producers", guest, "-o", guest]
        assert subprocess.run(command, check=False).returncode == 0
        sizes.append(guest.stat().st_size)
    assert sizes[0] - sizes[1] < 3 * 1024


# --- Fixtures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
def test_a_fixture_imports_only_the_abi_and_exports_its_hook(scenario: Path):
    module = module_of(scenario.with_suffix(".wasm"))
    check_module(module)
    assert {imported.module for imported in module.imports} == {"bext"}
    assert exports_of(scenario.with_suffix(".wasm")) == SDK_EXPORTS | {"on_request_complete"}


def test_hello_span_runs():
    done = call_command("run", str(GUESTS / "hello_span.wasm"))
    assert done.returncode == 0, done.stderr
    assert "hello ✔" in done.stdout
    assert 'greeting="hello from a plugin"' in done.stdout


def compiler_at(path: Path) -> ModuleType:
    """compilers/zig.py of another checkout, which finds the SDK of that one."""
    spec = importlib.util.spec_from_file_location("zig_elsewhere", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_committed_files_are_those_of_their_sources_wherever_the_checkout_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for path in [*SCENARIOS, FIXTURES / "compilers" / "zig.py", MODULE]:
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    monkeypatch.syspath_prepend(FIXTURES)
    compiler = compiler_at(tmp_path / "wasm-fixtures" / "compilers" / "zig.py")
    try:
        compiler.check()
    except compiler.BuildError as missing:
        pytest.skip(str(missing))
    for path in SCENARIOS:
        assert compiler.compile_fixture(tmp_path / path.relative_to(ROOT)) == path.with_suffix(".wasm").read_bytes(), path.stem
