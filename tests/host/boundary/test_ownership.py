"""Which spans a guest may change: its own while they are open, and the current one without ending it (ABI.md, "Ownership")."""

from __future__ import annotations

import pytest

from bext_abi import SpanEvent, SpanHandle, SpanStatus, StatusCode, codec
from bext_host import Limits
from support.raw_guest import HANDLE_OUT, PAGE, RawGuest, span_payload

HOST_SPAN = SpanHandle(0xAAA, 0xBBB)
STATUS = codec.encode_span_status(SpanStatus(StatusCode.ERROR, "no"))
EVENT = codec.encode_span_event(SpanEvent("e"))
PAYLOADS = {"set_attribute": codec.encode_attribute("k", 1), "set_status": STATUS, "add_event": EVENT}
OPERATIONS = [*PAYLOADS, "end_span"]


def touch(guest: RawGuest, operation: str, span: SpanHandle) -> None:
    """Make a call on `span` that is in order but for the handle."""
    if operation == "end_span":
        guest.end(span)
    else:
        guest.record(operation, span, PAYLOADS[operation])


def test_a_guest_changes_and_ends_its_own_span(guest):
    span = guest.start()
    for operation in OPERATIONS:
        touch(guest, operation, span)
    assert guest.calls[1:] == [
        ("set_attribute", span, "k", 1),
        ("set_status", span, SpanStatus(StatusCode.ERROR, "no")),
        ("add_event", span, SpanEvent("e")),
        ("end_span", span, None),
    ]
    assert guest.drops == {}
    assert dict(guest.scope.stats.recorded) == dict.fromkeys(["start_span", *OPERATIONS], 1) | {"current_span": 0}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("handle", [SpanHandle.INVALID, SpanHandle(0, 1), SpanHandle(1, 0), SpanHandle(2**128 - 1, 0)], ids=str)
def test_a_call_on_an_invalid_handle_does_nothing_and_is_no_drop(guest, operation, handle):
    """Nothing is read either: the pointer may be anything."""
    before = guest.snapshot()
    rest = (0,) if operation == "end_span" else (2**32 - 1, 2**32 - 1)
    guest.call(operation, *handle.to_parts(), *rest)
    assert (guest.calls, guest.drops, guest.scope.stats.ignored) == ([], {}, 1)
    assert guest.snapshot() == before


@pytest.mark.parametrize("operation", OPERATIONS)
class TestUnknownHandle:
    """Handles that are not the guest's to use."""

    def refused(self, guest: RawGuest, operation: str, span: SpanHandle) -> bool:
        seen = len(guest.calls)
        touch(guest, operation, span)
        return guest.drops == {"unknown_handle": 1} and len(guest.calls) == seen

    def test_forged(self, guest, operation):
        span = guest.start()
        assert self.refused(guest, operation, SpanHandle(span.trace_id, span.span_id ^ 2**63))

    def test_ended(self, guest, operation):
        span = guest.start()
        guest.end(span)
        assert self.refused(guest, operation, span)

    def test_another_guests(self, make_guest, operation):
        one = make_guest()
        one.start()
        one.start()
        span = one.start()
        other = make_guest()
        other.start()
        assert self.refused(other, operation, span)

    def test_another_guests_of_the_same_tracer(self, make_guest, operation):
        one = make_guest()
        other = make_guest(one.tracer)
        assert self.refused(other, operation, one.start())

    def test_granted_as_a_parent(self, guest, operation):
        guest.scope.grant(HOST_SPAN)
        assert self.refused(guest, operation, HOST_SPAN)

    def test_the_current_span_of_a_call_that_is_over(self, guest, operation):
        with guest.scope.current(HOST_SPAN):
            pass
        assert self.refused(guest, operation, HOST_SPAN)

    def test_the_current_span_of_an_outer_call(self, guest, operation):
        with guest.scope.current(HOST_SPAN), guest.scope.current(SpanHandle(1, 2)):
            assert self.refused(guest, operation, HOST_SPAN)


@pytest.mark.parametrize("operation", PAYLOADS)
def test_the_current_span_may_be_annotated(guest, operation):
    with guest.scope.current(HOST_SPAN):
        assert guest.current() == HOST_SPAN
        touch(guest, operation, HOST_SPAN)
    assert [call[:2] for call in guest.calls] == [(operation, HOST_SPAN)]
    assert guest.drops == {}


def test_the_current_span_cannot_be_ended(guest):
    with guest.scope.current(HOST_SPAN):
        guest.end(HOST_SPAN)
    assert (guest.calls, guest.drops) == ([], {"unknown_handle": 1})


def test_the_current_span_has_the_limits_counted_for_the_guest_alone(make_guest):
    guest = make_guest(limits=Limits(span_attributes=1, span_events=1))
    with guest.scope.current(HOST_SPAN):
        for key in ("a", "b", "a"):
            guest.set_attribute(HOST_SPAN, key, 1)
        touch(guest, "add_event", HOST_SPAN)
        touch(guest, "add_event", HOST_SPAN)
    assert guest.drops == {"attribute_limit": 1, "event_limit": 1}
    assert [call[2] for call in guest.seen("set_attribute")] == [1, 1]


def test_what_the_current_span_weighed_is_given_back_after_the_call(make_guest):
    guest = make_guest(limits=Limits(scope_bytes=len(EVENT)))
    for _ in range(3):
        with guest.scope.current(HOST_SPAN):
            touch(guest, "add_event", HOST_SPAN)
    assert guest.drops == {}
    with guest.scope.current(HOST_SPAN):
        touch(guest, "add_event", HOST_SPAN)
        touch(guest, "add_event", HOST_SPAN)
    assert guest.drops == {"memory_limit": 1}


def test_a_guests_own_span_may_be_made_the_current_one_and_still_be_ended(guest):
    span = guest.start()
    with guest.scope.current(span):
        touch(guest, "set_attribute", span)
        guest.end(span)
    assert guest.seen("end_span") == [(span, None)]
    assert guest.drops == {}


class TestCurrentSpan:
    """current_span: what surrounds the running call."""

    def test_without_a_surrounding_span_it_answers_0_and_writes_nothing(self, guest):
        guest.write(0, b"\xaa" * PAGE)
        assert guest.call("current_span", HANDLE_OUT) == 0
        assert guest.snapshot() == b"\xaa" * PAGE
        assert guest.scope.stats.recorded["current_span"] == 1

    def test_with_one_it_answers_1_and_writes_its_24_bytes_alone(self, guest):
        guest.write(0, b"\xaa" * PAGE)
        with guest.scope.current(HOST_SPAN):
            assert guest.call("current_span", HANDLE_OUT) == 1
        expected = b"\xaa" * HANDLE_OUT + HOST_SPAN.to_bytes()
        assert guest.snapshot() == expected.ljust(PAGE, b"\xaa")

    def test_one_that_was_not_sampled_is_written_as_invalid(self, guest):
        guest.write(HANDLE_OUT, b"\xaa" * 24)
        with guest.scope.current(SpanHandle.INVALID):
            assert guest.current() == SpanHandle.INVALID

    def test_the_innermost_counts_and_leaving_restores_the_outer(self, guest):
        inner = SpanHandle(1, 2)
        with guest.scope.current(HOST_SPAN):
            with guest.scope.current(inner):
                assert guest.current() == inner
            assert guest.current() == HOST_SPAN
        assert guest.current() is None

    def test_it_is_left_also_when_the_call_raises(self, guest):
        with pytest.raises(ZeroDivisionError), guest.scope.current(HOST_SPAN):
            raise ZeroDivisionError
        assert guest.current() is None

    def test_an_unsampled_call_inside_a_sampled_one_hides_it(self, guest):
        with guest.scope.current(HOST_SPAN), guest.scope.current(SpanHandle.INVALID):
            assert guest.current() == SpanHandle.INVALID
            assert guest.start(span_payload(parent=SpanHandle.INVALID)).is_invalid

    @pytest.mark.parametrize("offset", [0, 1, PAGE - 24])
    def test_it_may_write_anywhere_in_memory(self, guest, offset):
        with guest.scope.current(HOST_SPAN):
            assert guest.current(offset) == HOST_SPAN

    @pytest.mark.parametrize("offset", [PAGE - 23, PAGE, 2**31, 2**32 - 24, 2**32 - 1])
    def test_out_of_range_it_answers_0_and_is_dropped(self, guest, offset):
        before = guest.snapshot()
        with guest.scope.current(HOST_SPAN):
            assert guest.call("current_span", offset) == 0
        assert guest.snapshot() == before
        assert guest.drops == {"out_of_bounds": 1}

    def test_out_of_range_is_dropped_also_where_there_is_none(self, guest):
        assert guest.call("current_span", PAGE - 23) == 0
        assert guest.drops == {"out_of_bounds": 1}
