"""Every header compiles alone, and twice in one file: it includes what it uses and nothing has to come before it."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

from native.c_build import ABI, INCLUDES, NATIVE, STRICT, compiler, run

ABI_HEADER = ABI / "bext_tracer_abi.h"

# A `.cdef.h` is cffi's input: declarations with holes, no C.
HEADERS = [ABI_HEADER, *sorted(path for path in NATIVE.glob("*.h") if not path.name.endswith(".cdef.h"))]
PYTHON = f"-I{sysconfig.get_path('include')}"


def compile_alone(command: list[str], header: Path, folder: Path, suffix: str) -> None:
    """Compile a file that includes the header and nothing else, then one that includes it twice."""
    for times in (1, 2):
        source = folder / f"alone{times}{suffix}"
        source.write_text(f'#include "{header.name}"\n' * times + "int bext_test_of_headers;\n")
        run([*command, *STRICT, *INCLUDES, PYTHON, "-c", str(source), "-o", f"{source}.o"])


@pytest.mark.parametrize("header", HEADERS, ids=lambda path: path.name)
def test_a_header_compiles_alone_and_twice_as_c11(header: Path, tmp_path: Path) -> None:
    compile_alone([compiler("gcc", "cc", "clang"), "-std=c11"], header, tmp_path, ".c")


def test_the_header_of_the_abi_compiles_alone_and_twice_as_c99(tmp_path: Path) -> None:
    compile_alone([compiler("gcc", "cc", "clang"), "-std=c99"], ABI_HEADER, tmp_path, ".c")


def test_the_header_of_the_abi_compiles_alone_and_twice_as_cpp17(tmp_path: Path) -> None:
    compile_alone([compiler("g++", "c++", "clang++"), "-std=c++17"], ABI_HEADER, tmp_path, ".cpp")


@pytest.mark.parametrize("header", HEADERS, ids=lambda path: path.name)
def test_a_header_is_guarded_by_its_own_name(header: Path) -> None:
    guard = header.name.upper().replace(".", "_")
    guard = guard if guard.startswith("BEXT_") else f"BEXT_{guard}"
    lines = [line for line in header.read_text(encoding="ascii").splitlines() if line.startswith("#")]
    assert lines[:2] == [f"#ifndef {guard}", f"#define {guard}"]
    assert lines[-1] == f"#endif /* {guard} */"
