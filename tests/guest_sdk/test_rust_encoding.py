"""The Rust SDK's bytes and calls: the tests that the C SDK passes, and what its own limits are."""

from __future__ import annotations

import random
from pathlib import Path

import msgpack
import pytest

from guest_sdk import driving
from guest_sdk.driving import Driver
from guest_sdk.rust_build import build_driver, driver, plain_driver
from guest_sdk.test_c_calls import (
    INVALID_HANDLES,
    test_a_child_of_an_invalid_parent_is_invalid_without_a_host_call,
    test_a_handle_with_both_ids_is_valid,
    test_a_link_to_an_invalid_span_is_skipped_and_not_counted,
    test_a_parent_that_is_set_again_replaces_an_invalid_one,
    test_a_span_starts_under_the_current_one_or_as_a_root,
    test_an_invalid_remote_parent_is_none,
    test_no_traceparent_of_an_invalid_handle,
    test_status_and_end,
    test_the_current_span,
    test_the_short_way_to_start,
    test_typed_setters,
)
from guest_sdk.test_c_encoding import (
    test_a_builder_can_be_started_again_and_added_to,
    test_a_float_is_always_64_bits,
    test_a_text_has_the_shortest_header,
    test_an_array_has_the_shortest_header,
    test_an_integer_has_the_shortest_form,
    test_every_nan_is_one_nan,
    test_random_bytes_become_the_text_that_python_makes_of_them,
    test_the_last_call_counts,
    test_the_order_of_the_calls_does_not_matter,
)

__all__ = [
    "driver",
    "plain_driver",
    "test_a_builder_can_be_started_again_and_added_to",
    "test_a_child_of_an_invalid_parent_is_invalid_without_a_host_call",
    "test_a_float_is_always_64_bits",
    "test_a_handle_with_both_ids_is_valid",
    "test_a_link_to_an_invalid_span_is_skipped_and_not_counted",
    "test_a_parent_that_is_set_again_replaces_an_invalid_one",
    "test_a_span_starts_under_the_current_one_or_as_a_root",
    "test_a_text_has_the_shortest_header",
    "test_an_array_has_the_shortest_header",
    "test_an_integer_has_the_shortest_form",
    "test_an_invalid_remote_parent_is_none",
    "test_every_nan_is_one_nan",
    "test_no_traceparent_of_an_invalid_handle",
    "test_random_bytes_become_the_text_that_python_makes_of_them",
    "test_status_and_end",
    "test_the_current_span",
    "test_the_last_call_counts",
    "test_the_order_of_the_calls_does_not_matter",
    "test_the_short_way_to_start",
    "test_typed_setters",
]

pytestmark = pytest.mark.toolchain

BUFFER = 65536  # the SDK's, by default
LONGEST = BUFFER // 8  # a name, or a status message
SPARE = 48  # bytes that attributes and links leave free
ARENA = 65536
MAX_TIME = (1 << 63) - 1


@pytest.mark.parametrize("handle", INVALID_HANDLES)
def test_an_invalid_handle_makes_no_host_call(driver: Driver, handle: driving.Handle):
    where = driving.handle(handle)
    lines = driver.run(
        driving.set_attribute("k", "x" * 5000, handle),
        driving.status(2, "message", handle),
        f"ok {where}",
        f"error {where} -",
        f"short_event {where} -",
        driving.event("e"),
        f"add {where}",
        f"end {where}",
        f"end_at {where} 5",
        "dropped",
    )
    assert lines == ["dropped 0"]


@pytest.mark.parametrize("count", [1, 15, 16, 17, 128])
def test_containers_have_the_shortest_header(driver: Driver, count: int):
    other, pairs = (4, 5, 6), {f"key {i}": i for i in range(count)}
    attributes = [driving.attr(key, value) for key, value in pairs.items()]
    links = [driving.link(other, pairs)] * count
    shuffled = [driving.span("s"), "time 5", *links, *attributes, driving.parent((7, 8, 9)), "start"]
    fields = {"name": "s", "parent": [7, 8, 9], "attributes": pairs, "links": [{"handle": other, "attributes": pairs}] * count}
    assert driver.payload(*shuffled) == driving.pack(fields | {"start_time_unix_nanos": 5})


@pytest.mark.parametrize("kind", range(5))
def test_every_kind(driver: Driver, kind: int):
    assert driver.payload(driving.span("s", kind), "start") == driving.pack({"name": "s"} | ({"kind": kind} if kind else {}))


# --- What does not fit ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [*range(BUFFER - 700, BUFFER + 50, 11), 70000])
def test_what_does_not_fit_is_dropped_alone_and_the_rest_stays(plain_driver: Driver, length: int):
    """Attributes, links and the time around one attribute of nearly the whole buffer."""
    pairs = {**{f"{i}": i for i in range(14)}, "long": "x" * length, "short": True}
    attributes = [driving.attr(key, value) for key, value in pairs.items()]
    around = [f"time {MAX_TIME}", driving.link((2**64 - 1,) * 3), driving.remote((2**64 - 1,) * 3, 3, "a=b")]
    lines = plain_driver.run(driving.span("s", 3), *attributes, *around, "start", "dropped")
    payload = bytes.fromhex(lines[0].split()[1])
    fields = msgpack.unpackb(payload)
    assert driving.pack(fields) == payload
    assert len(payload) <= BUFFER
    assert (fields["start_time_unix_nanos"], fields["parent"], fields["trace_state"]) == (MAX_TIME, [2**64 - 1] * 3, "a=b")
    kept = [key for key in pairs if key in fields["attributes"]]
    assert list(fields["attributes"].items()) == [(key, pairs[key]) for key in kept]
    assert driving.dropped(lines) == len(pairs) - len(kept) + ("links" not in fields)
    assert kept == list(pairs) or kept == [key for key in pairs if key != "long"] or length > BUFFER - 400


def test_a_payload_is_as_long_as_the_buffer_and_no_longer(plain_driver: Driver):
    fits = BUFFER - len(driving.pack(["k", "x" * (BUFFER - 9)])) + BUFFER - 9
    attributes = [driving.set_attribute("k", "x" * length) for length in (fits, fits + 1)]
    assert [len(payload) for payload in plain_driver.payloads(*attributes)] == [BUFFER]
    assert driving.dropped(plain_driver.run(*attributes, "dropped")) == 1


@pytest.mark.parametrize("field", ["attributes", "links"])
def test_a_list_is_filled_in_order(plain_driver: Driver, field: str):
    """Of many the first ones, whatever the header is wide."""
    count = 9000
    pieces = [driving.attr(f"{i}", i) if field == "attributes" else driving.link((1, 1, i + 1)) for i in range(count)]
    lines = plain_driver.run(driving.span("s"), *pieces, "time 5", "start", "dropped")
    payload = bytes.fromhex(lines[0].split()[1])
    fields = msgpack.unpackb(payload)
    kept = len(fields[field])
    expected = {f"{i}": i for i in range(kept)} if field == "attributes" else [{"handle": [1, 1, i + 1]} for i in range(kept)]
    assert payload == driving.pack({"name": "s", field: expected, "start_time_unix_nanos": 5})
    assert BUFFER - 2 * SPARE < len(payload) <= BUFFER
    assert driving.dropped(lines) == count - kept


@pytest.mark.parametrize("short", [0, 14, 15, 16, 17])
def test_the_header_is_of_those_that_are_kept(plain_driver: Driver, short: int):
    """Where some are dropped, the header gets shorter, and so what stands behind it moves."""
    long = [driving.attr(f"long {i}", "x" * BUFFER) for i in range(3)]
    links = [driving.link((1, 1, 1)), driving.link((2, 2, 2), {"long": "x" * BUFFER}), driving.link(driving.INVALID)] * 8
    attributes = [driving.attr(f"{i}", i) for i in range(short)]
    lines = plain_driver.run(driving.span("s"), *long[:2], *attributes, long[2], *links, "start", "dropped")
    fields = {"name": "s"} | ({"attributes": {f"{i}": i for i in range(short)}} if short else {})
    assert bytes.fromhex(lines[0].split()[1]) == driving.pack(fields | {"links": [{"handle": [1, 1, 1]}] * 8})
    assert driving.dropped(lines) == 3 + 8


def test_what_does_not_fit_leaves_no_header_behind(plain_driver: Driver):
    long = "x" * BUFFER
    lines = plain_driver.run(driving.span("s"), driving.attr("k", long), driving.link((1, 1, 1), {"k": long}), "start", "dropped")
    assert bytes.fromhex(lines[0].split()[1]) == driving.pack({"name": "s"})
    assert driving.dropped(lines) == 2


@pytest.mark.parametrize("unit", [b"x", b"\xff", b"\xc3\xa9", b"\xe2\x82\xac", b"\xf0\x9f\x8c\x8d", b"\xf0\x9f\x8c", b"\x80"])
@pytest.mark.parametrize("before", range(4))
def test_a_long_name_is_cut_and_everything_else_fits(plain_driver: Driver, unit: bytes, before: int):
    long = b"a" * before + unit * BUFFER
    lines = plain_driver.run(
        driving.span(long, 3),
        driving.remote((2**64 - 1,) * 3, 255, b"\xff" * LONGEST),
        f"time {MAX_TIME}",
        driving.attr("k", 1),
        "start",
        "dropped",
    )
    fields = msgpack.unpackb(bytes.fromhex(lines[0].split()[1]))
    assert long.decode(errors="replace").startswith(fields["name"])
    assert len(fields["name"].encode()) <= 3 * LONGEST
    assert len(fields["name"].encode()) > LONGEST - 4 or unit == b"\x80"
    assert {"kind", "parent", "parent_flags", "trace_state", "attributes", "start_time_unix_nanos"} <= fields.keys()
    assert driving.dropped(lines) == 1


def test_a_name_of_the_longest_length_is_not_cut(plain_driver: Driver):
    lines = plain_driver.run(driving.span("x" * LONGEST), "start", driving.span("x" * (LONGEST + 1)), "start", "dropped")
    assert [bytes.fromhex(line.split()[1]) for line in lines[::2][:2]] == [driving.pack({"name": "x" * LONGEST})] * 2
    assert driving.dropped(lines) == 1


def test_an_attribute_is_dropped_and_a_message_is_cut(plain_driver: Driver):
    lines = plain_driver.run(driving.set_attribute("k", "x" * BUFFER), driving.set_attribute("k", ["x"] * BUFFER), "dropped")
    assert lines == ["dropped 2"]
    message = "\u00e9" * (LONGEST // 2)
    assert msgpack.unpackb(plain_driver.payload(driving.status(2, message * 2))) == {"code": 2, "message": message}
    assert len(plain_driver.payload(driving.status(2, b"\xff" * BUFFER))) <= BUFFER


def test_a_buffer_of_another_size(tmp_path: Path):
    small = build_driver(tmp_path, buffer=8192)
    assert [len(payload) for payload in small.payloads(*(driving.set_attribute("k", "x" * length) for length in (8185, 8186, 8187)))] == [
        8191,
        8192,
    ]


def test_a_time_out_of_range_is_dropped(driver: Driver):
    lines = driver.run(driving.span("s"), f"time {MAX_TIME + 1}", "start", "dropped")
    assert lines[0] == f"start_span {driving.pack({'name': 's'}).hex()}"
    assert lines[-1] == "dropped 1"


# --- The arena --------------------------------------------------------------------------------------------------------


def test_the_arena_is_full_at_its_size_and_no_earlier(driver: Driver):
    assert driver.run(f"alloc {ARENA}", "alloc 1", "free 0", f"alloc {ARENA + 1}", f"alloc {ARENA - 7}", "alloc 1") == [
        f"alloc {word}" for word in ("some", "none", "none", "some", "none")
    ]


@pytest.mark.parametrize("length", [0, ARENA + 1, 2**31, 2**32 - 8, 2**32 - 1, 2**64 - 1])
def test_no_memory_for_nothing_and_for_too_much(driver: Driver, length: int):
    assert driver.run(f"alloc {length}", "alloc 8") == ["alloc none", "alloc some"]


def test_blocks_are_given_back_in_any_order(driver: Driver):
    for order in ([2, 1, 0], [0, 1, 2], [1, 0, 2], [1, 2, 0], [0, 2, 1], [2, 0, 1]):
        frees = [f"free {index}" for index in order]
        assert driver.run("alloc 100", "alloc 1", "alloc 7", *frees, f"alloc {ARENA}")[-1] == "alloc some", order


def test_foreign_pointers_are_ignored(driver: Driver):
    assert driver.run("free_foreign", "alloc 64", "free_foreign", "alloc 64", "free 0", "free 1", "free_foreign") == ["alloc some"] * 2


def test_blocks_never_overlap(driver: Driver):
    """The driver fills each block with its own byte, and checks it when the block is freed."""
    generator = random.Random(5)
    commands: list[str] = []
    index = 0
    for _ in range(300):
        held = range(index, index + generator.randrange(1, 6))
        commands += [f"alloc {generator.choice([1, 7, 8, 9, 100, 1000, 5000])}" for _ in held]
        commands += [f"free {block}" for block in generator.sample(held, len(held))]
        index += len(held)
    lines = driver.run(*commands, f"alloc {ARENA}")
    assert lines == ["alloc some"] * (index + 1)


def test_a_host_that_frees_nothing_gets_what_there_is(driver: Driver):
    assert driver.run(*["alloc 30000"] * 3) == ["alloc some", "alloc some", "alloc none"]
