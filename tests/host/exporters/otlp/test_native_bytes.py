"""The request that C writes is, byte for byte, the one that OpenTelemetry's generated classes write of the same spans."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bext_abi import SpanEvent, SpanHandle, SpanKind, SpanLink, SpanStart, SpanStatus, StatusCode
from bext_host import FinishedSpan, Limits, SpanRecorder, engine
from bext_host.exporters.otlp import encode_cut, encode_range, encode_request, encode_resource
from bext_host.exporters.otlp.reference import encode_reference, messages
from bext_host.recorder.native_batch import NativeSpans
from host.exporters.generated_spans import LARGE, SPANS, Recorded
from support.recording import recorded_batch

pytestmark = pytest.mark.skipif(engine != "native", reason="this installation has no native engine")

RESOURCE = encode_resource({"service.name": "s", "process.pid": 7})


def batch_of(*spans: Recorded | SpanStart, limits: Limits = LARGE) -> NativeSpans:
    def record(recorder: SpanRecorder) -> None:
        for span in spans:
            (span if isinstance(span, Recorded) else Recorded(span)).record(recorder)

    batch = recorded_batch(record, engine="native", limits=limits)
    assert isinstance(batch, NativeSpans)
    assert len(batch) == len(spans)
    return batch


def assert_same_bytes(batch: Sequence[FinishedSpan], start: int = 0, stop: int | None = None) -> Any:
    """The bytes of both ways are equal; gives the message."""
    stop = len(batch) if stop is None else stop
    encoded = encode_range(batch, start, stop, RESOURCE)
    reference, refused = encode_reference(batch[start:stop], RESOURCE)
    assert (encoded.unencodable, refused) == (0, 0)
    message = messages().ExportTraceServiceRequest.FromString(encoded.data)
    assert str(message) == str(messages().ExportTraceServiceRequest.FromString(reference))
    assert encoded.data == reference
    return message


def spans_of(message: Any) -> list[Any]:
    return [span for scope in message.resource_spans[0].scope_spans for span in scope.spans]


@settings(max_examples=300, deadline=None)
@given(st.lists(SPANS, min_size=1, max_size=5))
def test_any_spans(spans):
    assert_same_bytes(batch_of(*spans))


VALUES = {
    "empty text": "", "zero": b"\0".decode(), "wide": "\u20ac \U0001f600 e\u0301", "true": True, "false": False, "0": 0, "-1": -1,
    "smallest": -(2**63), "largest": 2**63 - 1, "fixint": 127, "byte": 128, "-32": -32, "-33": -33, "0.0": 0.0, "-0.0": -0.0,
    "nan": math.nan, "inf": math.inf, "-inf": -math.inf, "tiny": 5e-324, "no items": (), "texts": ("", "b"), "bools": (True, False),
    "ints": (0, -(2**63), 2**63 - 1), "floats": (0.0, math.nan, -math.inf), "many": tuple(range(-200, 70_000, 7)), "long": "y" * 3_000_000,
}  # fmt: skip


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
def test_a_value_wherever_it_may_stand(value):
    attributes = {"k": value, "after": 1}
    start = SpanStart("s", attributes=attributes, links=(SpanLink(SpanHandle(1, 2), attributes),))
    message = assert_same_bytes(batch_of(Recorded(start, [SpanEvent("e", attributes)])))
    (span,) = spans_of(message)
    for found in (span.attributes, span.events[0].attributes, span.links[0].attributes):
        assert [pair.key for pair in found] == ["k", "after"]
        assert str(decoded(found[0].value)) == str(value)


def decoded(value: Any) -> Any:
    kind = value.WhichOneof("value")
    return tuple(map(decoded, value.array_value.values)) if kind == "array_value" else getattr(value, kind)


def test_every_field_of_a_span():
    remote, linked = SpanHandle(0x0102030405060708090A0B0C0D0E0F10, 0x1112131415161718), SpanHandle(2**128 - 1, 1)
    start = SpanStart(
        "name", SpanKind.PRODUCER, remote, True, trace_state="a=b", attributes={"k": "v"}, links=(SpanLink(linked, {"l": 1}, "c=d", 3),),
        start_time_unix_nanos=10, scope_name="scope", scope_version="1.2", dropped_attributes_count=4, dropped_links_count=5,
    )  # fmt: skip
    recorded = Recorded(start, [SpanEvent("e", {"f": 2.5}, 15, 6)], SpanStatus(StatusCode.ERROR, "broken"), 20, (0, 7))
    batch = batch_of(recorded)
    message = assert_same_bytes(batch)
    scope_spans = message.resource_spans[0].scope_spans[0]
    assert (scope_spans.scope.name, scope_spans.scope.version) == ("scope", "1.2")
    assert {pair.key: decoded(pair.value) for pair in message.resource_spans[0].resource.attributes} == {
        "service.name": "s",
        "process.pid": 7,
    }
    (span,) = scope_spans.spans
    assert span.trace_id.hex() == "0102030405060708090a0b0c0d0e0f10"
    assert span.parent_span_id.hex() == "1112131415161718"
    assert int.from_bytes(span.span_id, "big") == batch[0].handle.span_id
    assert (span.name, span.kind, span.trace_state) == ("name", span.SPAN_KIND_PRODUCER, "a=b")
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (10, 20)
    assert (span.flags, span.status.code, span.status.message) == (0x301, span.status.STATUS_CODE_ERROR, "broken")
    assert (span.dropped_attributes_count, span.dropped_events_count, span.dropped_links_count) == (4, 7, 5)
    (event,), (link,) = span.events, span.links
    assert (event.name, event.time_unix_nano, event.dropped_attributes_count) == ("e", 15, 6)
    assert (link.trace_id, int.from_bytes(link.span_id, "big")) == (b"\xff" * 16, 1)
    assert (link.trace_state, link.dropped_attributes_count, link.flags) == ("c=d", 3, 0x300)


@pytest.mark.parametrize(("kind", "number"), [(kind, number) for number, kind in enumerate(SpanKind, 1)])
def test_kinds_are_numbered_from_one(kind, number):
    assert spans_of(assert_same_bytes(batch_of(SpanStart("s", kind))))[0].kind == number


def test_flags_tell_a_local_parent_from_a_remote_one():
    parent = SpanHandle(1, 2)
    starts = [SpanStart("root"), SpanStart("local", parent=parent), SpanStart("remote", parent=parent, parent_is_remote=True)]
    spans = spans_of(assert_same_bytes(batch_of(*starts)))
    assert [span.flags for span in spans] == [0x101, 0x101, 0x301]
    assert [bool(span.parent_span_id) for span in spans] == [False, True, True]


def test_a_status_that_was_never_set_is_left_out():
    batch = batch_of(SpanStart("s"), Recorded(SpanStart("s"), status=SpanStatus(StatusCode.OK)))
    assert [span.HasField("status") for span in spans_of(assert_same_bytes(batch))] == [False, True]


def test_what_was_cut_at_the_limits():
    limits = Limits(span_attributes=2, span_events=2, span_links=2, event_attributes=1, link_attributes=1)
    attributes = {f"k{number}": number for number in range(5)}
    links = tuple(SpanLink(SpanHandle(1, number + 1), attributes) for number in range(5))
    recorded = Recorded(SpanStart("s", attributes=attributes, links=links), [SpanEvent("e", attributes)] * 5)
    (span,) = spans_of(assert_same_bytes(batch_of(recorded, limits=limits)))
    assert (span.dropped_attributes_count, span.dropped_events_count, span.dropped_links_count) == (3, 3, 3)
    assert (span.events[0].dropped_attributes_count, span.links[0].dropped_attributes_count) == (4, 4)


def test_scopes_come_once_each_in_the_order_of_their_first_spans():
    scopes = [("b", "1"), ("a", ""), ("b", "1"), ("b", "2"), ("", ""), ("a", ""), ("b1", "")]
    starts = [SpanStart(f"s{number}", scope_name=name, scope_version=version) for number, (name, version) in enumerate(scopes)]
    message = assert_same_bytes(batch_of(*starts))
    found = message.resource_spans[0].scope_spans
    assert [(scope.scope.name, scope.scope.version) for scope in found] == [("b", "1"), ("a", ""), ("b", "2"), ("", ""), ("b1", "")]
    assert [[span.name for span in scope.spans] for scope in found] == [["s0", "s2"], ["s1", "s5"], ["s3"], ["s4"], ["s6"]]


def test_as_many_scopes_as_spans():
    names = [f"scope {number}" for number in range(20_000)]
    message = assert_same_bytes(batch_of(*[SpanStart("s", scope_name=name) for name in names * 2]))
    assert [len(scope.spans) for scope in message.resource_spans[0].scope_spans] == [2] * 20_000


@pytest.mark.parametrize(("start", "stop"), [(0, 5), (0, 2), (2, 5), (4, 5), (1, 4), (0, 100)])
def test_a_range_is_a_request_of_its_own(start, stop):
    batch = batch_of(*[SpanStart(f"s{number}", scope_name=str(number % 2)) for number in range(5)])
    names = {span.name for span in spans_of(assert_same_bytes(batch, start, stop))}
    assert names == {f"s{number}" for number in range(start, min(stop, 5))}


@pytest.mark.parametrize(("start", "stop"), [(0, 0), (1, 1), (2, 1), (1, 5), (-3, 0), (5, 2**64)])
def test_no_spans_are_an_empty_request(start, stop):
    encoded = encode_range(batch_of(SpanStart("s")), start, stop, RESOURCE)
    assert (encoded.data, encoded.spans, encoded.unencodable) == (b"", 0, 0)


def test_a_whole_batch_with_the_attributes_of_its_resource():
    batch = batch_of(SpanStart("s"))
    assert encode_request(batch, {"service.name": "s", "process.pid": 7}) == encode_range(batch, 0, 1, RESOURCE).data
    assert encode_request(list(batch), {"service.name": "s", "process.pid": 7}) == encode_range(batch, 0, 1, RESOURCE).data


@pytest.mark.parametrize("as_batch", [lambda batch: batch, list], ids=["native", "reference"])
@pytest.mark.parametrize("at_most", [1, 300, 5000, 20_000, 2**40])
def test_requests_cut_by_size_have_every_span_once_in_order(as_batch: Callable[[Any], Any], at_most):
    batch = batch_of(*[SpanStart(f"s{number}", attributes={"k": "v" * (number * 37 % 900)}) for number in range(100)])
    requests = list(encode_cut(as_batch(batch), 3, 100, RESOURCE, at_most))
    assert [request.start for request in requests] == [3, *[request.stop for request in requests[:-1]]]
    assert requests[-1].stop == 100
    names = [span.name for request in requests for span in spans_of(messages().ExportTraceServiceRequest.FromString(request.data))]
    assert names == [f"s{number}" for number in range(3, 100)]
    assert all(len(request.data) <= at_most or request.spans == 1 for request in requests)


def test_a_request_that_protobuf_cannot_hold_is_refused():
    batch, too_large = batch_of(SpanStart("a"), SpanStart("b")), bytes(2**31)  # zeros that take no memory until they are read
    with pytest.raises(OverflowError, match="2 GiB"):
        encode_range(batch, 0, 2, too_large)
    requests = list(encode_cut(batch, 0, 2, too_large, 1000))
    assert [(request.start, request.stop, request.spans, request.unencodable) for request in requests] == [(0, 1, 0, 1), (1, 2, 0, 1)]


def test_threads_encode_the_same_batch_at_once():
    batch = batch_of(*[SpanStart("s", attributes={"k": number}, scope_name=str(number % 7)) for number in range(500)])
    expected, found = encode_range(batch, 0, 500, RESOURCE), []
    threads = [threading.Thread(target=lambda: found.append(encode_range(batch, 0, 500, RESOURCE))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 8


def test_the_comparison_sees_a_difference():
    """So that the tests above do not pass because nothing is compared."""
    one, other = batch_of(SpanStart("s")), batch_of(SpanStart("t"))
    assert encode_range(one, 0, 1, RESOURCE).data != encode_reference(other, RESOURCE)[0]
