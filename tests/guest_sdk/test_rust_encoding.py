"""The Rust SDK's bytes and calls: the tests that the C SDK passes, and what its own limits are."""

from __future__ import annotations

import random

import msgpack
import pytest

from guest_sdk import driving
from guest_sdk.driving import Driver
from guest_sdk.rust_build import driver
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

MOST = 128  # attributes of one builder, and links
BUFFER = 4096  # a builder's own
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


def test_more_attributes_or_links_than_a_builder_has_room_for_are_dropped(driver: Driver):
    attributes = [driving.attr(f"{i}", i) for i in range(MOST + 1)]
    links = [driving.link((1, 1, i + 1)) for i in range(MOST + 2)]
    lines = driver.run(driving.span("s"), *attributes, *links, "start", "dropped")
    fields = {"attributes": {f"{i}": i for i in range(MOST)}, "links": [{"handle": [1, 1, i + 1]} for i in range(MOST)]}
    assert bytes.fromhex(lines[0].split()[1]) == driving.pack({"name": "s"} | fields)
    assert driving.dropped(lines) == 3


@pytest.mark.parametrize("length", [*range(3300, 4200, 7), 5000, 70000])
def test_what_does_not_fit_is_dropped_alone_and_the_rest_stays(driver: Driver, length: int):
    """Attributes, links and the time around one attribute of nearly the whole buffer."""
    pairs = {**{f"{i}": i for i in range(14)}, "long": "x" * length, "short": True}
    attributes = [driving.attr(key, value) for key, value in pairs.items()]
    around = [f"time {MAX_TIME}", driving.link((2**64 - 1,) * 3), driving.remote((2**64 - 1,) * 3, 3, "a=b")]
    lines = driver.run(driving.span("s", 3, 0), *attributes, *around, "start", "dropped")
    payload = bytes.fromhex(lines[0].split()[1])
    fields = msgpack.unpackb(payload)
    assert driving.pack(fields) == payload
    assert len(payload) <= BUFFER
    assert (fields["start_time_unix_nanos"], fields["parent"], fields["trace_state"]) == (MAX_TIME, [2**64 - 1] * 3, "a=b")
    kept = [key for key in pairs if key in fields["attributes"]]
    assert list(fields["attributes"].items()) == [(key, pairs[key]) for key in kept]
    assert driving.dropped(lines) == len(pairs) - len(kept) + ("links" not in fields)
    assert kept == list(pairs) or kept == [key for key in pairs if key != "long"] or length > BUFFER - 700


def test_what_does_not_fit_leaves_no_header_behind(driver: Driver):
    lines = driver.run(
        driving.span("s", 0, 0), driving.attr("k", "x" * 5000), driving.link((1, 1, 1), {"k": "x" * 5000}), "start", "dropped"
    )
    assert bytes.fromhex(lines[0].split()[1]) == driving.pack({"name": "s"})
    assert driving.dropped(lines) == 2


@pytest.mark.parametrize("unit", [b"x", b"\xff", b"\xc3\xa9", b"\xf0\x9f\x8c\x8d", b"\xf0\x9f\x8c"])
def test_a_long_name_is_cut_and_everything_else_fits(driver: Driver, unit: bytes):
    state = b"\xff" * 512
    long = unit * 5000
    lines = driver.run(
        driving.span(long, 3, 0), driving.remote((2**64 - 1,) * 3, 255, state), f"time {MAX_TIME}", driving.attr("k", 1), "start", "dropped"
    )
    fields = msgpack.unpackb(bytes.fromhex(lines[0].split()[1]))
    assert long.decode(errors="replace").startswith(fields["name"])
    assert 500 <= len(fields["name"].encode()) <= 3 * 512
    assert {"kind", "parent", "parent_flags", "trace_state", "attributes", "start_time_unix_nanos"} <= fields.keys()
    assert driving.dropped(lines) == 1


def test_a_tracestate_that_cannot_be_valid_is_dropped(driver: Driver):
    lines = driver.run(driving.span("s"), driving.remote((1, 2, 3), 1, "x" * 513), "start", "dropped")
    assert bytes.fromhex(lines[0].split()[1]) == driving.pack({"name": "s", "parent": [1, 2, 3], "parent_is_remote": True})
    assert driving.dropped(lines) == 1


def test_what_does_not_fit_the_scratch_buffer_is_dropped_or_cut(driver: Driver):
    lines = driver.run(driving.set_attribute("k", "x" * 5000), driving.set_attribute("k", ["x"] * 5000), "dropped")
    assert lines == ["dropped 2"]
    assert msgpack.unpackb(driver.payload(driving.status(2, "\u00e9" * 5000))) == {"code": 2, "message": "\u00e9" * 675}
    assert len(driver.payload(driving.status(2, b"\xff" * 5000))) <= BUFFER


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
