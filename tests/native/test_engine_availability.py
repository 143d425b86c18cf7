"""Where the native engine cannot be built, installing still works, the reference engine runs, and both say so."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import bext_abi
import bext_host
from native.c_build import ROOT
from support.processes import environment

TELL = "import bext_host; print(bext_host.engine); print(bext_host.engine_reason)"
FORCE = (
    "from bext_host import TracerBridge\nfrom bext_host.testing import RecordingTracer\nTracerBridge(RecordingTracer(), engine='native')"
)


@pytest.fixture
def without_extension(tmp_path: Path) -> Path:
    for package in (bext_abi, bext_host):
        shutil.copytree(
            Path(package.__file__).parent, tmp_path / package.__name__, ignore=shutil.ignore_patterns("_native*", "__pycache__")
        )
    return tmp_path


def python(code: str, path: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    environ = environment(PYTHONPATH=str(path), **changes)
    return subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, timeout=60, check=False)


def test_without_the_extension_the_reference_engine_runs_and_says_why(without_extension):
    engine, reason = python(TELL, without_extension).stdout.splitlines()
    assert engine == "reference"
    assert reason.startswith("the native engine is not available: its extension module was not built")


def test_forcing_an_engine_that_is_missing_is_an_error_with_the_reason(without_extension):
    errors = python(FORCE, without_extension).stderr.splitlines()
    assert errors[-1].startswith("bext_host.extension.EngineUnavailable: the native engine was asked for, but the native engine")
    assert "was not built" in errors[-1]


@pytest.mark.skipif(bext_host.engine != "native", reason="this installation has no native engine")
def test_a_wasmtime_of_another_version_refuses_the_engine(without_extension):
    folder = Path(bext_host.__file__).parent
    for extension in folder.glob("_native*"):
        shutil.copy(extension, without_extension / "bext_host")
    pretend = "from importlib import metadata\nreal = metadata.version\n"
    pretend += "metadata.version = lambda name: '49.0.0' if name == 'wasmtime' else real(name)\n"
    engine, reason = python(pretend + TELL, without_extension).stdout.splitlines()
    assert engine == "reference"
    assert reason.endswith("it supports wasmtime 50, and 49.0.0 is installed")


@pytest.mark.skipif(bext_host.engine != "native", reason="this installation has no native engine")
def test_a_layout_that_does_not_fit_refuses_the_engine(without_extension):
    folder = Path(bext_host.__file__).parent
    for extension in folder.glob("_native*"):
        shutil.copy(extension, without_extension / "bext_host")
    pretend = "import ctypes\nfrom wasmtime import _bindings\n_bindings.wasmtime_extern = ctypes.c_uint64 * 9\n"
    pretend += "_bindings.wasmtime_extern.of = type('F', (), {'offset': 8})\n"
    engine, reason = python(pretend + TELL, without_extension).stdout.splitlines()
    assert engine == "reference"
    assert "wasmtime's extern_size is 72, where the engine has" in reason


@pytest.mark.toolchain
def test_a_wheel_builds_without_a_compiler_and_has_no_extension(tmp_path):
    sources = tmp_path / "sources"
    kept = ("abi", "host", "pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE")
    for name in kept:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, sources / name) if sources.exists() or sources.mkdir() is None else None
    for extension in sources.rglob("_native*.so"):
        extension.unlink()
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path / "wheels"), str(sources)]
    environ = {**os.environ, "CC": "false", "CXX": "false"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = (tmp_path / "wheels").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "bext_host/boundary/native.py" in names
    assert not [name for name in names if name.endswith(".so")]
