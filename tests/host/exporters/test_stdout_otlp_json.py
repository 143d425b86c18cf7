"""StdoutExporter("otlp-json"): an OTLP request a line, for programs that read OTLP/JSON."""

from __future__ import annotations

import io

import pytest

from bext_host.exporters import StdoutExporter
from bext_host.exporters.resource import resource_attributes
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
    resource = resource_attributes(attributes={"service.name": "shop"})
    assert [read(line) for line in before.splitlines()] == [request_of(batch, resource) for batch in (a_request(), [span(9)])]


def test_a_terminal_changes_nothing():
    stream = Terminal()
    StdoutExporter("otlp-json", stream).export([span(1)], LATER)
    assert read(stream.getvalue()) == request_of([span(1)], resource_attributes())


def test_the_resource_is_the_environments(monkeypatch, caplog):
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "host.name=a,bad")
    stream = io.StringIO()
    StdoutExporter("otlp-json", stream).export([span(1)], LATER)
    assert "OTEL_RESOURCE_ATTRIBUTES is discarded: item 2 is not key=value" in caplog.text
    assert read(stream.getvalue()) == request_of([span(1)], resource_attributes("shop"))


@pytest.mark.parametrize("form", ["tree", "json"])
def test_the_other_formats_read_no_resource(monkeypatch, caplog, form):
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "bad")
    StdoutExporter(form, io.StringIO())
    assert caplog.text == ""
