"""Writes finished spans to files, and reads what is in them, for the tests of FileExporter."""

from __future__ import annotations

import time
from pathlib import Path

from bext_host import FinishedSpan
from bext_host.exporters import FileExporter
from bext_host.exporters.otlp_json import request_to_line
from bext_host.exporters.resource import resource_attributes
from host.exporters.otlp_messages import spans_of

FOREVER = 600.0


def deadline(seconds: float = FOREVER) -> float:
    return time.monotonic() + seconds


def line_of(*spans: FinishedSpan) -> str:
    return request_to_line(spans, resource_attributes())


def export(exporter: FileExporter, *spans: FinishedSpan) -> None:
    exporter.export(spans, deadline())


def lines(path: Path) -> list[str]:
    """The lines of a file, which must all be whole."""
    text = path.read_bytes().decode("utf-8")
    assert text == "" or text.endswith("\n")
    return text.split("\n")[:-1]


def ids(*paths: Path) -> list[int]:
    return [int.from_bytes(found.span_id, "big") for path in paths for found in spans_of(lines(path))]


def numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")
