"""The C SDK against the golden vectors of `abi/vectors`: it writes their canonical bytes, and repairs text as they say."""

from __future__ import annotations

from typing import Any

import pytest

from guest_sdk import driving
from guest_sdk.driving import Driver, Handle
from support import vectors
from support.vectors import Vector

ANSWER = driving.handle(driving.ANSWER)
LETTERS = {"str": "s", "bool": "b", "i64": "i", "f64": "f"}


def value_words(value: dict[str, Any]) -> str:
    ((kind, item),) = value.items()
    if kind == "empty_array":
        return "I 0"
    words = [_item(kind.removesuffix("_array"), entry) for entry in (item if isinstance(item, list) else [item])]
    letter = LETTERS[kind.removesuffix("_array")]
    return " ".join([letter.upper(), str(len(words)), *words] if isinstance(item, list) else [letter, *words])


def _item(kind: str, item: Any) -> str:
    return driving.text(item) if kind == "str" else str(int(item)) if kind in {"bool", "i64"} else item


def handle_of(value: dict[str, str]) -> Handle:
    trace_id = int(value["trace_id"], 16)
    return trace_id >> 64, trace_id & (1 << 64) - 1, int(value["span_id"], 16)


def is_invalid(value: dict[str, str]) -> bool:
    return int(value["trace_id"], 16) == 0 or int(value["span_id"], 16) == 0


def attributes(command: str, value: dict[str, Any]) -> list[str]:
    return [f"{command} {driving.text(key)} {value_words(item)}" for key, item in value.get("attributes", [])]


def link(value: dict[str, Any]) -> str:
    pairs = attributes("", value)
    return " ".join(["link", driving.handle(handle_of(value["handle"])), str(len(pairs)), *pairs])


def parent(value: dict[str, Any]) -> list[str]:
    if "parent" not in value:
        return []
    where = handle_of(value["parent"])
    if not value.get("parent_is_remote"):
        return [driving.parent(where)]
    return [driving.remote(where, int(value.get("parent_flags", 1)), value.get("trace_state", ""))]


def span_start(value: dict[str, Any]) -> list[str]:
    return [
        driving.span(value["name"], value.get("kind", 0)),
        *parent(value),
        *attributes("attr", value),
        *map(link, value.get("links", [])),
        f"time {value.get('start_time_unix_nanos', 0)}",
        "start",
    ]


def attribute(value: dict[str, Any]) -> list[str]:
    return [f"set {ANSWER} {driving.text(value['key'])} {value_words(value['value'])}"] if value["key"] else []


def span_event(value: dict[str, Any]) -> list[str]:
    time = f"event_time {value.get('time_unix_nanos', 0)}"
    return [driving.event(value["name"]), *attributes("event_attr", value), time, f"add {ANSWER}"]


def span_status(value: dict[str, Any]) -> list[str]:
    return [driving.status(value["code"], value.get("message", ""))]


COMMANDS = {"span_start": span_start, "attribute": attribute, "span_event": span_event, "span_status": span_status}


def sdk_can_say(vector: Vector) -> bool:
    """An SDK makes no host call below an INVALID parent, and gives flags and tracestate with a remote parent only."""
    value = vector.row["value"]
    remote_fields = {"parent_is_remote", "parent_flags", "trace_state"} & value.keys()
    if "parent" not in value:
        return not remote_fields
    local_or_remote = not remote_fields or value.get("parent_is_remote", False)
    return not is_invalid(value["parent"]) and local_or_remote and int(value.get("parent_flags", 1)) <= 0xFF


SAID = [vector for vector in vectors.load("canonical", *COMMANDS) if vector.struct != "span_start" or sdk_can_say(vector)]
# Attributes of the scratch buffer's size and above belong to builders; they go through an event's.
LONG = [vector for vector in SAID if vector.struct == "attribute" and len(vector.payload) > 4096]


@pytest.mark.parametrize("vector", [vector for vector in SAID if vector not in LONG], ids=str)
def test_it_writes_the_canonical_bytes(driver: Driver, vector: Vector):
    assert driver.payload(*COMMANDS[vector.struct](vector.row["value"])) == vector.payload


@pytest.mark.parametrize("vector", LONG, ids=str)
def test_a_long_attribute_has_the_canonical_bytes_in_a_buffer_of_its_own(driver: Driver, vector: Vector):
    value = vector.row["value"]
    written = driver.payload(*span_event({"name": "", "attributes": [[value["key"], value["value"]]]}))
    assert written.removeprefix(bytes.fromhex("82a46e616d65a0aa6174747269627574657381")) == vector.payload[1:]


@pytest.mark.parametrize("vector", vectors.load("canonical", "handle"), ids=str)
def test_a_handle_of_the_host_is_read_as_three_numbers(driver: Driver, vector: Vector):
    parts = handle_of(vector.row["value"])
    assert driver.run(f"answer {driving.handle(parts)}", "has_current 1", "current")[1].split() == ["some", "handle", *map(str, parts)]


@pytest.mark.parametrize("vector", vectors.load("utf8", "text"), ids=str)
def test_ill_formed_text_is_repaired_everywhere(driver: Driver, vector: Vector):
    raw, repaired = vector.bytes_of("hex"), vector.bytes_of("repaired_hex").decode()
    span = driver.payload(driving.span(raw), driving.remote((1, 2, 3), 1, raw), driving.attr(raw, raw), driving.attr("a", [raw]), "start")
    fields = {"name": repaired, "parent": [1, 2, 3], "parent_is_remote": True}
    fields |= {"trace_state": repaired} if repaired else {}
    assert span == driving.pack(fields | {"attributes": {repaired: repaired, "a": [repaired]}})
    assert driver.payload(driving.status(2, raw)) == driving.pack({"code": 2} | ({"message": repaired} if repaired else {}))


@pytest.mark.parametrize("vector", vectors.load("canonical", "traceparent"), ids=str)
def test_a_traceparent_is_formatted(driver: Driver, vector: Vector):
    value = vector.row["value"]
    if value["flags"] > 1:
        pytest.skip("the SDK sets no flag but `sampled`")
    assert driver.run(f"format {driving.handle(handle_of(value))} {value['flags']}") == [f"format 1 {vector.row['text']}"]


@pytest.mark.parametrize("vector", [*vectors.load("canonical", "traceparent"), *vectors.load("accepted", "traceparent")], ids=str)
def test_a_valid_traceparent_is_read(driver: Driver, vector: Vector):
    value, text = vector.row["value"], driving.text(vector.row["text"])
    expected = f"parse 1 {value['flags']} handle {driving.handle(handle_of(value))}"
    assert [line.rstrip() for line in driver.run(f"parse {text}", "use_nul 1", f"parse {text}")] == [expected] * 2


@pytest.mark.parametrize("vector", vectors.load("rejected", "traceparent"), ids=str)
def test_an_invalid_traceparent_leaves_everything_as_it_was(driver: Driver, vector: Vector):
    assert driver.run(f"parse {driving.text(vector.row['text'])}")[0].rstrip() == "parse 0 77 handle 7 8 9"
