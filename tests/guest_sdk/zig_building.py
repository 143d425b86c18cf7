"""Compiles Zig with the compiler that the `guests` extra installs; without it, what asks for it is skipped."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from guest_sdk.conftest import HERE, ROOT
from guest_sdk.driving import Driver

SDK = ROOT / "guest_sdk" / "zig"
MODULE = SDK / "bext_tracer.zig"
WASM = ("-target", "wasm32-freestanding", "-fno-entry", "-rdynamic", "--stack", "32768")


def run_zig(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """What zig says to the arguments; the caller looks at the exit code."""
    if importlib.util.find_spec("ziglang") is None:
        pytest.skip("needs ziglang, of the extra `guests`")
    command = [sys.executable, "-m", "ziglang", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def compile_zig(source: Path, output: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Compile one root file with the SDK as the module `bext_tracer`."""
    modules = ("--dep", "bext_tracer", f"-Mroot={source}", f"-Mbext_tracer={MODULE}")
    return run_zig("build-exe", *options, f"-femit-bin={output}", *modules)


def compile_guest(source: Path, output: Path, mode: str = "ReleaseSmall") -> None:
    """Compile one guest as the README says."""
    done = compile_zig(source, output, *WASM, "-O", mode, *(("-fstrip",) if mode == "ReleaseSmall" else ()))
    assert done.returncode == 0, done.stderr


@cache
def build_driver(folder: Path, scratch: int = 1 << 20) -> Driver:
    """driver.zig with every safety check and a scratch buffer of that size, compiled once for all test files of a session."""
    source = folder / f"zig_driver_{scratch}.zig"
    options = f"\npub const bext_tracer_options: tracer.Options = .{{ .scratch_size = {scratch} }};\n"
    source.write_text((HERE / "driver.zig").read_text(encoding="utf-8") + options, encoding="utf-8")
    done = compile_zig(source, source.with_suffix(""), "-O", "ReleaseSafe", "-fsingle-threaded", "-fstrip")
    assert done.returncode == 0, done.stderr
    return Driver(source.with_suffix(""))
