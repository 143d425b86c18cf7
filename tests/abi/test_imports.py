"""bext_abi stands alone: the contract and a stdout tracer need neither wasmtime nor OpenTelemetry."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def modules_after(statement: str) -> set[str]:
    """The top-level names of all modules that a fresh interpreter has after one import."""
    code = f"{statement}; import sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("statement", ["import bext_abi", "from bext_abi import *", "import bext_abi.codec, bext_abi.traceparent"])
def test_importing_the_contract_imports_neither_wasmtime_nor_opentelemetry(statement):
    loaded = modules_after(statement)
    assert "bext_abi" in loaded
    assert loaded & {"wasmtime", "opentelemetry", "bext_host", "cffi"} == set()


def test_importing_the_host_imports_no_opentelemetry():
    loaded = modules_after("import bext_host, bext_host.exporters")
    assert "wasmtime" in loaded
    assert "opentelemetry" not in loaded
