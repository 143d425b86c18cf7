"""Of two things wrong with one call, the one that comes first in the order of checks is counted, and only that one."""

from __future__ import annotations

from itertools import combinations

import pytest

from bext_abi import SpanHandle, SpanStatus, StatusCode, codec
from bext_abi.types import SpanEvent
from bext_host import Limits
from support.raw_guest import HANDLE_OUT, PAGE, PAYLOAD, RawGuest, span_payload
from support.tracers import FaultyTracer

BAD_OUT = PAGE - 23
LONG = "n" * 100  # longer than the payload limit of these tests

START_ORDER = (
    "out_of_bounds handle_out",
    "scope_closed",
    "wrong_store",
    "too_large",
    "out_of_bounds payload",
    "malformed",
    "unsampled parent",
    "open_span_limit",
    "memory_limit",
    "tracer_error",
)
RECORD_ORDER = (
    "invalid handle",
    "scope_closed",
    "wrong_store",
    "unknown_handle",
    "too_large",
    "out_of_bounds payload",
    "malformed",
    "reserved_key",
    "attribute_limit",
    "event_limit",
    "memory_limit",
    "tracer_error",
)
ONLY_OF = {
    "set_attribute": {"reserved_key", "attribute_limit", "memory_limit"},
    "set_status": {"memory_limit"},
    "add_event": {"event_limit", "memory_limit"},
}
NO_DROP = {"unsampled parent", "invalid handle"}


def pairs(order: tuple[str, ...]) -> list[tuple[str, str]]:
    """Every two that one call can have. What cannot be read has no content."""
    content = {"malformed", "unsampled parent", "reserved_key"}
    return [pair for pair in combinations(order, 2) if not (pair[0] == "out_of_bounds payload" and pair[1] in content)]


def expected_drops(first: str) -> dict[str, int]:
    return {} if first in NO_DROP else {first.split(maxsplit=1)[0]: 1}


def tight_limits(faults: set[str], room: int = 0) -> Limits:
    return Limits(
        payload_bytes=64,
        scope_open_spans=0 if "open_span_limit" in faults else 9,
        span_attributes=0 if "attribute_limit" in faults else 9,
        span_events=0 if "event_limit" in faults else 9,
        scope_bytes=room if "memory_limit" in faults else 10_000,
    )


def new_drops(guest: RawGuest, before: dict[str, int]) -> dict[str, int]:
    return {reason: count - before.get(reason, 0) for reason, count in guest.drops.items() if count != before.get(reason, 0)}


@pytest.mark.parametrize("faults", pairs(START_ORDER), ids=" and ".join)
def test_start_span_counts_the_first_of_two(make_guest, faults):
    tracer = FaultyTracer(ValueError(), "start_span") if "tracer_error" in faults else None
    guest = make_guest(tracer, limits=tight_limits(set(faults)))
    guest.current()  # binds the scope to its store
    caller = guest.in_another_store() if "wrong_store" in faults else guest
    if "scope_closed" in faults:
        guest.scope.close()
    payload = span_payload(LONG if "too_large" in faults else "s", parent=SpanHandle.INVALID if "unsampled parent" in faults else None)
    payload += b"\0" if "malformed" in faults else b""
    ptr = PAGE - len(payload) + 1 if "out_of_bounds payload" in faults else PAYLOAD
    out = BAD_OUT if "out_of_bounds handle_out" in faults else HANDLE_OUT
    caller.write(ptr, payload[: PAGE - ptr])
    caller.write(PAGE - 24, b"\xaa" * 24) if out == BAD_OUT else caller.write(HANDLE_OUT, b"\xaa" * 24)
    caller.call("start_span", ptr, len(payload), out)
    assert guest.drops == expected_drops(faults[0])
    assert guest.scope.stats.unsampled == (faults[0] == "unsampled parent")
    assert guest.calls == []
    if out == HANDLE_OUT:
        assert caller.read(HANDLE_OUT, 24) == bytes(24)


def record_payload(operation: str, faults: set[str]) -> bytes:
    text = LONG if "too_large" in faults else "v"
    payload = {
        "set_attribute": codec.encode_attribute("bext.k" if "reserved_key" in faults else "k", text),
        "set_status": codec.encode_span_status(SpanStatus(StatusCode.ERROR, text)),
        "add_event": codec.encode_span_event(SpanEvent(text)),
    }[operation]
    return payload + (b"\0" if "malformed" in faults else b"")


def record_cases() -> list[tuple[str, tuple[str, str]]]:
    limits = set.union(*ONLY_OF.values())
    return [
        (operation, pair)
        for operation, its_limits in ONLY_OF.items()
        for pair in pairs(tuple(fault for fault in RECORD_ORDER if fault not in limits or fault in its_limits))
    ]


@pytest.mark.parametrize(("operation", "faults"), record_cases())
def test_a_recording_call_counts_the_first_of_two(make_guest, operation, faults):
    tracer = FaultyTracer(ValueError(), operation) if "tracer_error" in faults else None
    guest = make_guest(tracer, limits=tight_limits(set(faults), room=len(span_payload())))
    span = guest.start()
    caller = guest.in_another_store() if "wrong_store" in faults else guest
    if "scope_closed" in faults:
        guest.scope.close()
    if "unknown_handle" in faults:
        span = SpanHandle(span.trace_id, span.span_id + 1)
    if "invalid handle" in faults:
        span = SpanHandle(0, span.span_id)
    payload = record_payload(operation, set(faults))
    ptr = PAGE - len(payload) + 1 if "out_of_bounds payload" in faults else PAYLOAD
    caller.write(ptr, payload[: PAGE - ptr])
    before = guest.drops
    caller.call(operation, *span.to_parts(), ptr, len(payload))
    assert new_drops(guest, before) == expected_drops(faults[0])
    assert guest.seen(operation) == []
    assert guest.scope.stats.recorded[operation] == 0


@pytest.mark.parametrize("faults", list(combinations(("invalid handle", "scope_closed", "wrong_store", "unknown_handle"), 2)))
def test_end_span_counts_the_first_of_two(make_guest, faults):
    guest = make_guest()
    span = guest.start()
    caller = guest.in_another_store() if "wrong_store" in faults else guest
    if "unknown_handle" in faults:
        guest.end(span)
    if "scope_closed" in faults:
        guest.scope.close()
    ends = len(guest.seen("end_span"))
    caller.end(SpanHandle(span.trace_id, 0) if "invalid handle" in faults else span)
    assert guest.drops == expected_drops(faults[0])
    assert len(guest.seen("end_span")) == ends


@pytest.mark.parametrize("faults", list(combinations(("out_of_bounds", "scope_closed", "wrong_store"), 2)))
def test_current_span_counts_the_first_of_two_and_answers_0(make_guest, faults):
    guest = make_guest()
    guest.start()
    caller = guest.in_another_store() if "wrong_store" in faults else guest
    if "scope_closed" in faults:
        guest.scope.close()
    with guest.scope.current(SpanHandle(1, 2)):
        assert caller.call("current_span", BAD_OUT if "out_of_bounds" in faults else HANDLE_OUT) == 0
    assert guest.drops == expected_drops(faults[0])


def test_parts_of_a_call_are_counted_only_where_the_call_itself_passes_the_limits(make_guest):
    """A start that is dropped whole counts one reason, not its reserved keys, malformed attributes and links beyond the limit."""
    guest = make_guest(limits=Limits(scope_open_spans=0, span_attributes=0, span_links=0, event_attributes=0))
    guest.start(b"\x82\xa4name\xa1s\xaaattributes\x83\xa6bext.a\x01\xa1b\xc0\xa1c\x01")
    assert guest.drops == {"open_span_limit": 1}


def test_a_dropped_event_does_not_count_its_attributes(make_guest):
    guest = make_guest(limits=Limits(span_events=0))
    span = guest.start()
    guest.record("add_event", span, codec.encode_span_event(SpanEvent("e", {"bext.a": 1, "b": 2})))
    assert guest.drops == {"event_limit": 1}


def test_an_unsampled_start_does_not_count_its_parts(guest):
    guest.start(span_payload(parent=SpanHandle.INVALID, attributes={"bext.a": 1}))
    assert guest.drops == {}


def test_parts_are_counted_where_the_tracer_fails(make_guest):
    """The call got as far as the tracer."""
    guest = make_guest(FaultyTracer(ValueError(), "start_span"))
    guest.start(span_payload(attributes={"bext.a": 1}))
    assert guest.drops == {"reserved_key": 1, "tracer_error": 1}
