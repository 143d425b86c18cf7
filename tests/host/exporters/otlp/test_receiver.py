"""OTLP over HTTP, sent to Datadog's test agent, whose OTLP intake is not ours: the same tree, times and types come back."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import pytest

from bext_abi import AttrValue, SpanEvent, SpanKind, SpanStart, SpanStatus, StatusCode
from bext_host import FinishedSpan, SpanRecorder
from bext_host.exporters import MemoryExporter
from bext_host.exporters.otlp import OtlpSpanExporter
from receivers.ddapm import PROGRAM, WHY_NOT, running_test_agent
from support.raw_guest import ENGINES

pytestmark = pytest.mark.skipif(PROGRAM is None, reason=WHY_NOT)


@pytest.fixture
def agent(tmp_path):
    with running_test_agent(tmp_path) as running:
        yield running


def record(recorder: SpanRecorder) -> None:
    router, shop = {"scope_name": "router", "scope_version": "1"}, {"scope_name": "shop"}
    request = recorder.start_span(SpanStart("GET /cart", SpanKind.SERVER, attributes={"text": "é", "yes": True, "no": False}, **router))
    query = recorder.start_span(SpanStart("SELECT", SpanKind.CLIENT, parent=request, attributes={"n": -(2**40), "x": 2.5}, **shop))
    recorder.add_event(query, SpanEvent("row locked"))
    recorder.set_status(query, SpanStatus(StatusCode.ERROR, "too slow"))
    recorder.end_span(query)
    recorder.end_span(request)


def value(found: dict[str, Any]) -> AttrValue:
    """An AnyValue; its 64-bit integers are texts."""
    [(kind, content)] = found.items()
    return int(content) if kind == "int_value" else content


def number(text: str) -> int:
    return int.from_bytes(b64decode(text), "big")


def received(scope: dict[str, str], span: dict[str, Any]) -> tuple[Any, ...]:
    """A span as the receiver read it."""
    return (
        span["name"], span["kind"], number(span["trace_id"]), number(span["span_id"]), number(span.get("parent_span_id", "")),
        int(span["start_time_unix_nano"]), int(span["end_time_unix_nano"]),
        [(each["key"], value(each["value"])) for each in span.get("attributes", [])],
        [(each["name"], int(each["time_unix_nano"])) for each in span.get("events", [])],
        span.get("status", {}).get("code"), span.get("status", {}).get("message", ""),
        (scope["name"], scope.get("version", "")),
    )  # fmt: skip


def as_received(span: FinishedSpan) -> tuple[Any, ...]:
    """A span that was recorded, told in the same way."""
    return (
        span.name, f"SPAN_KIND_{span.kind.name}", span.handle.trace_id, span.handle.span_id, span.parent.span_id if span.parent else 0,
        span.start_time_unix_nanos, span.end_time_unix_nanos,
        list(span.attributes.items()),
        [(event.name, event.time_unix_nanos) for event in span.events],
        f"STATUS_CODE_{span.status.code.name}" if span.status.code else None, span.status.message,
        (span.scope_name, span.scope_version),
    )  # fmt: skip


@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_receiver_that_is_not_ours_reads_what_was_recorded(agent, engine, compression):
    memory = MemoryExporter()
    exporter = OtlpSpanExporter(
        resource={"service.name": "shop"}, endpoint=f"http://127.0.0.1:{agent.otlp_port}/v1/traces", compression=compression
    )
    recorder = SpanRecorder(memory, exporter, engine=engine)
    record(recorder)
    recorder.flush()
    [request] = agent.otlp_requests()
    [of_process] = request["resource_spans"]
    assert "shop" in [value(each["value"]) for each in of_process["resource"]["attributes"] if each["key"] == "service.name"]
    found = [(group.get("scope", {}), span) for group in of_process["scope_spans"] for span in group["spans"]]
    assert sorted(map(as_received, memory.spans)) == sorted(received(*each) for each in found)
