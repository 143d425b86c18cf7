"""Limits in bytes: what a span and a scope weigh in accepted payload bytes, and what gives bytes back (ABI.md, "Limits")."""

from __future__ import annotations

import pytest

from bext_abi import SpanEvent, SpanHandle, SpanStatus, StatusCode, codec
from bext_host import Limits
from support.raw_guest import RawGuest, span_payload

START = span_payload()


def attribute(key: str, size: int) -> bytes:
    """The payload of a set_attribute with a text, of exactly `size` bytes."""
    head = len(codec.encode_attribute(key, "v" * 300)) - 300
    payload = codec.encode_attribute(key, "v" * (size - head))
    assert len(payload) == size
    return payload


def status(size: int) -> bytes:
    """The payload of a set_status of exactly `size` bytes."""
    head = len(codec.encode_span_status(SpanStatus(StatusCode.ERROR, "m" * 300))) - 300
    payload = codec.encode_span_status(SpanStatus(StatusCode.ERROR, "m" * (size - head)))
    assert len(payload) == size
    return payload


def event(size: int) -> bytes:
    """The payload of an add_event of exactly `size` bytes."""
    head = len(codec.encode_span_event(SpanEvent("e" * 300))) - 300
    payload = codec.encode_span_event(SpanEvent("e" * (size - head)))
    assert len(payload) == size
    return payload


def with_room(make_guest, room: int, start: bytes = START, limit: str = "span_bytes") -> tuple[RawGuest, SpanHandle]:
    """A guest with one open span that may still take `room` bytes."""
    guest = make_guest(limits=Limits(**{limit: len(start) + room}))
    return guest, guest.start(start)


@pytest.mark.parametrize("limit", ["span_bytes", "scope_bytes"])
class TestBothLimits:
    """A span has one, all open spans of a scope together have the other; both are inclusive."""

    def test_a_start_counts_its_whole_payload(self, make_guest, limit):
        size = len(span_payload(attributes={"bext.dropped": "all the same"}))
        fits, does_not = (make_guest(limits=Limits(**{limit: size - short})) for short in (0, 1))
        for guest in (fits, does_not):
            guest.start(span_payload(attributes={"bext.dropped": "all the same"}))
        assert fits.drops == {"reserved_key": 1}
        assert does_not.drops == {"memory_limit": 1}

    @pytest.mark.parametrize(
        ("operation", "payload"), [("set_attribute", attribute("k", 400)), ("set_status", status(400)), ("add_event", event(400))]
    )
    def test_a_recording_call_counts_its_whole_payload(self, make_guest, limit, operation, payload):
        for room, drops in ((400, {}), (399, {"memory_limit": 1})):
            guest, span = with_room(make_guest, room, limit=limit)
            guest.record(operation, span, payload)
            assert guest.drops == drops
            assert len(guest.seen(operation)) == (not drops)

    def test_an_overwritten_attribute_gives_its_bytes_back(self, make_guest, limit):
        guest, span = with_room(make_guest, 400, limit=limit)
        for size in (400, 350, 400):
            guest.record("set_attribute", span, attribute("k", size))
        assert guest.drops == {}
        guest.record("set_attribute", span, attribute("k", 401))
        assert guest.drops == {"memory_limit": 1}

    def test_a_new_status_gives_the_bytes_of_the_one_before_back(self, make_guest, limit):
        guest, span = with_room(make_guest, 400, limit=limit)
        for size in (400, 350, 400):
            guest.record("set_status", span, status(size))
        assert guest.drops == {}
        guest.record("set_status", span, status(401))
        assert guest.drops == {"memory_limit": 1}

    def test_events_add_up(self, make_guest, limit):
        guest, span = with_room(make_guest, 800, limit=limit)
        for _ in range(3):
            guest.record("add_event", span, event(400))
        assert len(guest.seen("add_event")) == 2
        assert guest.drops == {"memory_limit": 1}

    def test_an_attribute_of_the_start_gives_back_the_bytes_of_its_key_and_value(self, make_guest, limit):
        """Not the whole payload, and not the header of a set_attribute."""
        start = span_payload(attributes={"k": "v" * 300})
        pair_bytes = len(b"\xa1k\xda\x01\x2c") + 300
        for size, drops in ((pair_bytes, {}), (pair_bytes + 1, {"memory_limit": 1})):
            guest, span = with_room(make_guest, 0, start, limit)
            guest.record("set_attribute", span, attribute("k", size))
            assert guest.drops == drops

    def test_of_an_attribute_that_came_twice_in_the_start_the_last_gives_its_bytes_back(self, make_guest, limit):
        long, short = b"\xa1k\xd9\xff" + b"v" * 255, b"\xa1k\xd9\xc8" + b"v" * 200
        start = b"\x82\xa4name\xa1s\xaaattributes\x82" + long + short
        for size, drops in ((len(short), {}), (len(short) + 1, {"memory_limit": 1})):
            guest, span = with_room(make_guest, 0, start, limit)
            payload = codec.encode_attribute("k", "v" * (size - 5))
            assert len(payload) == size
            guest.record("set_attribute", span, payload)
            assert guest.drops == drops

    def test_bytes_that_did_not_fit_take_no_room(self, make_guest, limit):
        guest, span = with_room(make_guest, 400, limit=limit)
        guest.record("add_event", span, event(401))
        guest.record("set_attribute", span, attribute("k", 401))
        guest.record("set_status", span, status(401))
        assert guest.drops == {"memory_limit": 3}
        guest.record("add_event", span, event(400))
        assert guest.drops == {"memory_limit": 3}

    def test_a_smaller_value_may_replace_a_larger_one_without_any_room(self, make_guest, limit):
        guest, span = with_room(make_guest, 400, limit=limit)
        guest.record("set_attribute", span, attribute("k", 400))
        guest.record("set_attribute", span, attribute("k", 399))
        guest.record("set_attribute", span, b"\x92\xa1l\x01")
        assert guest.drops == {"memory_limit": 1}


def test_an_ended_span_gives_everything_back(make_guest):
    guest, span = with_room(make_guest, 1200, limit="scope_bytes")
    guest.record("add_event", span, event(400))
    guest.record("set_status", span, status(400))
    guest.record("set_attribute", span, attribute("k", 400))
    assert guest.start().is_invalid
    guest.end(span)
    again = guest.start()
    guest.record("set_attribute", again, attribute("k", 1200))
    assert guest.drops == {"memory_limit": 1}


def test_the_spans_of_a_scope_share_its_bytes_and_scopes_do_not(make_guest):
    limits = Limits(scope_bytes=2 * len(START))
    one = make_guest(limits=limits)
    other = make_guest(one.tracer, limits=limits)
    assert [one.start().is_invalid for _ in range(3)] == [False, False, True]
    assert not other.start().is_invalid
    assert (one.drops, other.drops) == ({"memory_limit": 1}, {})


def test_the_default_of_a_span_is_1_mib(guest):
    guest.grow(1)
    span = guest.start()
    for _ in range(16):
        guest.record("add_event", span, event(65536))
    assert len(guest.seen("add_event")) == 15
    guest.record("add_event", span, event(65536 - len(START)))
    assert guest.drops == {"memory_limit": 1}


def test_the_default_of_a_scope_is_16_mib(guest):
    guest.grow(1)
    spans = [guest.start() for _ in range(18)]
    for span in spans[:17]:
        for _ in range(15):
            guest.record("add_event", span, event(65536))
    assert guest.drops == {}
    guest.record("add_event", spans[17], event(65536 + 1 - 18 * len(START)))
    assert guest.drops == {"memory_limit": 1}
    guest.record("add_event", spans[17], event(65536 - 18 * len(START)))
    assert guest.drops == {"memory_limit": 1}


def test_a_malformed_call_weighs_nothing(make_guest):
    guest, span = with_room(make_guest, 400)
    for _ in range(10):
        guest.record("set_attribute", span, b"\xc1" * 300)
    guest.record("set_attribute", span, attribute("k", 400))
    assert guest.drops == {"malformed": 10}
