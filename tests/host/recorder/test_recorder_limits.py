"""What a span and the queue may hold: every limit is inclusive, and what goes beyond is dropped and counted."""

from __future__ import annotations

import pytest

from bext_abi import SpanEvent, SpanHandle, SpanLink, SpanStart, SpanStatus, StatusCode, codec
from bext_host import Limits, SpanRecorder
from support.recording import Recording

BARE_BYTES = len(codec.encode_span_start(SpanStart("s")))
ERROR = SpanStatus(StatusCode.ERROR, "x" * 100)
STRANGER = SpanHandle(5, 6)


def attribute_bytes(key: str, value: object) -> int:
    """What an attribute weighs: its key and value, without the header of the pair."""
    return len(codec.encode_attribute(key, value)) - 1


# --- Numbers ---


def test_as_many_attributes_as_the_limit_says_fit_and_no_more():
    recording = Recording(limits=Limits(span_attributes=3))
    handle = recording.start(attributes={"a": 0, "b": 0})
    for key in "cde":
        recording.recorder.set_attribute(handle, key, 0)
    span = recording.ended(handle)
    assert list(span.attributes) == ["a", "b", "c"]
    assert span.dropped_attributes_count == 2
    assert recording.drops == {"attribute_limit": 2}


def test_attributes_of_the_start_count_like_later_ones():
    recording = Recording(limits=Limits(span_attributes=2))
    span = recording.ended(recording.start(attributes=dict.fromkeys("abc", 0)))
    assert list(span.attributes) == ["a", "b"]
    assert span.dropped_attributes_count == 1
    assert recording.drops == {"attribute_limit": 1}


def test_overwriting_needs_no_further_place():
    recording = Recording(limits=Limits(span_attributes=1))
    handle = recording.start()
    for value in range(5):
        recording.recorder.set_attribute(handle, "a", value)
    assert recording.ended(handle).attributes == {"a": 4}
    assert recording.drops == {}


def test_as_many_events_as_the_limit_says_fit_and_no_more():
    recording = Recording(limits=Limits(span_events=2))
    handle = recording.start()
    for name in ("first", "second", "third"):
        recording.recorder.add_event(handle, SpanEvent(name))
    span = recording.ended(handle)
    assert [event.name for event in span.events] == ["first", "second"]
    assert span.dropped_events_count == 1
    assert recording.drops == {"event_limit": 1}


def test_as_many_links_as_the_limit_says_fit_and_no_more():
    recording = Recording(limits=Limits(span_links=2))
    links = tuple(SpanLink(SpanHandle(9, number)) for number in (1, 2, 3))
    span = recording.ended(recording.start(links=links))
    assert span.links == links[:2]
    assert span.dropped_links_count == 1
    assert recording.drops == {"link_limit": 1}


def test_links_to_nothing_take_no_place():
    recording = Recording(limits=Limits(span_links=1))
    span = recording.ended(recording.start(links=(SpanLink(SpanHandle.INVALID), SpanLink(STRANGER))))
    assert [link.handle for link in span.links] == [STRANGER]
    assert recording.drops == {}


def test_attributes_of_events_and_links_have_limits_of_their_own():
    recording = Recording(limits=Limits(event_attributes=2, link_attributes=1))
    attributes = dict.fromkeys("abc", 0)
    handle = recording.start(links=(SpanLink(STRANGER, attributes),))
    recording.recorder.add_event(handle, SpanEvent("e", attributes))
    span = recording.ended(handle)
    assert list(span.events[0].attributes) == ["a", "b"]
    assert span.events[0].dropped_attributes_count == 1
    assert list(span.links[0].attributes) == ["a"]
    assert span.links[0].dropped_attributes_count == 2


def test_what_is_cut_from_events_and_links_is_counted_by_reason():
    recording = Recording(limits=Limits(event_attributes=2, link_attributes=1))
    attributes = {"a": 0, "b": 0, "c": 0, "malformed": object()}
    handle = recording.start(links=(SpanLink(STRANGER, attributes),))
    recording.recorder.add_event(handle, SpanEvent("e", attributes))
    assert recording.drops == {"attribute_limit": 3, "malformed": 2}


def test_all_numbers_may_be_zero():
    recording = Recording(limits=Limits(span_attributes=0, span_events=0, span_links=0))
    handle = recording.start(attributes={"a": 1}, links=(SpanLink(STRANGER),))
    recording.recorder.add_event(handle, SpanEvent("e"))
    span = recording.ended(handle)
    assert (span.attributes, span.events, span.links) == ({}, (), ())
    assert recording.drops == {"attribute_limit": 1, "event_limit": 1, "link_limit": 1}


# --- Bytes ---


@pytest.mark.parametrize(("spare", "kept"), [(0, True), (-1, False)])
def test_a_spans_bytes_are_inclusive_for_attributes(spare, kept):
    recording = Recording(limits=Limits(span_bytes=BARE_BYTES + attribute_bytes("k", "v" * 100) + spare))
    handle = recording.start()
    recording.recorder.set_attribute(handle, "k", "v" * 100)
    span = recording.ended(handle)
    assert ("k" in span.attributes) is kept
    assert span.dropped_attributes_count == (not kept)
    assert recording.drops == ({} if kept else {"memory_limit": 1})


@pytest.mark.parametrize(("spare", "kept"), [(0, True), (-1, False)])
def test_a_spans_bytes_are_inclusive_for_events(spare, kept):
    event = SpanEvent("e" * 100)
    recording = Recording(limits=Limits(span_bytes=BARE_BYTES + len(codec.encode_span_event(event)) + spare))
    handle = recording.start()
    recording.recorder.add_event(handle, event)
    span = recording.ended(handle)
    assert bool(span.events) is kept
    assert span.dropped_events_count == (not kept)
    assert recording.drops == ({} if kept else {"memory_limit": 1})


@pytest.mark.parametrize(("spare", "kept"), [(0, True), (-1, False)])
def test_a_spans_bytes_are_inclusive_for_the_status(spare, kept):
    recording = Recording(limits=Limits(span_bytes=BARE_BYTES + len(codec.encode_span_status(ERROR)) + spare))
    handle = recording.start()
    recording.recorder.set_status(handle, ERROR)
    assert recording.ended(handle).status == (ERROR if kept else SpanStatus())
    assert recording.drops == ({} if kept else {"memory_limit": 1})


def test_an_overwritten_status_gives_its_bytes_back():
    recording = Recording(limits=Limits(span_bytes=BARE_BYTES + len(codec.encode_span_status(ERROR))))
    handle = recording.start()
    for _ in range(3):
        recording.recorder.set_status(handle, ERROR)
    recording.recorder.set_status(handle, SpanStatus(StatusCode.OK))
    recording.recorder.set_attribute(handle, "k", "v" * 80)
    span = recording.ended(handle)
    assert (span.status.code, len(span.attributes["k"])) == (StatusCode.OK, 80)
    assert recording.drops == {}


def test_an_attribute_weighs_the_same_at_the_start_and_later():
    limits = Limits(span_bytes=BARE_BYTES + 2 * attribute_bytes("a", "x" * 50))
    at_start, later = Recording(limits=limits), Recording(limits=limits)
    values = dict.fromkeys("abc", "x" * 50)
    handle = later.start()
    for key, value in values.items():
        later.recorder.set_attribute(handle, key, value)
    assert list(at_start.ended(at_start.start(attributes=values)).attributes) == list(later.ended(handle).attributes) == ["a", "b"]


def test_an_overwritten_value_gives_its_bytes_back():
    recording = Recording(limits=Limits(span_bytes=BARE_BYTES + attribute_bytes("a", "x" * 1_000)))
    handle = recording.start()
    recording.recorder.set_attribute(handle, "a", "x" * 1_000)
    recording.recorder.set_attribute(handle, "a", "")
    recording.recorder.set_attribute(handle, "b", "y" * 900)
    span = recording.ended(handle)
    assert (span.attributes["a"], len(span.attributes["b"])) == ("", 900)
    assert recording.drops == {}


def test_a_value_that_does_not_fit_leaves_the_one_before():
    recording = Recording(limits=Limits(span_bytes=BARE_BYTES + attribute_bytes("a", "x" * 10)))
    handle = recording.start()
    recording.recorder.set_attribute(handle, "a", "x" * 10)
    recording.recorder.set_attribute(handle, "a", "y" * 11)
    recording.recorder.set_attribute(handle, "a", "z" * 10)
    assert recording.ended(handle).attributes == {"a": "z" * 10}
    assert recording.drops == {"memory_limit": 1}


def test_a_start_that_is_too_large_by_itself_is_no_span():
    recording = Recording(limits=Limits(span_bytes=BARE_BYTES))
    assert not recording.start("s").is_invalid
    assert recording.start("too long") == SpanHandle.INVALID
    assert recording.drops == {"memory_limit": 1}


# --- The host's own ---


def test_the_hosts_facts_stand_outside_every_limit():
    recording = Recording(limits=Limits(span_attributes=1, span_events=1, event_attributes=0, span_bytes=BARE_BYTES + 20))
    handle = recording.start(attributes={"guest": 1})
    recording.recorder.record_host(
        handle,
        attributes={f"bext.{number}": "x" * 100 for number in range(200)},
        events=[SpanEvent("exception", {"exception.message": "x" * 100})] * 200,
    )
    span = recording.ended(handle)
    assert (len(span.attributes), len(span.events)) == (201, 200)
    assert span.events[0].attributes == {"exception.message": "x" * 100}
    assert span.dropped_attributes_count == span.dropped_events_count == 0
    assert recording.drops == {}


def test_the_hosts_verdict_stands_outside_the_limits_and_gives_the_guests_status_back():
    recording = Recording(limits=Limits(span_bytes=BARE_BYTES + len(codec.encode_span_status(ERROR))))
    handle = recording.start()
    recording.recorder.set_status(handle, ERROR)
    verdict = SpanStatus(StatusCode.ERROR, "abandoned " * 100)
    recording.recorder.record_host(handle, status=verdict)
    recording.recorder.set_attribute(handle, "k", "v" * 80)
    span = recording.ended(handle)
    assert (span.status, len(span.attributes["k"])) == (verdict, 80)
    assert recording.drops == {}


def test_reserved_keys_stand_outside_the_limits_at_start_and_later():
    recording = Recording(limits=Limits(span_attributes=1, span_bytes=BARE_BYTES + attribute_bytes("guest", 1)))
    handle = recording.start(attributes={f"bext.{number}": "x" * 100 for number in range(10)})
    recording.recorder.set_attribute(handle, "guest", 1)
    recording.recorder.set_attribute(handle, "bext.late", "x" * 100)
    assert len(recording.ended(handle).attributes) == 12
    assert recording.drops == {}


def test_the_hosts_facts_take_no_place_from_the_guest():
    recording = Recording(limits=Limits(span_attributes=1, span_events=1))
    handle = recording.start()
    recording.recorder.record_host(handle, attributes={"bext.a": 1, "plain": 1}, events=[SpanEvent("host")])
    recording.recorder.set_attribute(handle, "guest", 1)
    recording.recorder.add_event(handle, SpanEvent("guest"))
    span = recording.ended(handle)
    assert "guest" in span.attributes
    assert [event.name for event in span.events] == ["host", "guest"]


def test_what_was_dropped_before_is_added_to_the_dropped_counts():
    recording = Recording(limits=Limits(span_links=0))
    handle = recording.start(dropped_attributes_count=2, dropped_links_count=3, links=(SpanLink(STRANGER),), attributes={"x": object()})
    recording.recorder.add_dropped(handle, attributes=5, events=7)
    span = recording.ended(handle)
    assert (span.dropped_attributes_count, span.dropped_events_count, span.dropped_links_count) == (8, 7, 4)
    assert recording.drops == {"link_limit": 1, "malformed": 1}


# --- The queue ---


def test_beyond_the_queues_number_the_newest_span_is_dropped():
    recording = Recording(limits=Limits(queue_spans=2))
    for name in ("first", "second", "third"):
        recording.recorder.end_span(recording.start(name))
    assert recording.recorder.queued_spans == 2
    assert [span.name for span in recording.spans()] == ["first", "second"]
    assert recording.drops == {"queue_full": 1}
    assert recording.recorder.stats.ended == 3


def test_a_flush_makes_room_again():
    recording = Recording(limits=Limits(queue_spans=1))
    for name in ("first", "second", "third"):
        recording.recorder.end_span(recording.start(name))
        recording.recorder.flush()
    assert [span.name for span in recording.exporter.spans] == ["first", "second", "third"]
    assert recording.drops == {}


@pytest.mark.parametrize(("spare", "kept"), [(0, ["a", "b"]), (-1, ["a"])])
def test_the_queues_bytes_are_inclusive(spare, kept):
    recording = Recording(limits=Limits(queue_bytes=2 * BARE_BYTES + spare))
    for name in ("a", "b", "c"):
        recording.recorder.end_span(recording.start(name))
    assert [span.name for span in recording.spans()] == kept
    assert recording.drops == {"queue_full": 3 - len(kept)}


@pytest.mark.parametrize("by_host", [False, True])
def test_a_status_counts_in_the_queues_bytes(by_host):
    recording = Recording(limits=Limits(queue_bytes=2 * (BARE_BYTES + len(codec.encode_span_status(ERROR)))))
    for name in ("a", "b", "c"):
        handle = recording.start(name)
        if by_host:
            recording.recorder.record_host(handle, status=ERROR)
        else:
            recording.recorder.set_status(handle, ERROR)
        recording.recorder.end_span(handle)
    assert [span.name for span in recording.spans()] == ["a", "b"]
    assert recording.drops == {"queue_full": 1}


def test_max_queue_overrides_the_limit():
    recording = Recording(max_queue=1, limits=Limits(queue_spans=100))
    for name in ("first", "second"):
        recording.recorder.end_span(recording.start(name))
    assert [span.name for span in recording.spans()] == ["first"]


def test_a_queue_for_no_span_drops_every_span():
    recording = Recording(max_queue=0)
    recording.recorder.end_span(recording.start())
    assert recording.spans() == []
    assert recording.drops == {"queue_full": 1}


def test_limits_below_zero_and_of_other_types_are_refused():
    for wrong in (-1, 1.5, True, "1", None):
        with pytest.raises(ValueError, match="span_events"):
            Limits(span_events=wrong)
    with pytest.raises(ValueError, match="max_queue"):
        SpanRecorder(max_queue=-1)
