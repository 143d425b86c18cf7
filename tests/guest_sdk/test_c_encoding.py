"""The C SDK's bytes against msgpack's own: sizes, counts, orders of calls, and random text."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

from guest_sdk import driving
from guest_sdk.driving import Driver

LENGTHS = (0, 1, 31, 32, 255, 256, 65535, 65536)
COUNTS = (1, 15, 16, 17, 127, 128, 65535)
ITEM_COUNTS = (*COUNTS, 65536)
INTEGERS = [sign * (1 << bits) + step for bits in (0, 5, 7, 8, 15, 16, 31, 32, 62) for sign in (1, -1) for step in (-1, 0, 1)]


@pytest.mark.parametrize("length", LENGTHS)
def test_a_text_has_the_shortest_header(driver: Driver, length: int):
    text = "x" * length
    start = driver.payload(driving.span(text), driving.attr(text, text), "start")
    assert start == driving.pack({"name": text, "attributes": {text: text}})
    event = driver.payload(driving.event(text), driving.event_attr("k", [text]), f"add {driving.handle(driving.ANSWER)}")
    assert event == driving.pack({"name": text, "attributes": {"k": [text]}})


def test_an_integer_has_the_shortest_form(driver: Driver):
    values = [*INTEGERS, -(1 << 63), (1 << 63) - 1]
    assert driver.payloads(*(driving.set_attribute("k", value) for value in values)) == [driving.pack(["k", value]) for value in values]
    assert driver.payload(driving.set_attribute("k", values)) == driving.pack(["k", values])


@pytest.mark.parametrize("bits", ["7ff8000000000000", "fff8000000000000", "7ff0000000000001", "7fffffffffffffff", "ffffffffffffffff"])
def test_every_nan_is_one_nan(driver: Driver, bits: str):
    words = f"set {driving.handle(driving.ANSWER)} {driving.text('k')}"
    nan = "cb7ff8000000000000"
    assert [payload.hex() for payload in driver.payloads(f"{words} f {bits}", f"{words} F 1 {bits}")] == [f"92a16b{nan}", f"92a16b91{nan}"]


@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, 0.1, 5e-324, 1.7976931348623157e308, float("inf"), float("-inf")])
def test_a_float_is_always_64_bits(driver: Driver, value: float):
    assert driver.payload(driving.set_attribute("k", value)) == driving.pack(["k", value])


@pytest.mark.parametrize("count", COUNTS)
def test_attributes_have_the_shortest_header(driver: Driver, count: int):
    pairs = {f"key {i}": i for i in range(count)}
    attributes = [driving.attr(key, value) for key, value in pairs.items()]
    name_first = [driving.span("s", 1), *attributes, "time 5", "start"]
    fields = {"name": "s", "kind": 1, "attributes": pairs, "start_time_unix_nanos": 5}
    assert driver.payload(*name_first) == driving.pack(fields)


@pytest.mark.parametrize("count", [65_535, 65_536])
@pytest.mark.parametrize(("field", "piece"), [("attributes", driving.attr("k", 1)), ("links", driving.link((1, 1, 1)))])
def test_a_payload_holds_as_many_as_fit(driver: Driver, field: str, piece: str, count: int):
    lines = driver.run(driving.span("s"), *[piece] * count, "time 5", "start", "dropped")
    payload = bytes.fromhex(lines[0].removeprefix("start_span "))
    header = (bytes([0xDE]) if field == "attributes" else bytes([0xDC])) + b"\xff\xff"
    if count > 65_535:
        header = bytes([header[0] + 1]) + count.to_bytes(4)
    assert payload.startswith(b"\x83" + driving.pack("name") + driving.pack("s") + driving.pack(field) + header)
    assert payload.endswith(driving.pack("start_time_unix_nanos") + b"\x05")
    assert driving.dropped(lines) == 0


@pytest.mark.parametrize("count", [1, 15, 16, 17, 128])
def test_a_container_grows_its_header_below_fields_that_stand_behind_it(driver: Driver, count: int):
    other, pairs = (4, 5, 6), {f"key {i}": i for i in range(count)}
    attributes = [driving.attr(key, value) for key, value in pairs.items()]
    links = [driving.link(other, pairs)] * count
    shuffled = [driving.span("s"), "time 5", *links, *attributes, driving.parent((7, 8, 9)), "start"]
    fields = {
        "name": "s",
        "parent": [7, 8, 9],
        "attributes": pairs,
        "links": [{"handle": other, "attributes": pairs}] * count,
        "start_time_unix_nanos": 5,
    }
    assert driver.payload(*shuffled) == driving.pack(fields)


@pytest.mark.parametrize("count", [0, *ITEM_COUNTS])
def test_an_array_has_the_shortest_header(driver: Driver, count: int):
    items = list(itertools.islice(itertools.cycle([True, False]), count))
    event = driver.payload(driving.event("e"), driving.event_attr("k", items), f"add {driving.handle(driving.ANSWER)}")
    assert event == driving.pack({"name": "e", "attributes": {"k": items}})


PIECES: list[tuple[str, dict[str, Any]]] = [
    (
        driving.remote((2**64 - 1, 0, 1), 3, "a=b"),
        {"parent": [2**64 - 1, 0, 1], "parent_is_remote": True, "parent_flags": 3, "trace_state": "a=b"},
    ),
    (driving.link((1, 1, 1)), {"links": [{"handle": [1, 1, 1]}]}),
    (driving.link((2, 2, 2), {"why": ["x"]}), {"links": [{"handle": [2, 2, 2], "attributes": {"why": ["x"]}}]}),
    (driving.attr("a", 1), {"attributes": {"a": 1}}),
    (driving.attr("b", "text"), {"attributes": {"b": "text"}}),
    ("time 1700000000000000000", {"start_time_unix_nanos": 1_700_000_000_000_000_000}),
]


def merged(pieces: list[dict[str, Any]]) -> dict[str, Any]:
    """The fields of all pieces; what is a list or a map is joined in the order of the calls."""
    fields: dict[str, Any] = {"name": "s", "kind": 4}
    for piece in pieces:
        for key, value in piece.items():
            if key == "links":
                fields[key] = [*fields.get(key, []), *value]
            elif key == "attributes":
                fields[key] = {**fields.get(key, {}), **value}
            else:
                fields[key] = value
    return driving.in_field_order(fields)


def test_the_order_of_the_calls_does_not_matter(driver: Driver):
    orders = list(itertools.permutations(PIECES))
    commands = [command for order in orders for command in [driving.span("s", 4), *(words for words, _ in order), "start"]]
    assert driver.payloads(*commands) == [driving.pack(merged([fields for _, fields in order])) for order in orders]


def test_the_last_call_counts(driver: Driver):
    twice = [driving.remote((1, 1, 1), 0, "a=b"), "time 9", driving.attr("a", 1), driving.parent((4, 5, 6)), "time 5"]
    assert driver.payload(driving.span("s"), *twice, "start") == driving.pack(
        {"name": "s", "parent": [4, 5, 6], "attributes": {"a": 1}, "start_time_unix_nanos": 5}
    )
    assert driver.payload(driving.span("s"), *twice, "time 0", driving.remote(driving.INVALID), "start") == driving.pack(
        {"name": "s", "attributes": {"a": 1}}
    )


def test_a_builder_can_be_started_again_and_added_to(driver: Driver):
    first, second = driver.payloads(driving.span("s"), "start", driving.attr("a", 1), "start")
    assert (first, second) == (driving.pack({"name": "s"}), driving.pack({"name": "s", "attributes": {"a": 1}}))


@pytest.mark.parametrize("kind", range(7))
def test_a_kind_that_is_none_of_the_five_is_internal(driver: Driver, kind: int):
    expected = {"name": "s"} | ({"kind": kind} if 1 <= kind <= 4 else {})
    assert driver.payload(driving.span("s", kind), "start") == driving.pack(expected)


def test_random_bytes_become_the_text_that_python_makes_of_them(driver: Driver):
    """Python's `replace` handler replaces maximal subparts as well."""
    generator = random.Random(7)
    alphabet = [0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC1, 0xC2, 0xE0, 0xE1, 0xED, 0xEF, 0xF0, 0xF1, 0xF4, 0xF5, 0xFF]
    raws = [bytes(generator.choices(alphabet, k=generator.randrange(12))) for _ in range(4000)]
    payloads = driver.payloads(*(driving.set_attribute("k", raw) for raw in raws))
    assert payloads == [driving.pack(["k", raw.decode(errors="replace")]) for raw in raws]


def test_functions_that_look_for_a_nul_write_the_same(driver: Driver):
    commands = [
        driving.span("caf\u00e9", 2),
        driving.remote((1, 2, 3), 0, "a=b"),
        driving.attr("k", ["one", ""]),
        driving.link((4, 5, 6), {"why": "x"}),
        "start",
        driving.event("e"),
        driving.event_attr("k", "v"),
        f"add {driving.handle(driving.ANSWER)}",
        driving.set_attribute("k", "v"),
        driving.status(2, "message"),
    ]
    assert driver.run("use_nul 1", *commands) == driver.run(*commands)


def test_null_is_the_empty_text_the_empty_list_and_no_parent(driver: Driver):
    name = {"name": ""}
    attributes = [["", ""], ["a", []], ["", ""]]
    events = [name, name | {"attributes": {"": ""}}, name]
    spans = [name | {"links": [{"handle": driving.ANSWER}]}, name]
    assert driver.payloads("nulls") == [driving.pack(value) for value in (name, *attributes, {"code": 2}, *events, *spans)]
