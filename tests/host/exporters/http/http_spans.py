"""Spans on their way to receivers of these tests: exporters that lose no time, and what was in the bodies that came."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bext_abi import FlushError, SpanStart
from bext_host import SpanRecorder
from bext_host.exporters.http import BackOff
from bext_host.exporters.otlp import OtlpSpanExporter

NEVER = BackOff(1e9, 1e9)
"""So long that nothing is sent again but by a flush."""


def otlp(url: str, **options: Any) -> OtlpSpanExporter:
    """One that gives up at once what does not go through, and is not compressed."""
    fixed = {"endpoint": url, "timeout_seconds": 5.0, "compression": "none", "headers": {}, "back_off": NEVER}
    return OtlpSpanExporter(**{**fixed, **options})


def names(body: bytes) -> list[str]:
    """The names of the spans in a body."""
    request = ExportTraceServiceRequest.FromString(body)
    return [span.name for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans]


def record(recorder: SpanRecorder, *wanted: str) -> None:
    """Spans of these names."""
    for name in wanted:
        recorder.end_span(recorder.start_span(SpanStart(name)))


def failure(call: Callable[[], object]) -> str:
    """What a flush or a close says of its one exporter."""
    with pytest.raises(FlushError) as raised:
        call()
    (text,) = raised.value.failures.values()
    return text


def accounts(recorder: SpanRecorder, exporter: Any) -> tuple[int, int, int]:
    """How many spans were taken, wait and were lost. The recorder and the exporter agree, and no span is forgotten.

    It waits while an exporter is at work, since the two are asked one after the other.
    """
    deadline = time.monotonic() + 10.0
    while (found := _accounts(recorder, exporter)) is None:
        assert time.monotonic() < deadline, (recorder.stats, exporter.stats)
        time.sleep(0.01)
    return found


def _accounts(recorder: SpanRecorder, exporter: Any) -> tuple[int, int, int] | None:
    stats, own = recorder.stats, exporter.stats
    lost = stats.dropped["export_failed"] + stats.dropped["unencodable"]
    found = stats.exported[exporter.name], stats.waiting[exporter.name], lost
    ended = stats.ended - recorder.queued_spans - stats.dropped["queue_full"]
    return found if found == (own.taken, own.waiting, own.given_up) and sum(found) == ended else None


def wait_until(is_so: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for something that happens in another thread or process."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it never came to pass"
        time.sleep(0.005)
