"""The C header as a file: it compiles alone in every standard, links once, needs no libc, and repeats the ABI's numbers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import wasmtime

from bext_host import check_module
from guest_sdk.conftest import HERE, ROOT, Compile
from guest_sdk.recording_host import RecordingHost
from support.markdown import code_blocks

HEADER = ROOT / "guest_sdk" / "c" / "bext_tracer.h"
ABI_HEADER = ROOT / "abi" / "bext_tracer_abi.h"
PLAIN = '#include "bext_tracer.h"\n'
IMPLEMENTATION = "#define BEXT_TRACER_IMPLEMENTATION\n" + PLAIN
STANDARDS = [("c", "c99"), ("c", "c11"), ("c", "c17"), ("c++", "c++11"), ("c++", "c++17"), ("c++", "c++20")]
FREESTANDING = ("-target", "wasm32-freestanding", "-O2", "-nostdlib", "-Wl,--no-entry")
IMPORTS = {"start_span", "set_attribute", "set_status", "add_event", "end_span", "current_span"}


@pytest.mark.parametrize("target", ["native", "wasm32-freestanding"])
@pytest.mark.parametrize(("language", "standard"), STANDARDS)
def test_it_compiles_alone_with_strict_warnings(compile_c: Compile, tmp_path: Path, language: str, standard: str, target: str):
    sources = {
        "plain": PLAIN,
        "implementation": IMPLEMENTATION,
        "later": PLAIN + IMPLEMENTATION + IMPLEMENTATION,
        "with_abi_header": '#include "bext_tracer_abi.h"\n' + IMPLEMENTATION,
    }
    for name, source in sources.items():
        path = tmp_path / f"{name}.c"
        path.write_text(source)
        compile_c("-target", target, "-x", language, f"-std={standard}", "-c", "-o", tmp_path / "object.o", path)


@pytest.mark.parametrize("option", ["-DBEXT_TRACER_NO_ALLOC", "-DBEXT_TRACER_USE_MALLOC", "-DBEXT_TRACER_ARENA_SIZE=1024"])
def test_it_compiles_with_each_option(compile_c: Compile, tmp_path: Path, option: str):
    path = tmp_path / "implementation.c"
    path.write_text(IMPLEMENTATION)
    compile_c("-std=c99", option, "-c", "-o", tmp_path / "object.o", path)


def test_a_guest_of_two_files_has_the_marker_and_records(compile_c: Compile, tmp_path: Path):
    """The file with the hook only includes the header; the other one brings all exports of the SDK's own."""
    (tmp_path / "sdk.c").write_text(IMPLEMENTATION)
    (tmp_path / "hook.c").write_text(
        PLAIN
        + """
BEXT_EXPORT("on_request_complete") int32_t on_request_complete(const char *event_json, uint32_t length);
int32_t on_request_complete(const char *event_json, uint32_t length) {
  const bext_handle span = bext_start_root("from the other file", BEXT_SPAN_KIND_CLIENT);
  bext_end(&span);
  return event_json == NULL || length == 0;
}
"""
    )
    output = tmp_path / "guest.wasm"
    compile_c(*FREESTANDING, "-o", output, tmp_path / "sdk.c", tmp_path / "hook.c")
    host = RecordingHost(output)
    check_module(host.module)
    assert {export.name for export in host.module.exports} >= {"bext_tracer_abi_v1", "bext_alloc", "bext_free"}
    assert {imported.module for imported in host.module.imports} == {"bext"}
    assert host.call("on_request_complete", "{}") == 0
    assert host.payloads("start_span") == [{"name": "from the other file", "kind": 2}]


def test_without_the_implementation_the_linker_names_what_is_missing(compile_c: Compile, tmp_path: Path):
    hook = 'BEXT_EXPORT("f") void f(const bext_handle *span);\nvoid f(const bext_handle *span) { bext_event(span, ""); }\n'
    (tmp_path / "hook.c").write_text(PLAIN + hook)
    with pytest.raises(AssertionError, match="undefined symbol: bext_"):
        compile_c(*FREESTANDING, "-o", tmp_path / "guest.wasm", tmp_path / "hook.c")


@pytest.mark.parametrize("optimization", ["-O0", "-O1", "-O2", "-O3", "-Os", "-Oz"])
def test_the_compiler_never_adds_a_call_of_libc(compile_c: Compile, tmp_path: Path, optimization: str):
    """An object file imports every symbol that it leaves to the linker; the toolchain's own are in `env`.

    Neither in the SDK nor where a guest calls it: the guest is the one that calls everything.
    """
    plain = ("-target", "wasm32-freestanding", "-fno-sanitize=undefined")
    compile_c(*plain, optimization, "-c", "-o", tmp_path / "one.o", HERE / "everything" / "everything.c")
    imports = wasmtime.Module(wasmtime.Engine(), (tmp_path / "one.o").read_bytes()).imports
    assert {imported.name for imported in imports if imported.module == "bext"} == IMPORTS
    assert [imported.name for imported in imports if isinstance(imported.type, wasmtime.FuncType) and imported.module != "bext"] == []


@pytest.mark.parametrize("example", code_blocks(ROOT / "guest_sdk" / "c" / "README.md", "c"), ids=["a guest", "everything at once"])
def test_the_examples_of_the_readme_compile(compile_c: Compile, tmp_path: Path, example: str):
    (tmp_path / "guest.c").write_text(example)
    compile_c(*FREESTANDING, "-o", tmp_path / "guest.wasm", tmp_path / "guest.c")


def numbers(path: Path) -> dict[str, str]:
    """Every `#define BEXT_... number` and enumerator of a header."""
    source = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
    defined = re.findall(r"^#define (BEXT_\w+) (\w+)[ \t]*$", source, flags=re.MULTILINE)
    enumerated = re.findall(r"^\s+(BEXT_\w+) = (\d+)", source, flags=re.MULTILINE)
    return dict([*defined, *enumerated])


def test_its_numbers_are_those_of_the_abi():
    abi = numbers(ABI_HEADER)
    repeated = numbers(HEADER).keys() & abi.keys()
    assert {name: numbers(HEADER)[name] for name in repeated} == {name: abi[name] for name in repeated}
    assert {"BEXT_HANDLE_SIZE", "BEXT_SPAN_KIND_CONSUMER", "BEXT_STATUS_ERROR", "BEXT_MAX_TIME_UNIX_NANOS"} <= repeated


def test_its_plain_part_defines_no_data():
    declarations = HEADER.read_text().split("#if defined(BEXT_TRACER_IMPLEMENTATION)")[0]
    assert re.findall(r"^static (?!inline)", declarations, flags=re.MULTILINE) == []
