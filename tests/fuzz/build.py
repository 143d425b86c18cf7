"""Compiles the targets for libFuzzer, with clang's AddressSanitizer and UndefinedBehaviorSanitizer."""

from __future__ import annotations

from pathlib import Path

from native.c_build import C11, DECODER_SOURCES, NATIVE, compiler, run
from native.c_build import HERE as NATIVE_TESTS

HERE = Path(__file__).resolve().parent

SANITIZE = ["-g", "-O1", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-fsanitize=fuzzer,address,undefined"]
COVERAGE = ["-fprofile-instr-generate", "-fcoverage-mapping"]

WITHOUT_PYTHON = sorted(path.name for path in NATIVE.glob("*.c") if path.name != "python_engine.c")


def decoder(folder: Path, *flags: str) -> Path:
    """The decoder alone: every byte of a payload is read, none judged."""
    program = folder / "decoder"
    run(
        [compiler("clang"), *C11, *SANITIZE, *flags, "-DBEXT_LIBFUZZER", *DECODER_SOURCES, NATIVE_TESTS / "decoder_driver.c", "-o", program]
    )
    return program


def boundary(folder: Path, *flags: str) -> Path:
    """The whole engine but for its way into Python, driven by programs of host calls."""
    program, unit = folder / "boundary", folder / "engine.c"
    unit.write_text("".join(f'#include "{name}"\n' for name in ("counted_memory.h", *WITHOUT_PYTHON)))
    sources = [unit, HERE / "boundary_target.c", NATIVE_TESTS / "stand_in_wasmtime.c"]
    paths = [f"-iquote{NATIVE_TESTS}", "-D_POSIX_C_SOURCE=200809L"]
    run([compiler("clang"), *C11, *SANITIZE, *flags, *paths, *sources, "-pthread", "-o", program])
    return program


TARGETS = {"decoder": decoder, "boundary": boundary}
"""What builds each target, by its name."""

CORPORA = {"decoder": "payloads", "codec": "payloads", "boundary": "calls"}
"""Which corpus each target starts from. `codec` is the one in Python."""
