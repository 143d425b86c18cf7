"""Limits in number and the host's keys: what goes beyond is dropped alone, counted, and told to the tracer (ABI.md, "Limits")."""

from __future__ import annotations

import pytest

from bext_abi import SpanEvent, SpanHandle, SpanLink, codec
from bext_host import Limits
from support.raw_guest import span_payload


def numbered(count: int, prefix: str = "k") -> dict[str, int]:
    return {f"{prefix}{number}": number for number in range(count)}


def event(name: str = "e", **attributes) -> bytes:
    return codec.encode_span_event(SpanEvent(name, attributes))


class TestAttributesOfASpan:
    """128 distinct keys, from the start and from set_attribute together."""

    def test_the_first_128_of_a_start_are_kept_in_order(self, guest):
        guest.start(span_payload(attributes=numbered(130)))
        span = guest.seen("start_span")[0][0]
        assert list(span.attributes.items()) == list(numbered(128).items())
        assert span.dropped_attributes_count == 2
        assert guest.drops == {"attribute_limit": 2}

    def test_a_key_that_comes_twice_counts_once(self, guest):
        pairs = b"".join(b"\xa4" + f"k{number:03}".encode() + b"\x01" for number in [*range(128), 5, 6])
        guest.start(b"\x82\xa4name\xa1s\xaaattributes\xde\x00\x82" + pairs)
        assert len(guest.seen("start_span")[0][0].attributes) == 128
        assert guest.drops == {}

    def test_a_new_key_beyond_128_is_dropped_and_an_old_one_overwritten(self, guest):
        span = guest.start(span_payload(attributes=numbered(127)))
        guest.set_attribute(span, "new", 1)
        guest.set_attribute(span, "one too many", 1)
        guest.set_attribute(span, "k0", 2)
        guest.set_attribute(span, "new", 2)
        assert [call[1:] for call in guest.seen("set_attribute")] == [("new", 1), ("k0", 2), ("new", 2)]
        assert guest.drops == {"attribute_limit": 1}

    def test_another_span_has_room_of_its_own(self, make_guest):
        guest = make_guest(limits=Limits(span_attributes=1))
        for _ in range(2):
            guest.start(span_payload(attributes={"k": 1}))
        assert guest.drops == {}

    def test_a_dropped_key_leaves_no_room_taken(self, make_guest):
        guest = make_guest(limits=Limits(span_attributes=1))
        span = guest.start(b"\x82\xa4name\xa1s\xaaattributes\x82\xa6bext.a\x01\xa1b\xc0")
        guest.set_attribute(span, "k", 1)
        assert guest.drops == {"reserved_key": 1, "malformed": 1}


class TestReservedKeys:
    """Keys that start with `bext.` are the host's."""

    def test_they_are_dropped_from_a_start_its_links_and_its_events(self, guest):
        own = {"bext.": 1, "bext.plugin": 2, "bext": 3, "Bext.x": 4, "x.bext.": 5}
        kept = {"bext": 3, "Bext.x": 4, "x.bext.": 5}
        span = guest.start(span_payload(attributes=own, links=(SpanLink(SpanHandle(1, 2), own),)))
        guest.record("add_event", span, codec.encode_span_event(SpanEvent("e", own)))
        start = guest.seen("start_span")[0][0]
        assert start.attributes == kept
        assert start.links == (SpanLink(SpanHandle(1, 2), kept, dropped_attributes_count=2),)
        assert guest.seen("add_event")[0][1] == SpanEvent("e", kept, dropped_attributes_count=2)
        assert start.dropped_attributes_count == 2
        assert guest.drops == {"reserved_key": 6}

    def test_set_attribute_drops_the_call(self, guest):
        span = guest.start()
        guest.set_attribute(span, "bext.outcome", "ok")
        assert guest.seen("set_attribute") == []
        assert guest.drops == {"reserved_key": 1}

    def test_they_do_not_count_in_the_limit(self, make_guest):
        guest = make_guest(limits=Limits(span_attributes=1))
        guest.start(span_payload(attributes={"bext.a": 1, "k": 1}))
        assert guest.drops == {"reserved_key": 1}

    def test_beyond_the_limit_a_reserved_key_is_still_one(self, make_guest):
        """Reserved before limit, for each attribute."""
        guest = make_guest(limits=Limits(span_attributes=1))
        guest.start(span_payload(attributes={"k": 1, "bext.a": 1, "l": 1}))
        assert guest.drops == {"reserved_key": 1, "attribute_limit": 1}


class TestEvents:
    """128 events a span, 128 attributes an event."""

    def test_128_are_kept(self, guest):
        span = guest.start()
        for _ in range(129):
            guest.record("add_event", span, event())
        assert len(guest.seen("add_event")) == 128
        assert guest.drops == {"event_limit": 1}

    def test_the_first_128_attributes_are_kept(self, guest):
        span = guest.start()
        guest.record("add_event", span, event(**numbered(130)))
        seen = guest.seen("add_event")[0][1]
        assert seen.attributes == numbered(128)
        assert seen.dropped_attributes_count == 2
        assert guest.drops == {"attribute_limit": 2}

    def test_a_malformed_attribute_is_dropped_alone(self, guest):
        span = guest.start()
        guest.record("add_event", span, b"\x82\xa4name\xa1e\xaaattributes\x82\xa1a\xc0\xa1b\x01")
        assert guest.seen("add_event")[0][1] == SpanEvent("e", {"b": 1}, dropped_attributes_count=1)
        assert guest.drops == {"malformed": 1}


class TestLinks:
    """128 links a span, 128 attributes a link."""

    def test_the_first_128_are_kept(self, guest):
        links = tuple(SpanLink(SpanHandle(1, number)) for number in range(1, 131))
        guest.start(span_payload(links=links))
        span = guest.seen("start_span")[0][0]
        assert span.links == links[:128]
        assert span.dropped_links_count == 2
        assert guest.drops == {"link_limit": 2}

    def test_the_first_128_attributes_are_kept(self, guest):
        guest.start(span_payload(links=(SpanLink(SpanHandle(1, 2), numbered(130)),)))
        assert guest.seen("start_span")[0][0].links == (SpanLink(SpanHandle(1, 2), numbered(128), dropped_attributes_count=2),)
        assert guest.drops == {"attribute_limit": 2}

    def test_a_malformed_attribute_is_dropped_alone(self, guest):
        link = b"\x82\xa6handle\x93\x00\x01\x02\xaaattributes\x82\xa1a\xc0\xa1b\x01"
        guest.start(b"\x82\xa4name\xa1s\xa5links\x91" + link)
        assert guest.seen("start_span")[0][0].links == (SpanLink(SpanHandle(1, 2), {"b": 1}, dropped_attributes_count=1),)
        assert guest.drops == {"malformed": 1}

    def test_a_link_to_an_invalid_handle_is_skipped_and_counts_nowhere(self, make_guest):
        guest = make_guest(limits=Limits(span_links=1))
        valid = SpanLink(SpanHandle(1, 2))
        guest.start(span_payload(links=(SpanLink(SpanHandle.INVALID), SpanLink(SpanHandle(0, 2), {"bext.a": 1}), valid)))
        span = guest.seen("start_span")[0][0]
        assert (span.links, span.dropped_links_count) == ((valid,), 0)
        assert guest.drops == {}

    def test_the_attributes_of_a_link_beyond_the_limit_are_not_looked_at(self, make_guest):
        guest = make_guest(limits=Limits(span_links=0))
        guest.start(span_payload(links=(SpanLink(SpanHandle(1, 2), {"bext.a": 1}),)))
        assert guest.drops == {"link_limit": 1}


class TestOpenSpans:
    """1,024 open spans a scope."""

    def test_1024_may_be_open(self, guest):
        spans = [guest.start() for _ in range(1024)]
        assert guest.scope.open_spans == 1024
        assert guest.start().is_invalid
        assert guest.drops == {"open_span_limit": 1}
        guest.end(spans[500])
        assert not guest.start().is_invalid

    def test_spans_that_were_not_sampled_are_not_open(self, make_guest):
        guest = make_guest(limits=Limits(scope_open_spans=1))
        guest.start(span_payload(parent=SpanHandle.INVALID))
        assert not guest.start().is_invalid
        assert guest.start().is_invalid

    def test_each_scope_counts_its_own(self, make_guest):
        limits = Limits(scope_open_spans=1)
        one = make_guest(limits=limits)
        other = make_guest(one.tracer, limits=limits)
        assert not one.start().is_invalid
        assert not other.start().is_invalid


class TestDroppedCountsReachTheTracer:
    """Back-ends have a field for what was dropped of a span, an event or a link."""

    def test_every_reason_adds_up_in_the_start(self, make_guest):
        guest = make_guest(limits=Limits(span_attributes=1))
        guest.start(b"\x82\xa4name\xa1s\xaaattributes\x84\xa6bext.a\x01\xa1b\xc0\xa1c\x01\xa1d\x01")
        assert guest.seen("start_span")[0][0].dropped_attributes_count == 3
        assert guest.drops == {"reserved_key": 1, "malformed": 1, "attribute_limit": 1}

    @pytest.mark.parametrize(
        ("payload", "reason"),
        [(b"\x92\xa6bext.a\x01", "reserved_key"), (b"\x92\xa1l\x01", "attribute_limit"), (b"\xc1", "malformed"), (b"", "malformed")],
    )
    def test_a_dropped_set_attribute_counts_on_its_span(self, make_guest, payload, reason):
        guest = make_guest(limits=Limits(span_attributes=0))
        span = guest.start()
        guest.record("set_attribute", span, payload)
        assert guest.drops == {reason: 1}
        assert guest.seen("add_dropped") == [(span, 1, 0)]

    @pytest.mark.parametrize(("payload", "reason"), [(event(), "event_limit"), (b"\x80", "malformed")])
    def test_a_dropped_add_event_counts_on_its_span(self, make_guest, payload, reason):
        guest = make_guest(limits=Limits(span_events=0))
        span = guest.start()
        guest.record("add_event", span, payload)
        assert guest.drops == {reason: 1}
        assert guest.seen("add_dropped") == [(span, 0, 1)]

    @pytest.mark.parametrize("operation", ["set_attribute", "add_event"])
    @pytest.mark.parametrize(("ptr", "length"), [(2**32 - 1, 1), (0, 65537)], ids=["out of bounds", "too large"])
    def test_so_does_one_whose_payload_cannot_be_read(self, guest, operation, ptr, length):
        span = guest.start()
        guest.call(operation, *span.to_parts(), ptr, length)
        assert guest.seen("add_dropped") == [(span, int(operation == "set_attribute"), int(operation == "add_event"))]

    def test_a_dropped_set_status_has_no_field(self, guest):
        span = guest.start()
        guest.record("set_status", span, b"\x80")
        assert guest.drops == {"malformed": 1}
        assert guest.seen("add_dropped") == []

    @pytest.mark.parametrize("operation", ["set_attribute", "add_event"])
    def test_a_call_on_a_span_that_is_not_its_own_counts_on_none(self, guest, operation):
        guest.record(operation, SpanHandle(1, 2), b"\xc1")
        assert guest.drops == {"unknown_handle": 1}
        assert guest.calls == []
