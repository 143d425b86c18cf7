"""OTLP over HTTP, sent to Datadog's test agent, whose OTLP intake is not ours: the same tree, times and types come back."""

from __future__ import annotations

import pytest

from bext_abi import SpanEvent, SpanKind, SpanStart, SpanStatus, StatusCode
from bext_host import SpanRecorder
from bext_host.exporters import MemoryExporter
from bext_host.exporters.otlp import OtlpSpanExporter
from receivers.ddapm import PROGRAM, WHY_NOT, running_test_agent
from receivers.ddapm_otlp import services, spans_read, spans_recorded
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
    requests = agent.otlp_requests()
    assert services(requests) == {"shop"}
    assert spans_read(requests) == spans_recorded(memory.spans)
