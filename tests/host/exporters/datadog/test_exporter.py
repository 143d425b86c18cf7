"""DatadogSpanExporter: what it gives to its sender, and what a recorder's flush says when that fails."""

from __future__ import annotations

import msgpack
import pytest

from bext_abi import FlushError, SpanStart
from bext_host import SpanRecorder
from bext_host.exporters import SpanExporter
from bext_host.exporters.datadog import DatadogSettings, DatadogSpanExporter
from host.exporters.sample_spans import LATER, OTHER_TRACE, span


class Sent:
    """Keeps what is sent, or raises `error`."""

    def __init__(self, error=None):
        self.requests = []
        self.error = error

    def __call__(self, path, body, headers, deadline):
        if self.error is not None:
            raise self.error
        self.requests.append((path, msgpack.unpackb(body), headers, deadline))


def test_it_is_a_span_exporter_by_the_name_datadog():
    exporter = DatadogSpanExporter(Sent(), DatadogSettings())
    assert isinstance(exporter, SpanExporter)
    assert exporter.name == "datadog"


def test_a_batch_is_one_request_with_the_headers_that_the_agent_wants():
    sent = Sent()
    DatadogSpanExporter(sent, DatadogSettings()).export([span(1), span(2, trace_id=OTHER_TRACE), span(3, 1)], LATER)
    [(path, traces, headers, deadline)] = sent.requests
    assert (path, len(traces), deadline) == ("/v0.4/traces", 2, LATER)
    assert headers["X-Datadog-Trace-Count"] == "2"
    assert headers["Content-Type"] == "application/msgpack"
    assert headers["Datadog-Meta-Lang"] == "python"
    assert headers["Datadog-Meta-Tracer-Version"]
    assert not [name for name in headers if name.startswith("Datadog-Client")]


def test_no_spans_are_no_request():
    sent = Sent()
    exporter = DatadogSpanExporter(sent, DatadogSettings())
    exporter.export([], LATER)
    exporter.shutdown(LATER)
    assert sent.requests == []


def test_the_environment_counts_where_no_settings_are_given(monkeypatch):
    monkeypatch.setenv("DD_SERVICE", "shop")
    assert DatadogSpanExporter(Sent()).settings.service == "shop"


def test_flush_reports_what_the_sender_raised_under_the_exporters_name():
    recorder = SpanRecorder(DatadogSpanExporter(Sent(OSError("no route")), DatadogSettings()))
    recorder.end_span(recorder.start_span(SpanStart("s")))
    with pytest.raises(FlushError, match=r"datadog.*no route"):
        recorder.flush()
