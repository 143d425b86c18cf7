"""C++, with the clang of the zig that is pinned for C: freestanding, without a standard library, exceptions or RTTI."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from compilers import c, toolchain

PINNED: Final = c.PINNED
REPRODUCIBLE: Final = c.REPRODUCIBLE

OPTIONS: Final = ("-std=c++17", "-nostdinc++", "-fno-exceptions", "-fno-rtti", *c.OPTIONS)


def check() -> None:
    """Raise BuildError unless the pinned zig is installed."""
    c.check()


def compile_fixture(source: Path) -> bytes:
    """Compile one file."""
    command = ("-m", "ziglang", "c++", *c.TARGET, *OPTIONS, source.name)
    return toolchain.run_python(command, source, os.environ)
