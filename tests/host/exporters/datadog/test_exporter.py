"""DatadogSpanExporter: what an agent gets, and what a flush says when it refuses. The agent here is a socket of ours."""

from __future__ import annotations

import time

import msgpack
import pytest

from bext_abi import FlushError, SpanStart
from bext_host import SpanRecorder
from bext_host.exporters import SpanExporter, SpansLost
from bext_host.exporters.datadog import DatadogSettings, DatadogSpanExporter
from bext_host.exporters.http import BackOff
from host.exporters.sample_spans import OTHER_TRACE, span
from support.http_receiver import Receiver, answer


def exporter(receiver) -> DatadogSpanExporter:
    settings = DatadogSettings(agent_url=f"http://127.0.0.1:{receiver.port}")
    return DatadogSpanExporter(settings, back_off=BackOff(0.001, 0.01))


def export(receiver, spans) -> None:
    one = exporter(receiver)
    try:
        one.export(spans, time.monotonic() + 10.0)
    finally:
        one.shutdown(time.monotonic())


def resources(body: bytes) -> list[str]:
    return [each["resource"] for chunk in msgpack.unpackb(body) for each in chunk]


def test_it_is_a_span_exporter_by_the_name_datadog():
    one = DatadogSpanExporter(DatadogSettings())
    assert isinstance(one, SpanExporter)
    assert one.name == "datadog"


def test_a_batch_is_one_request_with_the_headers_that_the_agent_wants():
    with Receiver() as receiver:
        export(receiver, [span(1), span(2, trace_id=OTHER_TRACE), span(3, 1)])
    [request] = receiver.requests
    assert request.line.startswith("PUT /v0.4/traces ")
    assert len(msgpack.unpackb(request.body)) == 2
    assert request.headers["x-datadog-trace-count"] == "2"
    assert request.headers["content-type"] == "application/msgpack"
    assert request.headers["datadog-meta-lang"] == "python"
    assert request.headers["datadog-meta-tracer-version"]
    assert not [name for name in request.headers if name.startswith("datadog-client")]


def test_no_spans_are_no_request():
    with Receiver() as receiver:
        export(receiver, [])
    assert receiver.requests == []


def test_the_environment_counts_where_no_settings_are_given(monkeypatch):
    monkeypatch.setenv("DD_SERVICE", "shop")
    assert DatadogSpanExporter().settings.service == "shop"


def test_a_busy_agent_is_asked_again():
    with Receiver(answer(429), answer(503), answer(200)) as receiver:
        export(receiver, [span(1)])
    assert len(receiver.requests) == 3


def test_the_span_that_the_agent_refuses_is_found_and_its_neighbours_arrive():
    def decide(body: bytes):
        return answer(400, b"not this one") if "bad" in resources(body) else answer(200)

    with (
        Receiver(by_body=decide) as receiver,
        pytest.raises(SpansLost, match=r'^1 span lost: 1 \(span "bad" .*400 Bad Request: not this one') as lost,
    ):
        export(receiver, [span(1, name="a"), span(2, name="bad"), span(3, name="c")])
    assert lost.value.count == 1
    taken = [name for request in receiver.requests for name in resources(request.body) if "bad" not in resources(request.body)]
    assert sorted(taken) == ["a", "c"]


def test_flush_reports_an_agent_that_refuses_under_the_exporters_name():
    with Receiver(answer(400, b"no")) as receiver:
        recorder = SpanRecorder(exporter(receiver))
        recorder.end_span(recorder.start_span(SpanStart("s")))
        with pytest.raises(FlushError, match=r"datadog.*400 Bad Request: no"):
            recorder.flush()
    assert recorder.stats.dropped["export_failed"] == 1
