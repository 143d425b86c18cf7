"""Compiles the C decoder for the tests, into a folder of theirs. The project's own build of the native engine is not used here."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import cffi
import pytest

ROOT = Path(__file__).resolve().parents[2]
ABI = ROOT / "abi"
NATIVE = ROOT / "host" / "native"
HERE = Path(__file__).resolve().parent

DECODER_SOURCES = [NATIVE / f"{name}.c" for name in ("framing", "utf8", "tracestate", "reader", "attributes", "payload")]

# For includes in quotes alone: a header of the project must not take the place of a system header of the same name.
INCLUDES = [f"-iquote{ABI}", f"-iquote{NATIVE}"]

STRICT = ["-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Wshadow", "-Werror"]
C11 = ["-std=c11", *STRICT, *INCLUDES]


def compiler(*names: str) -> str:
    """The first of these compilers that is on the machine; without any the test is skipped."""
    for name in names:
        if found := shutil.which(name):
            return found
    pytest.skip(f"no C compiler on this machine ({', '.join(names)})")


def clang() -> list[str]:
    """The command for clang, which the package `ziglang` has as well; without either the test is skipped."""
    if found := shutil.which("clang"):
        return [found]
    if importlib.util.find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "cc"]
    pytest.skip("no clang on this machine, and no ziglang, of the extra `guests`")


def run(command: Sequence[str | Path]) -> None:
    """Run a compiler; what it says is the failure's message."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr


def _glue(folder: Path) -> Path:
    """The C of a Python module over the decoder. It is cffi's code, not the project's, so it is compiled without the warnings."""
    ffi = cffi.FFI()
    ffi.cdef((HERE / "decoder.cdef.h").read_text(encoding="ascii"))
    ffi.set_source("decoder_for_tests", '#include "payload.h"\n#include "tracestate.h"\n#include "utf8.h"\n')
    glue = folder / "decoder_for_tests.c"
    ffi.emit_c_code(str(glue))
    return glue


def build_decoder_module(folder: Path) -> ModuleType:
    """Compile the decoder, strictly, and load it as a Python module with `ffi` and `lib`."""
    cc, module = compiler("cc", "gcc", "clang"), folder / "decoder_for_tests.so"
    glue = folder / "glue.o"
    run([cc, "-O1", "-fPIC", "-w", *INCLUDES, f"-I{sysconfig.get_path('include')}", "-c", _glue(folder), "-o", glue])
    run([cc, "-O2", "-fPIC", "-shared", *C11, *DECODER_SOURCES, glue, "-o", module])
    spec = importlib.util.spec_from_file_location("decoder_for_tests", module)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded
