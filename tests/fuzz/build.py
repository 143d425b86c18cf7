"""Compiles the targets for libFuzzer, with clang's AddressSanitizer and UndefinedBehaviorSanitizer."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from native.c_build import C11, DECODER_SOURCES, NATIVE, compiler, run
from native.c_build import HERE as NATIVE_TESTS

HERE = Path(__file__).resolve().parent

ANY_TARGET = "int LLVMFuzzerTestOneInput(const char *data, long length) { return !data && length; }"

SANITIZE = ["-g", "-O1", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-fsanitize=fuzzer,address,undefined"]
COVERAGE = ["-fprofile-instr-generate", "-fcoverage-mapping"]

WITHOUT_PYTHON = sorted(path.name for path in NATIVE.glob("*.c") if path.name != "python_engine.c")


def fuzzing_clang(folder: Path) -> str:
    """A clang that has libFuzzer, which Debian packs apart; without one the test is skipped."""
    clang, source = compiler("clang"), folder / "any_target.c"
    source.write_text(ANY_TARGET)
    done = subprocess.run([clang, *SANITIZE, source, "-o", folder / "any_target"], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("this clang has no libFuzzer (Debian's package libclang-rt-14-dev)")
    return clang


def decoder(folder: Path, *flags: str) -> Path:
    """The decoder alone: every byte of a payload is read, none judged."""
    program = folder / "decoder"
    sources = [*DECODER_SOURCES, NATIVE_TESTS / "decoder_driver.c"]
    run([fuzzing_clang(folder), *C11, *SANITIZE, *flags, "-DBEXT_LIBFUZZER", *sources, "-o", program])
    return program


def boundary(folder: Path, *flags: str) -> Path:
    """The whole engine but for its way into Python, driven by programs of host calls."""
    program, unit = folder / "boundary", folder / "engine.c"
    unit.write_text("".join(f'#include "{name}"\n' for name in ("counted_memory.h", *WITHOUT_PYTHON)))
    sources = [unit, HERE / "boundary_target.c", NATIVE_TESTS / "stand_in_wasmtime.c"]
    paths = [f"-iquote{NATIVE_TESTS}", "-D_POSIX_C_SOURCE=200809L"]
    run([fuzzing_clang(folder), *C11, *SANITIZE, *flags, *paths, *sources, "-pthread", "-o", program])
    return program


TARGETS = {"decoder": decoder, "boundary": boundary}
"""What builds each target, by its name."""

CORPORA = {"decoder": "payloads", "codec": "payloads", "boundary": "calls"}
"""Which corpus each target starts from. `codec` is the one in Python."""
