"""StdoutExporter("otlp-json"): an OTLP request a line, for programs that read OTLP/JSON."""

from __future__ import annotations

import io

from bext_host.exporters import StdoutExporter
from host.exporters.otlp_messages import read, request_of
from host.exporters.sample_spans import LATER, Terminal, a_request, span


def test_each_batch_is_a_line_when_it_comes_and_an_empty_one_is_none():
    stream = io.StringIO()
    exporter = StdoutExporter("otlp-json", stream, resource={"service.name": "shop"})
    exporter.export(a_request(), LATER)
    exporter.export([], LATER)
    exporter.export([span(9)], LATER)
    before = stream.getvalue()
    exporter.shutdown(LATER)
    assert stream.getvalue() == before
    assert [read(line) for line in before.splitlines()] == [
        request_of(batch, {"service.name": "shop"}) for batch in (a_request(), [span(9)])
    ]


def test_without_a_resource_the_service_is_unknown_and_a_terminal_changes_nothing():
    stream = Terminal()
    StdoutExporter("otlp-json", stream).export([span(1)], LATER)
    assert read(stream.getvalue()) == request_of([span(1)], {"service.name": "unknown_service:bext-tracer"})
