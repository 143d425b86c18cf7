"""The committed conformance guests in AssemblyScript; the matrix of all languages holds them to the golden calls."""

from __future__ import annotations

from pathlib import Path

import pytest

from guest_sdk.conftest import ROOT
from guest_sdk.recording_host import RecordingHost

FIXTURES = ROOT / "wasm-fixtures" / "conformance" / "assemblyscript"
MODULES = sorted(FIXTURES.glob("*.wasm"))
EXPORTS = {"memory", "bext_tracer_abi_v1", "bext_alloc", "bext_free", "on_request_complete"}


def test_every_source_has_its_module():
    assert [path.stem for path in MODULES] == sorted(path.stem for path in FIXTURES.glob("*.ts"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_guest_imports_only_the_abi_and_exports_its_hook(path: Path):
    module = RecordingHost(path).module
    assert {imported.module for imported in module.imports} == {"bext"}
    assert {export.name for export in module.exports} == EXPORTS


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_guest_ends_what_it_starts_and_its_memory_never_grows(path: Path):
    """They have the runtime that never frees; remote_parent makes a string for its traceparent in each call."""
    host = RecordingHost(path)
    pages = host._memory.size(host._store)
    for _ in range(3000 if path.stem == "hello_span" else 3):
        assert host.call("on_request_complete", "{}") == 0
    started = [call.span for call in host.calls if call.name == "start_span" and call.span]
    assert sorted(call.span for call in host.calls if call.name == "end_span") == started
    assert host._memory.size(host._store) == pages
