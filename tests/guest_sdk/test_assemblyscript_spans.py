"""What only the AssemblyScript SDK has: spans and builders that are numbers, UTF-16, values by their static type."""

from __future__ import annotations

import math
from typing import Any

import msgpack
import pytest

from guest_sdk import assemblyscript_driving, driving
from guest_sdk.driving import Driver, Handle
from support import vectors
from support.vectors import Vector

pytestmark = pytest.mark.toolchain
driver = assemblyscript_driving.driver

SPANS = 2048 - 3  # how many the SDK knows at a time
FIRST: Handle = (1, 1, 1)


def keep(index: int, handle: Handle = FIRST) -> str:
    return f"keep {index} {driving.handle(handle)}"


def handle_line(handle: Handle) -> str:
    return f"handle {driving.handle(handle)} "


def host_calls(lines: list[str], name: str) -> list[str]:
    return [line for line in lines if line.startswith(name)]


# --- Spans ------------------------------------------------------------------------------------------------------------


def test_many_spans_can_be_open_at_once(driver: Driver):
    spans = [(7, 8, number) for number in range(1, SPANS + 1)]
    lines = driver.run(*(keep(i, span) for i, span in enumerate(spans)), *(f"kept {i}" for i in range(SPANS)), "dropped")
    assert lines == [*map(handle_line, spans), "dropped 0"]


def test_a_span_too_many_takes_the_place_of_the_first(driver: Driver):
    opened = [keep(i, (7, 8, i + 1)) for i in range(SPANS + 1)]
    lines = driver.run(
        *opened, "dropped", "kept_ok 0", "kept_end 0", "dropped", f"kept {SPANS}", "kept 1", f"kept_end {SPANS}", "kept_end 1"
    )
    assert lines == [
        "dropped 1",
        "dropped 3",
        handle_line((7, 8, SPANS + 1)),
        handle_line((7, 8, 2)),
        f"end_span 7 8 {SPANS + 1} 0",
        "end_span 7 8 2 0",
    ]


def test_an_open_span_outlives_any_number_of_others(driver: Driver):
    others = [word for i in range(2 * SPANS) for word in (keep(1, (7, 8, i + 1)), "kept_end 1")]
    assert driver.run(keep(0), *others, "kept 0", "kept_end 0", "dropped")[-3:] == [handle_line(FIRST), "end_span 1 1 1 0", "dropped 0"]


@pytest.mark.parametrize("ended_later", [0, 1, 1024, SPANS - 2])
def test_an_ended_span_is_still_a_parent_and_a_link(driver: Driver, ended_later: int):
    """At least as long as a host remembers it, which is for 1,024 spans that end later."""
    others = [word for i in range(ended_later) for word in (keep(1, (7, 8, i + 1)), "kept_end 1")]
    lines = driver.run(keep(0), "kept_end 0", *others, "kept_child 0", "kept_link 0", "dropped")
    child, linked = (msgpack.unpackb(bytes.fromhex(line.split()[1])) for line in host_calls(lines, "start_span"))
    assert child["parent"] == list(FIRST)
    assert linked["links"] == [{"handle": list(FIRST)}]
    assert lines[-1] == "dropped 0"


def test_below_a_forgotten_span_there_is_a_root_as_a_host_would_make_it(driver: Driver):
    others = [word for i in range(SPANS) for word in (keep(1, (7, 8, i + 1)), "kept_end 1")]
    lines = driver.run(keep(0), "kept_end 0", *others, "kept_child 0", "kept_link 0", "dropped")
    starts = [msgpack.unpackb(bytes.fromhex(line.split()[1])) for line in host_calls(lines, "start_span")]
    assert starts == [{"name": "child"}, {"name": "linked"}]
    assert lines[-1] == "dropped 2"


def test_a_span_that_is_ended_twice_is_given_out_once(driver: Driver):
    lines = driver.run(keep(0), "kept_end 0", "kept_end 0", *(keep(i + 1, (7, 8, i + 1)) for i in range(SPANS)), "kept 1", f"kept {SPANS}")
    assert lines == ["end_span 1 1 1 0"] * 2 + [handle_line((7, 8, 1)), handle_line((7, 8, SPANS))]


def test_spans_are_compared_by_what_they_are(driver: Driver):
    lines = driver.run(keep(0), keep(1), "kept_same 0 0", "kept_same 0 1", "kept_handle 0 1 1 1", "kept_handle 0 1 1 2")
    assert lines == ["same", "other", "same", "other"]


def test_the_current_span_is_one_span_as_long_as_it_is_the_same(driver: Driver):
    lines = driver.run("keep_current 0", "keep_current 1", "kept_same 0 1", "answer 4 5 6", "keep_current 1", "kept_same 0 1", "kept 1")
    assert lines == ["current_span", "current_span", "same", "current_span", "other", handle_line((4, 5, 6))]


def test_the_current_span_is_good_for_as_many_children_as_one_likes(driver: Driver):
    children = ["kept_child 0"] * (2 * SPANS)
    lines = driver.run("keep_current 0", *children, "kept_end 0", "kept 0")
    payload = driving.pack({"name": "child", "parent": list(driving.ANSWER)}).hex()
    assert lines[1::2][: 2 * SPANS] == [f"start_span {payload}"] * (2 * SPANS)
    assert lines[-2:] == [f"end_span {driving.handle(driving.ANSWER)} 0", handle_line(driving.ANSWER)]


@pytest.mark.parametrize("handle", [(0, 0, 1), (0, 1, 0), (1, 0, 0)])
def test_every_invalid_handle_is_the_one_invalid_span(driver: Driver, handle: Handle):
    answer = f"answer {driving.handle(handle)}"
    assert driver.run(answer, "current", "keep_current 0", keep(1, handle), "kept_same 0 1", "kept_end 0") == [
        "current_span",
        "some handle 0 0 0",
        "current_span",
        "same",
    ]


def test_no_current_span(driver: Driver):
    assert driver.run("has_current 0", "current") == ["current_span", "none"]


# --- Builders ---------------------------------------------------------------------------------------------------------


def test_four_builders_are_open_at_a_time(driver: Driver):
    begin = [f"keep_builder {i} {driving.text(str(i))}" for i in range(4)]
    lines = driver.run(*begin, *(f"builder_attr {i}" for i in range(4)), *(f"builder_start {i}" for i in range(4)), "dropped")
    starts = [msgpack.unpackb(bytes.fromhex(line.split()[1])) for line in host_calls(lines, "start_span")]
    assert starts == [{"name": str(i), "attributes": {"k": 1}} for i in range(4)]
    assert lines[-1] == "dropped 0"


def test_a_fifth_builder_takes_the_place_of_the_one_that_rested_longest(driver: Driver):
    begin = [f"keep_builder {i} {driving.text(str(i))}" for i in range(4)]
    lines = driver.run(
        *begin, "builder_attr 0", f"keep_builder 4 {driving.text('4')}", *(f"builder_start {i}" for i in range(5)), "dropped"
    )
    starts = [msgpack.unpackb(bytes.fromhex(line.split()[1]))["name"] for line in host_calls(lines, "start_span")]
    assert starts == ["0", "2", "3", "4"]
    assert host_calls(lines, "handle")[1] == handle_line(driving.INVALID)
    assert lines[-1] == "dropped 1"


def test_what_was_handed_over_gives_way_before_what_is_open(driver: Driver):
    others = [word for _ in range(9) for word in (f"keep_builder 1 {driving.text('other')}", "builder_start 1")]
    lines = driver.run(f"keep_builder 0 {driving.text('first')}", *others, "builder_start 0", "dropped")
    assert host_calls(lines, "start_span")[-1] == f"start_span {driving.pack({'name': 'first'}).hex()}"
    assert lines[-1] == "dropped 0"


# --- Text and values --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", vectors.load("utf16", "text"), ids=str)
def test_ill_formed_text_is_repaired_everywhere(driver: Driver, vector: Vector):
    raw = "".join(map(chr, (int(unit, 16) for unit in vector.row["utf16"])))
    raw = raw.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    text, repaired = raw.encode("utf-8", "surrogatepass"), vector.bytes_of("repaired_hex").decode()
    span = driver.payload(
        driving.span(text), driving.remote((1, 2, 3), 1, text), driving.attr(text, text), driving.attr("a", [text]), "start"
    )
    fields: dict[str, Any] = {"name": repaired, "parent": [1, 2, 3], "parent_is_remote": True}
    fields |= {"trace_state": repaired} if repaired else {}
    assert span == driving.pack(fields | {"attributes": {repaired: repaired, "a": [repaired]}})
    assert driver.payload(driving.status(2, text)) == driving.pack({"code": 2} | ({"message": repaired} if repaired else {}))


@pytest.mark.parametrize("block", range(0, 0x110000, 0x22000))
def test_every_code_point_becomes_its_utf8(driver: Driver, block: int):
    text = "".join(chr(code) for code in range(block, block + 0x22000) if not 0xD800 <= code < 0xE000)
    assert driver.payload(driving.event("e"), driving.event_attr("k", text), "add 1 2 3") == driving.pack(
        {"name": "e", "attributes": {"k": text}}
    )


def test_every_numeric_type_is_one_of_the_abis(driver: Driver):
    values = dict(msgpack.unpackb(payload) for payload in driver.payloads("set_every_type 1 2 3"))
    assert math.isnan(values["f32s"].pop())
    assert values == {
        "i8": -(1 << 7),
        "i16": -(1 << 15),
        "i32": -(1 << 31),
        "isize": -(1 << 31),
        "u8": (1 << 8) - 1,
        "u16": (1 << 16) - 1,
        "u32": (1 << 32) - 1,
        "usize": (1 << 32) - 1,
        "f32": 0.5,
        "false": False,
        "null": "",
        "i8s": [-(1 << 7), (1 << 7) - 1],
        "i16s": [-(1 << 15), (1 << 15) - 1],
        "i32s": [-(1 << 31), (1 << 31) - 1],
        "u8s": [0, (1 << 8) - 1],
        "u16s": [0, (1 << 16) - 1],
        "u32s": [0, (1 << 32) - 1],
        "f32s": [-0.5],
        "Float64Array": [1.5],
        "Int16Array": [-1, 0],
    }
