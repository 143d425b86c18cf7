"""The recorder: the built-in TracerPlugin, which assembles spans and hands them to exporters."""

from .exporter import ResendingExporter, SpanExporter, SpansLost, SpansWaiting
from .recorder import SpanRecorder
from .sampler import ALWAYS_OFF, ALWAYS_ON, Sampler, TraceIdRatio
from .span import FinishedSpan
from .stats import RecorderStats

__all__ = [
    "ALWAYS_OFF",
    "ALWAYS_ON",
    "FinishedSpan",
    "RecorderStats",
    "ResendingExporter",
    "Sampler",
    "SpanExporter",
    "SpanRecorder",
    "SpansLost",
    "SpansWaiting",
    "TraceIdRatio",
]
