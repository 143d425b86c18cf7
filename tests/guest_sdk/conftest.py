"""Compiles the C and C++ guest SDKs with the zig that the `guests` extra installs; without it these tests are skipped."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from guest_sdk.driving import Driver

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Werror")
BUILDS = {
    "c99 with UBSan": ("-std=c99", "-O1", "-fsanitize=undefined", "-fsanitize-trap=undefined"),
    "c11": ("-std=c11", "-O2"),
    "c++17": ("-x", "c++", "-std=c++17", "-O2"),
}

AMPLE = "-DBEXT_TRACER_SCRATCH_SIZE=16777216"
"""Room for everything that the tests send: what does not fit has tests of its own, with drivers of their own."""

Compile = Callable[..., None]


@pytest.fixture(scope="session")
def compile_c() -> Compile:
    """Runs the C compiler with every warning an error, the SDK's folder and the ABI's folder as include paths."""
    return _compiler("cc", "c")


@pytest.fixture(scope="session")
def compile_cpp() -> Compile:
    """The same for C++."""
    return _compiler("c++", "cpp")


def _compiler(command: str, folder: str) -> Compile:
    if importlib.util.find_spec("ziglang") is None:
        pytest.skip("needs ziglang, of the extra `guests`")

    def compile_(*arguments: str | Path) -> None:
        includes = (f"-I{ROOT / 'guest_sdk' / folder}", f"-I{ROOT / 'abi'}")
        whole = [sys.executable, "-m", "ziglang", command, *WARNINGS, *includes, *map(str, arguments)]
        done = subprocess.run(whole, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    return compile_


@pytest.fixture(scope="session", params=BUILDS)
def driver(request: pytest.FixtureRequest, compile_c: Compile, tmp_path_factory: pytest.TempPathFactory) -> Driver:
    """The driver in each language that the header is written for."""
    output = tmp_path_factory.mktemp("driver") / "driver"
    compile_c(*BUILDS[request.param], AMPLE, "-o", output, HERE / "driver.c")
    return Driver(output)
