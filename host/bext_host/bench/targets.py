"""What the figures are held to: each ratio with its floor, and the aim beyond it. For the bench to tell, never for a test to assert."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

RECORDER_NATIVE: Final = "SpanRecorder, native"
RECORDER_REFERENCE: Final = "SpanRecorder, reference"
TRACER_NATIVE: Final = "Python tracer, native"
TRACER_REFERENCE: Final = "Python tracer, reference"
DEFINE_FUNC: Final = "plain define_func, unchecked"
EXTISM: Final = "extism, bytes only"
OTEL: Final = "OpenTelemetry SDK, batching"
OTLP_NATIVE: Final = "SpanRecorder, native, to OTLP"
OTEL_OTLP: Final = "OpenTelemetry SDK, to OTLP"
ONE_THREAD: Final = "one thread"
TWO_THREADS: Final = "two threads"
SMALL_CALLS: Final = "calls of 10 spans, dropped"
SMALL_CALLS_SENT: Final = "calls of 10 spans, sent as OTLP"
LARGE_CALLS: Final = "calls of 1,000 spans, dropped"
LARGE_CALLS_SENT: Final = "calls of 1,000 spans, sent as OTLP"
"""The contenders, as the tables name them. Python tracers are ones that do nothing."""


@dataclass(frozen=True, slots=True)
class Target:
    """`slower` is to take `floor` times as long as `faster`, better `aim` times; None where nobody set one."""

    slower: str
    faster: str
    floor: float | None = None
    aim: float | None = None


SPAN_TARGETS: Final = (
    Target(OTEL, RECORDER_NATIVE, 20, 30),
    Target(TRACER_REFERENCE, RECORDER_NATIVE, 60, 100),
    Target(DEFINE_FUNC, RECORDER_NATIVE),
    Target(RECORDER_REFERENCE, RECORDER_NATIVE),
)
ATTRIBUTE_TARGETS: Final = (
    Target(TRACER_REFERENCE, TRACER_NATIVE, 8, 12),
    Target(EXTISM, TRACER_NATIVE, 1),
    Target(DEFINE_FUNC, TRACER_NATIVE),
)
THREAD_TARGETS: Final = (Target(ONE_THREAD, TWO_THREADS, 1.7),)

OTLP_TARGETS: Final = (Target(OTEL_OTLP, OTLP_NATIVE, 15, 30),)

EXPORTING_TARGETS: Final = (Target(SMALL_CALLS_SENT, SMALL_CALLS), Target(LARGE_CALLS_SENT, LARGE_CALLS))

GROWTH_SPANS: Final = (1_000, 10_000, 100_000, 1_000_000)
GROWTH_AT_MOST: Final = 1.25
"""How many times as much a span may cost after so many as in a young recorder."""
