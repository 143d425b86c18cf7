"""start_span: what the tracer is given, what is written, and where its two pointers may point (ABI.md, "start_span")."""

from __future__ import annotations

import pytest

from bext_abi import SpanHandle, SpanKind, SpanLink
from bext_host import Limits
from support.raw_guest import HANDLE_OUT, PAGE, PAYLOAD, RawGuest, raw_abi_with_memory, span_payload
from support.tracers import AnsweringTracer

NAMED = span_payload()
INVALID_BYTES = bytes(24)


def changed_range(before: bytes, after: bytes) -> tuple[int, int]:
    """From the first to behind the last byte that differs."""
    differing = [i for i, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    return (differing[0], differing[-1] + 1) if differing else (0, 0)


def test_the_tracer_gets_every_field_as_the_guest_sent_it(make_guest):
    guest = make_guest(plugin_name="shop", plugin_version="2.1")
    link = SpanLink(SpanHandle(7, 8), {"why": "retry"})
    guest.start(span_payload("GET /", kind=SpanKind.SERVER, attributes={"b": 1, "a": (1.5,)}, links=(link,), start_time_unix_nanos=5))
    ((span, _),) = guest.seen("start_span")
    assert (span.name, span.kind, span.parent, span.start_time_unix_nanos) == ("GET /", SpanKind.SERVER, None, 5)
    assert list(span.attributes.items()) == [("b", 1), ("a", (1.5,))]
    assert span.links == (link,)
    assert (span.scope_name, span.scope_version) == ("shop", "2.1")
    assert (span.dropped_attributes_count, span.dropped_links_count) == (0, 0)


def test_the_handle_that_the_tracer_gave_is_written_as_24_little_endian_bytes(guest):
    handle = guest.start()
    assert guest.seen("start_span")[0][1] == handle
    assert guest.read(HANDLE_OUT, 24) == b"".join(part.to_bytes(8, "little") for part in handle.to_parts())
    assert guest.scope.stats.recorded["start_span"] == 1
    assert guest.drops == {}


def test_nothing_in_memory_changes_but_the_24_bytes_of_the_handle(guest):
    guest.write(0, b"\xaa" * PAGE)
    guest.write(PAYLOAD, NAMED)
    before = guest.snapshot()
    guest.call("start_span", PAYLOAD, len(NAMED), HANDLE_OUT)
    after = guest.snapshot()
    assert changed_range(before, after) == (HANDLE_OUT, HANDLE_OUT + 24)


@pytest.mark.parametrize("payload", [b"", b"\xc1", NAMED + b"\0"], ids=["empty", "reserved byte", "trailing byte"])
def test_a_dropped_call_writes_an_invalid_handle_and_nothing_else(guest, payload):
    guest.write(0, b"\xaa" * PAGE)
    guest.write(PAYLOAD, payload)
    before = guest.snapshot()
    guest.call("start_span", PAYLOAD, len(payload), HANDLE_OUT)
    after = guest.snapshot()
    assert changed_range(before, after) == (HANDLE_OUT, HANDLE_OUT + 24)
    assert after[HANDLE_OUT : HANDLE_OUT + 24] == INVALID_BYTES
    assert guest.drops == {"malformed": 1}
    assert guest.calls == []


@pytest.mark.parametrize("shift", [-23, -12, -1, 0, 1, len(NAMED) - 1])
def test_the_handle_may_overlap_the_payload(guest, shift):
    handle = guest.start(out=PAYLOAD + shift)
    assert not handle.is_invalid
    assert guest.seen("start_span")[0][0].name == "s"


@pytest.mark.parametrize("offset", [0, 1, 3, HANDLE_OUT, PAGE - 25, PAGE - 24])
def test_the_handle_may_be_written_anywhere_in_memory_at_any_alignment(guest, offset):
    assert not guest.start(out=offset).is_invalid
    assert guest.drops == {}


@pytest.mark.parametrize("offset", [PAGE - 23, PAGE - 1, PAGE, PAGE + 1, 2**31 - 1, 2**31, 2**31 + 512, 2**32 - 24, 2**32 - 1])
def test_a_handle_out_of_range_drops_the_call_and_writes_nothing(guest, offset):
    guest.write(PAYLOAD, NAMED)
    before = guest.snapshot()
    guest.call("start_span", PAYLOAD, len(NAMED), offset)
    assert guest.snapshot() == before
    assert guest.drops == {"out_of_bounds": 1}
    assert guest.calls == []


@pytest.mark.parametrize("ptr", [0, PAGE - len(NAMED)])
def test_a_payload_may_lie_at_either_end_of_memory(guest, ptr):
    assert not guest.start(at=ptr).is_invalid
    assert guest.drops == {}


@pytest.mark.parametrize(
    ("ptr", "length"),
    [
        (PAGE - 1, 2),
        (PAGE, 1),
        (PAGE + 1, 0),
        (0, PAGE + 1),
        (2**31, 1),
        (2**31, 0),
        (2**31 + PAYLOAD, len(NAMED)),
        (2**32 - 1, 1),
        (2**32 - 1, 0),
        (2**32 - 1, 2),  # the end wraps past 2^32 to 1
        (2**32 - len(NAMED), len(NAMED)),
        (2**32 - 16, PAYLOAD + 16),  # the end wraps to a place inside
    ],
)
def test_a_payload_out_of_range_drops_the_call_and_writes_invalid(make_guest, ptr, length):
    guest = make_guest(limits=Limits(payload_bytes=2**32))
    guest.write(HANDLE_OUT, b"\xaa" * 24)
    guest.write(PAYLOAD, NAMED)
    guest.call("start_span", ptr, length, HANDLE_OUT)
    assert guest.read(HANDLE_OUT, 24) == INVALID_BYTES
    assert guest.drops == {"out_of_bounds": 1}


@pytest.mark.parametrize("ptr", [0, PAGE - 1, PAGE])
def test_an_empty_payload_is_in_range_up_to_the_end_of_memory(guest, ptr):
    """So it is read, and malformed: nothing is no struct."""
    guest.call("start_span", ptr, 0, HANDLE_OUT)
    assert guest.drops == {"malformed": 1}


def name_payload(size: int) -> bytes:
    """A SpanStart of exactly so many bytes."""
    text = size - len(b"\x81\xa4name\xdb") - 4
    return b"\x81\xa4name\xdb" + text.to_bytes(4, "big") + b"n" * text


def test_the_payload_limit_is_inclusive(guest):
    guest.grow(1)
    assert not guest.start(name_payload(PAGE)).is_invalid
    assert guest.drops == {}
    assert guest.start(name_payload(PAGE + 1)).is_invalid
    assert guest.drops == {"too_large": 1}


@pytest.mark.parametrize("length", [2**31, 2**32 - 1])
def test_a_length_with_the_top_bit_set_is_a_large_one(guest, length):
    guest.call("start_span", PAYLOAD, length, HANDLE_OUT)
    assert guest.drops == {"too_large": 1}


def test_memory_that_grew_between_two_calls_is_in_range(guest):
    guest.call("start_span", PAGE, 0, PAGE)
    assert guest.drops == {"out_of_bounds": 1}
    guest.grow(1)
    handle = guest.start(at=2 * PAGE - len(NAMED), out=PAGE)
    assert guest.seen("start_span")[0][1] == handle
    assert guest.drops == {"out_of_bounds": 1}


def test_the_last_bytes_of_a_4_gib_memory_are_in_range(make_guest):
    """Where every 32-bit offset exists, only the end can lie outside, and must not wrap."""
    guest: RawGuest = make_guest(wasm=raw_abi_with_memory('(memory (export "memory") 65536)'))
    handle = guest.start(at=2**32 - 24 - len(NAMED), out=2**32 - 24)
    assert guest.seen("start_span")[0][1] == handle
    guest.record("set_attribute", handle, b"\x92\xa1k\x01", at=2**32 - 4)
    assert guest.seen("set_attribute") == [(handle, "k", 1)]
    guest.call("start_span", PAYLOAD, len(NAMED), 2**32 - 23)
    guest.call("set_attribute", *handle.to_parts(), 2**32 - 3, 4)
    assert guest.drops == {"out_of_bounds": 2}


def test_an_unsampled_answer_is_written_as_invalid_and_is_no_drop(make_guest):
    guest = make_guest(AnsweringTracer(SpanHandle(0, 5), SpanHandle(5, 0), SpanHandle.INVALID))
    for _ in range(3):
        guest.start()
        assert guest.read(HANDLE_OUT, 24) == INVALID_BYTES
    assert (guest.drops, guest.scope.stats.unsampled, guest.scope.open_spans) == ({}, 3, 0)
