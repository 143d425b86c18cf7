"""What the SDK's own encoder makes of our spans is what our encoder writes, field by field, but for what it has no words for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bext_abi import SpanEvent, SpanHandle, SpanKind, SpanLink, SpanStatus, StatusCode
from bext_host import FinishedSpan, SpanRecorder
from bext_host.exporters.otel.mapping import SpanMapping
from bext_host.exporters.otlp import encode_request
from bext_host.exporters.otlp.reference import messages
from host.exporters.generated_spans import LARGE, SPANS, Recorded
from host.exporters.sample_spans import OTHER_TRACE, START, a_request, span
from support.raw_guest import ENGINES
from support.recording import recorded_batch

pytest.importorskip("opentelemetry.sdk", reason="needs opentelemetry-sdk, of the extra `otel`")
encoder = pytest.importorskip("opentelemetry.exporter.otlp.proto.common.trace_encoder", reason="needs the SDK's OTLP encoder")

RESOURCE = {"service.name": "shop", "process.pid": 77, "tags": ("a", "b"), "ratio": 0.5, "on": True}
SAMPLED = 0x1
HAS_IS_REMOTE = 0x100


def mapped(batch: Sequence[FinishedSpan]) -> list[Any]:
    spans, refused = SpanMapping(RESOURCE).spans(batch)
    assert refused == {}
    return spans


def by_the_sdk(batch: Sequence[FinishedSpan]) -> Any:
    return encoder.encode_spans(mapped(batch))


def by_us(batch: Sequence[FinishedSpan]) -> Any:
    """Our request, less what the SDK's encoder has no words for.

    It leaves out W3C's trace flags and a link's trace state, does not tell a link of which nothing is known from a local one, and writes
    a status that was never set as an empty one.
    """
    request = messages().ExportTraceServiceRequest.FromString(encode_request(batch, RESOURCE))
    for each in spans_of(request):
        each.flags &= ~SAMPLED
        each.status.SetInParent()
        for link in each.links:
            link.trace_state = ""
            link.flags |= HAS_IS_REMOTE
    return request


def spans_of(request: Any) -> list[Any]:
    return [each for resource in request.resource_spans for scope in resource.scope_spans for each in scope.spans]


def recorded(*spans: Recorded, engine: str | None = None) -> Sequence[FinishedSpan]:
    def record(recorder: SpanRecorder) -> None:
        for each in spans:
            each.record(recorder)

    return recorded_batch(record, engine=engine, limits=LARGE)


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=150, deadline=None)
@given(st.lists(SPANS, min_size=1, max_size=5))
def test_any_spans(engine, spans):
    batch = recorded(*spans, engine=engine)
    assert str(by_the_sdk(batch)) == str(by_us(batch))


def test_a_realistic_trace():
    request = by_the_sdk(a_request())
    assert request == by_us(a_request())
    assert len(spans_of(request)) == len(a_request())


def every_field() -> FinishedSpan:
    return span(
        2,
        1,
        "every field",
        5,
        9,
        kind=SpanKind.PRODUCER,
        parent_is_remote=True,
        trace_state="vendor=a,other=b",
        attributes={"array": (1, 2), "text": "é", "yes": True},
        events=(SpanEvent("happened", {"at": 1.5}, START + 7, 3),),
        links=(SpanLink(SpanHandle(OTHER_TRACE, 7), {"why": "retry"}, "far=1", 4), SpanLink(SpanHandle(OTHER_TRACE, 8))),
        status=SpanStatus(StatusCode.ERROR, "broken"),
        dropped_attributes_count=5,
        dropped_events_count=6,
        dropped_links_count=7,
        scope_name="plugin",
        scope_version="1.2",
    )


def test_what_an_exporter_can_ask_a_span():
    [found] = mapped([every_field()])
    assert (found.name, found.kind.name, found.start_time, found.end_time) == ("every field", "PRODUCER", START + 5, START + 9)
    assert (found.status.status_code.name, found.status.description) == ("ERROR", "broken")
    assert (found.instrumentation_scope.name, found.instrumentation_scope.version) == ("plugin", "1.2")
    assert dict(found.attributes) == {"array": (1, 2), "text": "é", "yes": True}
    assert dict(found.resource.attributes) == RESOURCE
    assert (found.dropped_attributes, found.dropped_events, found.dropped_links) == (5, 6, 7)
    [event] = found.events
    assert (event.name, dict(event.attributes), event.timestamp, event.dropped_attributes) == ("happened", {"at": 1.5}, START + 7, 3)


def test_the_contexts_of_a_span_of_its_parent_and_of_its_links():
    [found] = mapped([every_field()])
    contexts = [found.context, found.parent, *(link.context for link in found.links)]
    assert [(each.span_id, each.is_valid, each.is_remote) for each in contexts] == [
        (2, True, False),
        (1, True, True),
        (7, True, True),
        (8, True, False),
    ]
    assert [each.trace_flags.sampled for each in contexts] == [True, True, False, False]
    state = "vendor=a,other=b"
    assert [each.trace_state.to_header() for each in contexts] == [state, state, "far=1", ""]
    assert [(dict(link.attributes), link.dropped_attributes) for link in found.links] == [({"why": "retry"}, 4), ({}, 0)]


def test_a_root_has_no_parent():
    [found] = mapped([span(1)])
    assert found.parent is None


@pytest.mark.parametrize("kind", SpanKind)
def test_every_kind(kind):
    assert by_the_sdk([span(1, kind=kind)]) == by_us([span(1, kind=kind)])


@pytest.mark.parametrize("count", [1, 2**32 - 1, 2**32, 2**70])
def test_dropped_counts_arrive_on_the_wire(count):
    event, link = SpanEvent("e", {}, START, count), SpanLink(SpanHandle(1, 2), {}, "", count)
    lossy = span(1, events=(event,), links=(link,), dropped_attributes_count=count, dropped_events_count=count, dropped_links_count=count)
    [sent] = spans_of(by_the_sdk([lossy]))
    counts = [sent.dropped_attributes_count, sent.dropped_events_count, sent.dropped_links_count]
    counts += [sent.events[0].dropped_attributes_count, sent.links[0].dropped_attributes_count]
    assert counts == [min(count, 2**32 - 1)] * 5


def test_a_message_belongs_to_an_error_alone():
    [found] = mapped([span(1, status=SpanStatus(StatusCode.OK, "fine"))])
    assert (found.status.status_code.name, found.status.description) == ("OK", None)


def test_spans_of_one_scope_share_it():
    first, second, other = mapped([span(1, scope_name="a"), span(2, scope_name="a"), span(3, scope_name="b")])
    assert first.instrumentation_scope is second.instrumentation_scope is not other.instrumentation_scope


BROKEN: dict[str, dict[str, Any]] = {
    "name": {"name": None},
    "kind": {"kind": 9},
    "handle": {"handle": SpanHandle.INVALID},
    "no handle": {"handle": None},
    "parent": {"parent": SpanHandle.INVALID},
    "time": {"start_time_unix_nanos": -1},
    "no time": {"end_time_unix_nanos": None},
    "order": {"end_time_unix_nanos": START - 1},
    "attributes": {"attributes": None},
    "key": {"attributes": {"": 1}},
    "value": {"attributes": {"k": object()}},
    "mixed": {"attributes": {"k": (1, "a")}},
    "large": {"attributes": {"k": 2**63}},
    "event": {"events": (SpanEvent("e"),)},
    "not an event": {"events": ("e",)},
    "event's time": {"events": (SpanEvent("e", {}, 2**64),)},
    "link": {"links": (SpanLink(SpanHandle.INVALID),)},
    "status": {"status": SpanStatus(7)},
    "count": {"dropped_links_count": -1},
    "scope": {"scope_name": ["a"]},
    "version": {"scope_version": None},
    "state": {"trace_state": 5},
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_a_span_that_cannot_be_mapped_is_refused_alone(broken):
    spans, refused = SpanMapping(RESOURCE).spans([span(1), replace(span(2), **broken), span(3)])
    assert [each.context.span_id for each in spans] == [1, 3]
    assert list(refused.values()) == [1]
    assert len(spans_of(encoder.encode_spans(spans))) == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "\ud800"},
        {"scope_name": "\ud800"},
        {"attributes": {"\ud800": "\udfff"}},
        {"status": SpanStatus(StatusCode.ERROR, "\ud800")},
        {"events": (SpanEvent("\ud800", {}, START),)},
    ],
)
def test_a_text_without_a_utf8_form_is_made_well_formed(changed):
    assert "\ufffd" in str(spans_of(by_the_sdk([replace(span(1), **changed)]))[0]) or "scope_name" in changed


@pytest.mark.parametrize("resource", [{"k": object()}, {"": 1}, {"k": 2**64}])
def test_a_resource_that_has_no_form_is_refused(resource):
    with pytest.raises(ValueError, match="attribute"):
        SpanMapping(resource)


def test_the_comparison_sees_a_difference():
    """So that the tests above do not pass because nothing is compared."""
    assert by_the_sdk([span(1)]) != by_us([span(1, name="other")])
    assert str(by_the_sdk([span(1)])) != str(by_us([span(1, attributes={"k": 1})]))
