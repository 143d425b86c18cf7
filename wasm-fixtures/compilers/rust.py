"""Fixtures in Rust: the crate of `guest_sdk/rust` and one file against it, compiled by Debian's rustc.

Debian's, since it is the one that brings wasm's standard library along. No cargo: it derives the names of symbols from paths.
"""

from __future__ import annotations

import functools
import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from build_error import BuildError

ROOT: Final = Path(__file__).resolve().parents[2]
SDK: Final = ROOT / "guest_sdk" / "rust" / "src" / "lib.rs"
RUSTC: Final = Path("/usr/bin/rustc")
VERSION: Final = "1.63.0"
TARGET: Final = "wasm32-unknown-unknown"
PINNED: Final = f"Debian 12's rustc {VERSION} with {TARGET} and lld"
REPRODUCIBLE: Final = True
INSTALL: Final = "apt-get install --no-install-recommends rustc libstd-rust-dev-wasm32 lld-14"

OPTIONS: Final = ("--edition=2021", f"--target={TARGET}", "-Copt-level=z", "-Cpanic=abort", "-Dwarnings", f"--remap-path-prefix={ROOT}=.")
LIBRARY: Final = ("--crate-name=bext_tracer", "--crate-type=rlib", '--cfg=feature="arena"', '--cfg=feature="panic-handler"')
FIXTURE: Final = ("--crate-type=cdylib", "-Clto", "-Ccodegen-units=1", "-Cstrip=symbols", "-Clink-arg=--compress-relocations")
STACK: Final = "-Clink-arg=-zstack-size=262144"  # of `large_payload`; a megabyte without
BUFFERS: Final = {"large_payload": "131072"}
"""Bytes of the SDK's buffer: one payload of this guest is above the host's limit, and so above what the SDK has by default."""


def check() -> None:
    """Raise BuildError unless the pinned rustc and its wasm target are installed."""
    found = _run(RUSTC, "--version") if RUSTC.exists() else "none"
    if f"rustc {VERSION}" not in found or not (RUSTC.parents[1] / "lib" / "rustlib" / TARGET).exists():
        raise BuildError(f"needs {PINNED}, found {found.strip()}: {INSTALL}")


def compile_fixture(source: Path) -> bytes:
    """The module that one file and the SDK make."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        library = folder / "libbext_tracer.rlib"
        library.write_bytes(_library(BUFFERS.get(source.stem, "65536")))
        output = folder / "fixture.wasm"
        _run(RUSTC, *OPTIONS, *FIXTURE, STACK, f"--extern=bext_tracer={library}", "-o", output, source)
        return output.read_bytes()


@functools.cache
def _library(buffer: str) -> bytes:
    """The crate with such a buffer, compiled once a run."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "libbext_tracer.rlib"
        _run(RUSTC, *OPTIONS, *LIBRARY, "-o", output, SDK, environment={"BEXT_TRACER_BUFFER_BYTES": buffer})
        return output.read_bytes()


def _run(*command: str | Path, environment: Mapping[str, str] | None = None) -> str:
    """What a command prints, or BuildError with its complaints."""
    settings = os.environ | dict(environment or {})
    done = subprocess.run(list(map(str, command)), env=settings, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BuildError(f"{command[-1]} does not compile:\n{done.stderr}")
    return done.stdout
