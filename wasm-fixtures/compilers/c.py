"""C, with the clang of a pinned zig."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from compilers import toolchain

PINNED: Final = "ziglang 0.17.1"
REPRODUCIBLE: Final = True

TARGET: Final = ("-target", "wasm32-freestanding", "-nostdlib", "-Wl,--no-entry", "-Wl,-z,stack-size=32768")
OPTIONS: Final = ("-O2", "-s", "-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Werror")


def check() -> None:
    """Raise BuildError unless the pinned zig is installed."""
    toolchain.need_package(*PINNED.split())


def compile_fixture(source: Path) -> bytes:
    """Compile one file."""
    command = ("-m", "ziglang", "cc", *TARGET, "-std=c99", *OPTIONS, source.name)
    return toolchain.run_python(command, source, os.environ)
