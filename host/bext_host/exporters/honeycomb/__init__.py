"""Finished spans for Honeycomb: OTLP with its address, its headers and its environment variables, and no command in a guest's name."""

from .exporter import HoneycombSpanExporter
from .settings import HoneycombSettings

__all__ = ["HoneycombSettings", "HoneycombSpanExporter"]
