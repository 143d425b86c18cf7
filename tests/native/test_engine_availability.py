"""Where the native engine cannot be built, installing still works, the reference engine runs, and both say so."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import bext_abi
import bext_host
from bext_host.boundary.native_library import SUPPORTED_WASMTIME
from native.c_build import ROOT
from native.distribution import build_wheel, copy_of_the_sources
from support.processes import environment

OLDEST, NEWEST = (int(SUPPORTED_WASMTIME[index]) for index in (0, -1))
TELL = "import bext_host; print(bext_host.engine); print(bext_host.engine_reason)\n"
FORCE = (
    "from bext_host import TracerBridge\nfrom bext_host.testing import RecordingTracer\nTracerBridge(RecordingTracer(), engine='native')"
)
RECORD = f"""
from bext_host import PluginHost
from bext_host.testing import RecordingTracer
tracer = RecordingTracer()
PluginHost(tracer).load({str(ROOT / "wasm-fixtures" / "conformance" / "c" / "nested_spans.wasm")!r}).call("on_request_complete", "")
print(len(tracer.calls), "calls")
"""
# A compiler that finds no header of Python's, as on a machine without python3-dev.
WITHOUT_HEADERS = """#!/bin/sh
for argument; do
  shift
  case "$argument" in -I*python*) ;; *) set -- "$@" "$argument" ;; esac
done
exec cc "$@"
"""

needs_the_engine = pytest.mark.skipif(bext_host.engine != "native", reason="this installation has no native engine")


@pytest.fixture
def without_extension(tmp_path: Path) -> Path:
    for package in (bext_abi, bext_host):
        shutil.copytree(
            Path(package.__file__).parent, tmp_path / package.__name__, ignore=shutil.ignore_patterns("_native*", "__pycache__")
        )
    return tmp_path


@pytest.fixture
def with_extension(without_extension: Path) -> Path:
    for extension in Path(bext_host.__file__).parent.glob("_native*"):
        shutil.copy(extension, without_extension / "bext_host")
    return without_extension


def python(code: str, path: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    environ = environment(PYTHONPATH=str(path), **changes)
    return subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, timeout=60, check=False)


def test_without_the_extension_the_reference_engine_runs_and_says_what_was_missing(without_extension):
    engine, reason = python(TELL, without_extension).stdout.splitlines()
    assert engine == "reference"
    assert reason.startswith("the native engine is not available: its extension module was not built: ")
    assert "a C compiler and Python's headers" in reason


def test_an_extension_that_cannot_be_loaded_is_told_from_one_that_was_not_built(without_extension):
    (without_extension / "bext_host" / "_native.abi3.so").write_bytes(b"of another machine")
    engine, reason = python(TELL, without_extension).stdout.splitlines()
    assert engine == "reference"
    assert reason.startswith("the native engine is not available: its extension module cannot be loaded (")


def test_forcing_an_engine_that_is_missing_is_an_error_with_the_reason(without_extension):
    errors = python(FORCE, without_extension).stderr.splitlines()
    assert errors[-1].startswith("bext_host.extension.EngineUnavailable: the native engine was asked for, but the native engine")
    assert "was not built" in errors[-1]


@needs_the_engine
@pytest.mark.parametrize("version", [f"{NEWEST + 1}.0.0", f"{NEWEST}0.0.0", "unknown"])
def test_a_wasmtime_that_was_not_tested_refuses_the_engine_and_the_reference_engine_records(with_extension, version):
    pretend = "from importlib import metadata\nreal = metadata.version\n"
    pretend += f"metadata.version = lambda name: {version!r} if name == 'wasmtime' else real(name)\n"
    engine, reason, recorded = python(pretend + TELL + RECORD, with_extension).stdout.splitlines()
    assert engine == "reference"
    assert reason.endswith(f"it supports wasmtime {OLDEST} to {NEWEST}, and {version} is installed")
    assert int(recorded.split()[0]) > 2


def test_pip_installs_the_wasmtimes_that_the_engine_supports_and_no_other():
    (bounds,) = re.findall(r'"wasmtime>=(\d+),<(\d+)"', (ROOT / "pyproject.toml").read_text())
    assert tuple(map(str, range(*map(int, bounds)))) == SUPPORTED_WASMTIME


def test_the_readme_names_the_range():
    assert f"wasmtime {OLDEST} to {NEWEST}" in (ROOT / "README.md").read_text()


@needs_the_engine
def test_a_layout_that_does_not_fit_refuses_the_engine(with_extension):
    pretend = "import ctypes\nfrom wasmtime import _bindings\n_bindings.wasmtime_extern = ctypes.c_uint64 * 9\n"
    pretend += "_bindings.wasmtime_extern.of = type('F', (), {'offset': 8})\n"
    engine, reason = python(pretend + TELL, with_extension).stdout.splitlines()
    assert engine == "reference"
    assert "wasmtime's extern_size is 72, where the engine has" in reason


@pytest.mark.toolchain
@pytest.mark.parametrize("compiler", ["#!/bin/sh\nexit 1\n", WITHOUT_HEADERS], ids=["no compiler", "no headers of Python"])
def test_a_wheel_builds_without_what_the_extension_needs_and_has_none(tmp_path, compiler):
    program = tmp_path / "cc"
    program.write_text(compiler)
    program.chmod(0o755)
    sources = copy_of_the_sources(tmp_path / "sources")
    wheel = build_wheel(sources, tmp_path / "wheels", CC=str(program), CXX=str(program))
    names = zipfile.ZipFile(wheel).namelist()
    assert "bext_host/boundary/native.py" in names
    assert not [name for name in names if name.endswith(".so")]
