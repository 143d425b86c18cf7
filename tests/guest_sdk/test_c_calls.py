"""The host calls of the C SDK: which are made, which are skipped, and the memory that it lends to the host."""

from __future__ import annotations

import pytest

from guest_sdk import driving
from guest_sdk.driving import ANSWER, INVALID, Driver, Handle

ARENA = 65536
INVALID_HANDLES = [INVALID, (0, 0, 5), (5, 5, 0), (5, 0, 0), (0, 5, 0)]


def handle_line(handle: Handle) -> str:
    return f"handle {driving.handle(handle)} "


@pytest.mark.parametrize("handle", INVALID_HANDLES)
def test_an_invalid_handle_makes_no_host_call(driver: Driver, handle: Handle):
    where = driving.handle(handle)
    lines = driver.run(
        driving.set_attribute("k", "v", handle),
        driving.set_attribute("k", "x" * 5000, handle),
        f"set_typed {where}",
        driving.status(2, "message", handle),
        driving.status(3, "no such code", handle),
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


@pytest.mark.parametrize("handle", INVALID_HANDLES)
def test_a_child_of_an_invalid_parent_is_invalid_without_a_host_call(driver: Driver, handle: Handle):
    lines = driver.run(f"short_child {driving.text('s')} 1 {driving.handle(handle)}", driving.span("s"), driving.parent(handle), "start")
    assert lines == [handle_line(INVALID)] * 2


@pytest.mark.parametrize("handle", [(1, 0, 1), (0, 1, 1), (2**64 - 1,) * 3])
def test_a_handle_with_both_ids_is_valid(driver: Driver, handle: Handle):
    assert driver.run(f"end {driving.handle(handle)}") == [f"end_span {driving.handle(handle)} 0"]


def test_a_parent_that_is_set_again_replaces_an_invalid_one(driver: Driver):
    payload = driver.payload(driving.span("s"), driving.parent(INVALID), driving.parent((4, 5, 6)), "start")
    assert payload == driving.pack({"name": "s", "parent": [4, 5, 6]})


def test_no_parent_is_none_whatever_was_said_of_one(driver: Driver):
    payloads = driver.payloads(
        driving.span("s"), driving.parent(INVALID), "no_parent", "start", driving.remote((1, 2, 3), 0, "a=b"), "no_parent", "start"
    )
    assert payloads == [driving.pack({"name": "s"})] * 2


def test_an_invalid_remote_parent_is_none(driver: Driver):
    payload = driver.payload(driving.span("s"), driving.parent(INVALID), driving.remote(INVALID, 0, "a=b"), "start")
    assert payload == driving.pack({"name": "s"})


def test_a_link_to_an_invalid_span_is_skipped_and_not_counted(driver: Driver):
    lines = driver.run(driving.span("s"), driving.link(INVALID, {"why": "x"}), "start", "dropped")
    assert lines == [f"start_span {driving.pack({'name': 's'}).hex()}", handle_line(ANSWER), "dropped 0"]


def test_the_short_way_to_start(driver: Driver):
    name = driving.text("GET /")
    lines = driver.run(f"short_child {name} 1 4 5 6", f"short_root {name} 0")
    assert lines == [
        f"start_span {driving.pack({'name': 'GET /', 'kind': 1, 'parent': [4, 5, 6]}).hex()}",
        handle_line(ANSWER),
        f"start_span {driving.pack({'name': 'GET /'}).hex()}",
        handle_line(ANSWER),
    ]


def test_a_span_starts_under_the_current_one_or_as_a_root(driver: Driver):
    under = f"short_under_current {driving.text('s')} 0"
    child, root = (driving.pack(fields).hex() for fields in ({"name": "s", "parent": [1, 2, 3]}, {"name": "s"}))
    assert driver.run(under) == ["current_span", f"start_span {child}", handle_line(ANSWER)]
    assert driver.run("has_current 0", under) == ["current_span", f"start_span {root}", handle_line(ANSWER)]
    assert driver.run("answer 0 0 0", under) == ["current_span", handle_line(INVALID)]


def test_the_current_span(driver: Driver):
    assert driver.run("current", "has_current 0", "current") == [
        "current_span",
        f"some {handle_line(ANSWER)}",
        "current_span",
        "none handle 7 8 9 ",
    ]


def test_typed_setters(driver: Driver):
    pairs = [["str", "text"], ["bool", True], ["i64", -1], ["f64", 0.5]]
    assert driver.payloads(f"set_typed {driving.handle(ANSWER)}") == [driving.pack(pair) for pair in pairs]


def test_status_and_end(driver: Driver):
    where = driving.handle(ANSWER)
    lines = driver.run(
        f"ok {where}", f"error {where} {driving.text('why')}", driving.status(0), f"end {where}", f"end_at {where} {2**64 - 1}"
    )
    assert lines == [
        f"set_status {where} {driving.pack({'code': 1}).hex()}",
        f"set_status {where} {driving.pack({'code': 2, 'message': 'why'}).hex()}",
        f"set_status {where} {driving.pack({'code': 0}).hex()}",
        f"end_span {where} 0",
        f"end_span {where} {2**64 - 1}",
    ]


def test_no_traceparent_of_an_invalid_handle(driver: Driver):
    assert driver.run(*(f"format {driving.handle(handle)} 1" for handle in INVALID_HANDLES)) == ["format 0 "] * len(INVALID_HANDLES)


# --- The arena --------------------------------------------------------------------------------------------------------


def test_the_arena_is_full_at_its_size_and_no_earlier(driver: Driver):
    fillings = ([ARENA], [ARENA - 7], [ARENA - 8, 1], [1, ARENA - 8])
    for lengths in fillings:
        lines = driver.run(*(f"alloc {length}" for length in lengths), "alloc 1")
        assert lines == [*["alloc some"] * len(lengths), "alloc none"], lengths


@pytest.mark.parametrize("length", [0, ARENA + 1, 2**31, 2**32 - 8, 2**32 - 1])
def test_no_memory_for_nothing_and_for_too_much(driver: Driver, length: int):
    assert driver.run(f"alloc {length}", "alloc 8") == ["alloc none", "alloc some"]


def test_blocks_are_given_back_in_any_order(driver: Driver):
    """After all three are free, whatever the order, the whole arena is there again."""
    for order in ([2, 1, 0], [0, 1, 2], [1, 0, 2], [1, 2, 0], [0, 2, 1], [2, 0, 1]):
        frees = [f"free {index}" for index in order]
        assert driver.run("alloc 100", "alloc 1", "alloc 7", *frees, f"alloc {ARENA}")[-1] == "alloc some", order


@pytest.mark.parametrize(("first", "second"), [(0, 1), (1, 0)])
def test_all_is_free_when_the_last_block_has_come_back(driver: Driver, first: int, second: int):
    half = f"alloc {ARENA // 2}"
    lines = driver.run(half, "alloc 8", f"free {first}", half, f"free {second}", half, half)
    assert lines == ["alloc some", "alloc some", "alloc none", "alloc some", "alloc some"]


def test_foreign_pointers_are_ignored(driver: Driver):
    """A block that is in use is not taken for free when one from elsewhere comes back."""
    half = f"alloc {ARENA // 2}"
    assert driver.run("free_foreign", half, half, "free_foreign", "alloc 8") == ["alloc some", "alloc some", "alloc none"]


def test_blocks_never_overlap(driver: Driver):
    """The driver fills each block with its own byte, and checks it when the block is freed."""
    lines = driver.run(*driving.blocks_come_and_go(0.6), f"alloc {ARENA}")
    assert lines[-1] == "alloc some"
    assert lines.count("alloc some") > 1500
