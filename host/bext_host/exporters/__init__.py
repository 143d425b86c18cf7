"""Exporters: where finished spans go."""

from bext_host.recorder.exporter import SpanExporter, SpansLost

from .file import FileExporter
from .memory import MemoryExporter
from .stdout import StdoutExporter

__all__ = ["FileExporter", "MemoryExporter", "SpanExporter", "SpansLost", "StdoutExporter"]
