"""The C++ header as a file: it compiles alone in every standard, links over several files, and needs no library."""

from __future__ import annotations

from pathlib import Path

import pytest
import wasmtime

from bext_host import check_module
from guest_sdk.conftest import ROOT, Compile
from guest_sdk.recording_host import RecordingHost
from support.markdown import code_blocks

HERE = Path(__file__).resolve().parent
README = ROOT / "guest_sdk" / "cpp" / "README.md"
PLAIN = '#include "bext_tracer.hpp"\n'
IMPLEMENTATION = "#define BEXT_TRACER_IMPLEMENTATION\n" + PLAIN
NO_LIBRARY = ("-nostdinc++", "-fno-exceptions", "-fno-rtti")
FREESTANDING = ("-target", "wasm32-freestanding", "-std=c++17", "-O2", "-nostdlib", "-Wl,--no-entry", *NO_LIBRARY)

# A guest in two files: the one with the hook only includes the header, and has neither the marker nor the allocator.
HOOK = PLAIN + (
    'BEXT_EXPORT("on_request_complete") int32_t on_request_complete(const char *, uint32_t) {\n'
    '  return !bext::start_root("from the other file", bext::SpanKind::client, {{"n", 1}}).is_invalid() - 1;\n'
    "}\n"
)


@pytest.mark.parametrize("target", ["native", "wasm32-freestanding"])
@pytest.mark.parametrize("standard", ["c++17", "c++20", "c++23"])
def test_it_compiles_alone_with_strict_warnings(compile_cpp: Compile, tmp_path: Path, standard: str, target: str):
    for name, source in {"plain": PLAIN, "implementation": IMPLEMENTATION, "later": PLAIN + IMPLEMENTATION + IMPLEMENTATION}.items():
        path = tmp_path / f"{name}.cpp"
        path.write_text(source)
        compile_cpp("-target", target, f"-std={standard}", "-Wshadow", *NO_LIBRARY, "-c", "-o", tmp_path / "object.o", path)


@pytest.mark.parametrize("standard", ["c++17", "c++20"])
def test_the_types_of_the_standard_library_convert_and_others_do_not(compile_cpp: Compile, tmp_path: Path, standard: str):
    compile_cpp(f"-std={standard}", "-c", "-o", tmp_path / "object.o", HERE / "cpp_types.cpp")


def test_a_guest_of_two_files_has_the_marker_and_records(compile_cpp: Compile, tmp_path: Path):
    (tmp_path / "sdk.cpp").write_text(IMPLEMENTATION)
    (tmp_path / "hook.cpp").write_text(HOOK)
    output = tmp_path / "guest.wasm"
    compile_cpp(*FREESTANDING, "-o", output, tmp_path / "sdk.cpp", tmp_path / "hook.cpp")
    host = RecordingHost(output)
    check_module(host.module)
    assert {export.name for export in host.module.exports} >= {"bext_tracer_abi_v1", "bext_alloc", "bext_free"}
    assert host.call("on_request_complete", "{}") == 0
    assert host.payloads("start_span") == [{"name": "from the other file", "kind": 2, "attributes": {"n": 1}}]


def test_without_the_implementation_the_linker_names_what_is_missing(compile_cpp: Compile, tmp_path: Path):
    (tmp_path / "hook.cpp").write_text(HOOK)
    with pytest.raises(AssertionError, match="undefined symbol: bext_"):
        compile_cpp(*FREESTANDING, "-o", tmp_path / "guest.wasm", tmp_path / "hook.cpp")


@pytest.mark.parametrize("optimization", ["-O0", "-O1", "-O2", "-O3", "-Os", "-Oz"])
def test_the_compiler_never_adds_a_call_of_a_library(compile_cpp: Compile, tmp_path: Path, optimization: str):
    """No memcpy, no guards of statics, no exit handlers: an object file imports every symbol that it leaves to the linker."""
    source = ROOT / "wasm-fixtures" / "conformance" / "cpp" / "all_attribute_types.cpp"
    options = ("-target", "wasm32-freestanding", "-std=c++17", "-fno-sanitize=undefined", *NO_LIBRARY, optimization)
    compile_cpp(*options, "-c", "-o", tmp_path / "object.o", source)
    imports = wasmtime.Module(wasmtime.Engine(), (tmp_path / "object.o").read_bytes()).imports
    assert [imported.name for imported in imports if isinstance(imported.type, wasmtime.FuncType) and imported.module != "bext"] == []


@pytest.mark.parametrize("example", code_blocks(README, "cpp"), ids=["a guest", "everything at once"])
def test_the_examples_of_the_readme_compile(compile_cpp: Compile, tmp_path: Path, example: str):
    (tmp_path / "guest.cpp").write_text(example)
    compile_cpp(*FREESTANDING, "-o", tmp_path / "guest.wasm", tmp_path / "guest.cpp")
    check_module(wasmtime.Module(wasmtime.Engine(), (tmp_path / "guest.wasm").read_bytes()))
