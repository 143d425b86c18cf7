"""OpenTelemetry's own OTLP exporters behind ours, over gRPC and HTTP: a receiver that is not ours reads the tree, types and times."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bext_abi import FlushError, SpanEvent, SpanHandle, SpanKind, SpanLink, SpanStart, SpanStatus, StatusCode
from bext_host import SpanRecorder
from bext_host.exporters import MemoryExporter
from bext_host.exporters.otel import OtelSpanExporter
from receivers.ddapm import PROGRAM, WHY_NOT, TestAgent, running_test_agent
from receivers.ddapm_otlp import services, spans_read, spans_recorded
from support.http_receiver import Receiver, answer
from support.raw_guest import ENGINES

grpc = pytest.importorskip("opentelemetry.exporter.otlp.proto.grpc.trace_exporter", reason="needs the extra `senders`")
zipkin = pytest.importorskip("opentelemetry.exporter.zipkin.json", reason="needs the extra `senders`")
sdk_trace = pytest.importorskip("opentelemetry.sdk.trace")
export = pytest.importorskip("opentelemetry.sdk.trace.export")
in_memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
http = pytest.importorskip("opentelemetry.exporter.otlp.proto.http.trace_exporter", reason="needs the extra `senders`")

SENDERS: dict[str, Callable[[TestAgent], Any]] = {
    "grpc": lambda agent: grpc.OTLPSpanExporter(endpoint=f"http://127.0.0.1:{agent.otlp_grpc_port}", insecure=True, timeout=10),
    "http": lambda agent: http.OTLPSpanExporter(endpoint=f"http://127.0.0.1:{agent.otlp_port}/v1/traces", timeout=10),
}
SAMPLED = 0x1  # which OpenTelemetry's encoder leaves out
OTHER = SpanHandle(0xAAAA2F3577B34DA6A3CE929D0E0E4736, 7)


@pytest.fixture
def agent(tmp_path):
    with running_test_agent(tmp_path) as running:
        yield running


def record(recorder: SpanRecorder) -> None:
    """A request with a parent in another process, and a query below it that fails and loses some of what is recorded."""
    router, shop = {"scope_name": "router", "scope_version": "1"}, {"scope_name": "shop"}
    attributes = {"text": "é", "yes": True, "no": False, "texts": ("a", ""), "numbers": (1, -(2**63))}
    request = recorder.start_span(
        SpanStart("GET /cart", SpanKind.SERVER, SpanHandle(OTHER.trace_id, 9), True, attributes=attributes, **router)
    )
    query = recorder.start_span(
        SpanStart("SELECT", SpanKind.CLIENT, request, attributes={"n": -(2**40), "x": 2.5}, links=(SpanLink(OTHER),), **shop)
    )
    recorder.add_event(query, SpanEvent("row locked", {"row": 7}))
    recorder.set_status(query, SpanStatus(StatusCode.ERROR, "too slow"))
    recorder.add_dropped(query, attributes=3, events=2)
    recorder.end_span(query)
    recorder.end_span(request)


@pytest.mark.skipif(PROGRAM is None, reason=WHY_NOT)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("sender", SENDERS)
def test_a_receiver_that_is_not_ours_reads_what_was_recorded(agent, engine, sender):
    memory = MemoryExporter()
    with SpanRecorder(memory, OtelSpanExporter(SENDERS[sender](agent), resource={"service.name": "shop"}), engine=engine) as recorder:
        record(recorder)
    requests = agent.otlp_requests()
    assert services(requests) == {"shop"}
    assert len(memory.spans) == 2
    assert spans_read(requests) == [told._replace(flags=told.flags & ~SAMPLED) for told in spans_recorded(memory.spans)]
    sent = [span for one in requests[0]["resource_spans"] for group in one["scope_spans"] for span in group["spans"]]
    [query] = [span for span in sent if span["name"] == "SELECT"]
    assert (query["dropped_attributes_count"], query["dropped_events_count"]) == (3, 2)


def test_a_receiver_that_refuses_costs_the_spans_and_is_said_to():
    with Receiver(answer(400)) as receiver:
        exporter = OtelSpanExporter(http.OTLPSpanExporter(endpoint=receiver.url, timeout=5))
        with SpanRecorder(exporter) as recorder:
            record(recorder)
            with pytest.raises(FlushError, match="OTLPSpanExporter answered FAILURE, its log says why"):
                recorder.flush()
            assert recorder.stats.dropped["export_failed"] == 2


def test_an_instrumented_http_library_records_nothing_of_what_an_exporter_sends():
    instrumentation = pytest.importorskip("opentelemetry.instrumentation.requests", reason="needs the extra `senders`")
    requests, recorded = pytest.importorskip("requests"), in_memory.InMemorySpanExporter()
    provider = sdk_trace.TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(recorded))
    instrumentation.RequestsInstrumentor().instrument(tracer_provider=provider)
    try:
        with Receiver(answer(202)) as receiver, SpanRecorder(OtelSpanExporter(zipkin.ZipkinExporter(endpoint=receiver.url))) as recorder:
            record(recorder)
            recorder.flush()
            assert [request.line for request in receiver.requests] == ["POST /v1/traces HTTP/1.1"]
            assert recorded.get_finished_spans() == ()
            requests.post(receiver.url, timeout=5)
            assert [span.name for span in recorded.get_finished_spans()] == ["POST"]
    finally:
        instrumentation.RequestsInstrumentor().uninstrument()
