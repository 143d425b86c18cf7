"""Builds with the Rust that Debian brings, which has wasm's standard library; without it these tests are skipped, in words."""

from __future__ import annotations

import functools
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from guest_sdk import driving
from guest_sdk.conftest import ROOT
from guest_sdk.driving import Driver

CRATE = ROOT / "guest_sdk" / "rust"
RUSTC = Path("/usr/bin/rustc")
CARGO = Path("/usr/bin/cargo")
NATIVE = ("--edition", "2021", "-O", "-C", "debug-assertions=on", "-C", "overflow-checks=on", "-D", "warnings")


@functools.cache
def need_debians_rust() -> None:
    """Skips the test unless Debian's rustc and its wasm targets are installed."""
    targets = [RUSTC.parent.parent / "lib" / "rustlib" / name for name in ("wasm32-unknown-unknown", "wasm32-wasi")]
    if not all(path.exists() for path in (RUSTC, *targets)):
        pytest.skip("needs Debian's rustc: apt-get install rustc cargo libstd-rust-dev-wasm32 lld-14")


def run(*command: str | Path, cwd: Path | None = None, environment: Mapping[str, str] | None = None) -> str:
    """What a command prints; it must succeed."""
    done = subprocess.run(list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def cargo(command: str, *arguments: str, cwd: Path = CRATE, environment: Mapping[str, str] | None = None) -> str:
    """What Debian's cargo prints; another Rust on the PATH, and the user's settings of cargo, are left out."""
    if command in {"fmt", "clippy"} and not (CARGO.parent / f"cargo-{command}").exists():
        pytest.skip("needs Debian's rustfmt and rust-clippy")
    tools = {"PATH": "/usr/bin:/bin", "RUSTC": "/usr/bin/rustc", "RUSTDOC": "/usr/bin/rustdoc", "CARGO_HOME": str(cwd / "target" / "home")}
    return run(CARGO, command, *arguments, cwd=cwd, environment=tools | dict(environment or {}))


def build_driver(folder: Path, rustc: Path = RUSTC, buffer: int | None = None) -> Driver:
    """The driver, with checks of overflow and bounds, and a buffer of so many bytes; a panic ends it with an error."""
    run(
        rustc,
        *NATIVE,
        "--crate-name=bext_tracer",
        "--crate-type=rlib",
        '--cfg=feature="arena"',
        "--out-dir",
        folder,
        CRATE / "src" / "lib.rs",
        environment={"PATH": "/usr/bin:/bin"} | ({} if buffer is None else {"BEXT_TRACER_BUFFER_BYTES": str(buffer)}),
    )
    library = folder / "libbext_tracer.rlib"
    output = folder / "driver"
    run(rustc, *NATIVE, f"--extern=bext_tracer={library}", "-o", output, Path(__file__).with_name("rust") / "driver.rs")
    return Driver(output)


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Driver:
    """The driver that runs the Rust SDK natively, with a buffer that no test fills."""
    need_debians_rust()
    return build_driver(tmp_path_factory.mktemp("rust_driver"), buffer=driving.AMPLE)


@pytest.fixture(scope="module")
def plain_driver(tmp_path_factory: pytest.TempPathFactory) -> Driver:
    """The same, with the buffer that the SDK has by default."""
    need_debians_rust()
    return build_driver(tmp_path_factory.mktemp("rust_plain_driver"))
