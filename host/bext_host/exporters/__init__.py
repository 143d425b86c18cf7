"""Exporters: where finished spans go."""

from bext_host.recorder.exporter import ResendingExporter, SpanExporter, SpansLost, SpansWaiting

from .file import FileExporter
from .memory import MemoryExporter
from .stdout import StdoutExporter

__all__ = [
    "FileExporter",
    "MemoryExporter",
    "ResendingExporter",
    "SpanExporter",
    "SpansLost",
    "SpansWaiting",
    "StdoutExporter",
]
