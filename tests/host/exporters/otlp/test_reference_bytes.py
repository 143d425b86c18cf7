"""Spans that Python recorded, as OTLP: without the native engine, and without opentelemetry-proto where it is missing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bext_abi import SpanEvent, SpanStart
from bext_host.exporters.otlp import encode_range, encode_request, encode_resource
from bext_host.exporters.otlp.reference import messages
from support.processes import run_python
from support.recording import recorded_batch

RESOURCE = encode_resource({"service.name": "s"})


def batch_of(*starts):
    def record(recorder):
        for start in starts:
            recorder.end_span(recorder.start_span(start))

    return recorded_batch(record, engine="reference")


def names(data: bytes) -> list[str]:
    request = messages().ExportTraceServiceRequest.FromString(data)
    return [span.name for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans]


def test_a_batch_is_encoded():
    assert names(encode_request(batch_of(SpanStart("a"), SpanStart("b")), {"service.name": "s"})) == ["a", "b"]


def test_a_range_is_encoded():
    assert names(encode_range(batch_of(SpanStart("a"), SpanStart("b"), SpanStart("c")), 1, 2, RESOURCE).data) == ["b"]


def test_no_spans_are_an_empty_request():
    assert encode_request([], {"service.name": "s"}) == b""


@pytest.mark.parametrize(
    "broken", [{"name": "\ud800"}, {"scope_name": "\ud800"}, {"attributes": {"k": 2**63}}, {"events": (SpanEvent("\ud800"),)}]
)
def test_a_span_that_cannot_be_encoded_is_dropped_alone(broken):
    first, second, third = batch_of(SpanStart("a"), SpanStart("b"), SpanStart("c"))
    encoded = encode_range([first, replace(second, **broken), third], 0, 3, RESOURCE)
    assert names(encoded.data) == ["a", "c"]
    assert (encoded.spans, encoded.unencodable) == (2, 1)


MISSING = """
import sys
sys.modules["opentelemetry"] = None
from bext_host.exporters import otlp
try:
    otlp.encode_request([], {})
except ModuleNotFoundError as error:
    print(error)
"""


def test_what_is_missing_is_named():
    assert "install bext-tracer[otlp]" in run_python(MISSING).stdout


def test_importing_the_package_imports_no_opentelemetry():
    assert run_python("import sys, bext_host.exporters.otlp; print('opentelemetry' in sys.modules)").stdout.strip() == "False"
