"""A request cut in two: the same spans, in their order, under the same resource and scopes."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bext_host.exporters.otlp import encode_request
from bext_host.exporters.otlp.parts import halves, shown_first
from host.exporters.sample_spans import span

RESOURCE = {"service.name": "shop", "n": 1}


def body(*scopes: str) -> bytes:
    spans = [span(number, name=f"span {number}", scope_name=scope) for number, scope in enumerate(scopes, 1)]
    return encode_request(spans, RESOURCE)


def rows(request: bytes) -> list[tuple[str, str]]:
    """The spans in order, each with its scope, under the one resource."""
    read = ExportTraceServiceRequest.FromString(request)
    assert {attribute.key for spans in read.resource_spans for attribute in spans.resource.attributes} >= set(RESOURCE)
    return [(each.name, scope.scope.name) for spans in read.resource_spans for scope in spans.scope_spans for each in scope.spans]


@pytest.mark.parametrize("scopes", [["a"] * 2, ["a"] * 7, ["a", "b", "c"], ["a", "a", "b", "b", "b"], [""] * 300])
def test_halves_have_together_what_the_whole_had(scopes):
    whole = body(*scopes)
    cut = halves(whole)
    assert cut is not None
    first, second, spans = cut
    assert len(rows(first)) == spans == len(scopes) // 2
    assert rows(first) + rows(second) == rows(whole)


def test_what_cannot_be_cut_is_not():
    assert halves(body("a")) is None
    assert halves(b"") is None


@pytest.mark.parametrize("garbage", [b"\xff", b"\x0a\x05ab", b"\x08\x01", b"\x0a\x02\x10\x01"])
def test_garbage_is_not_cut_and_has_no_name(garbage):
    assert halves(garbage) is None
    assert shown_first(garbage) in {"a span", 'span ""  of trace '}


def test_the_first_span_is_named_for_people():
    whole = encode_request([span(7, name="evil\x1b"), span(8)], RESOURCE)
    assert shown_first(whole) == 'span "evil\\x1b" 0000000000000007 of trace 4bf92f3577b34da6a3ce929d0e0e4736'
