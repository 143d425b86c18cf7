"""Exporters: where finished spans go."""

from bext_host.recorder.exporter import SpanExporter, SpansLost

from .memory import MemoryExporter
from .stdout import StdoutExporter

__all__ = ["MemoryExporter", "SpanExporter", "SpansLost", "StdoutExporter"]
