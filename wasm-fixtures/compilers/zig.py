"""Zig, with a pinned compiler and the guest SDK as the module `bext_tracer`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from build_error import BuildError

from compilers import toolchain

PINNED: Final = "ziglang 0.17.1"
REPRODUCIBLE: Final = True

SDK: Final = Path(__file__).resolve().parents[2] / "guest_sdk" / "zig" / "bext_tracer.zig"
TARGET: Final = ("-target", "wasm32-freestanding", "-fno-entry", "-rdynamic", "--stack", "32768")
OPTIONS: Final = ("-O", "ReleaseSmall", "-fstrip")


def check() -> None:
    """Raise BuildError unless the pinned zig is installed."""
    toolchain.need_package(*PINNED.split())


def compile_fixture(source: Path) -> bytes:
    """Compile one file. The compiler runs in its folder and is given relative paths, so that no path gets into the bytes."""
    sdk = os.path.relpath(SDK, source.parent)
    modules = ("--dep", "bext_tracer", f"-Mroot={source.name}", f"-Mbext_tracer={sdk}")
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "fixture.wasm"
        command = [sys.executable, "-m", "ziglang", "build-exe", *TARGET, *OPTIONS, f"-femit-bin={output}", *modules]
        done = subprocess.run(command, cwd=source.parent, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BuildError(f"{source.parent.name}/{source.name} does not compile:\n{done.stderr}")
        return output.read_bytes()
