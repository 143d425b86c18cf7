"""What the AssemblyScript SDK does where something does not fit into a buffer: it drops that alone, and counts it."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest

from guest_sdk import assemblyscript_driving, driving
from guest_sdk.driving import Driver

pytestmark = pytest.mark.toolchain
driver = assemblyscript_driving.driver

SMALLEST = 7
NAME = "na\u00efve \U0001f30d name"
MAX_TIME = (1 << 63) - 1
PIECES = [
    driving.attr("early", 1),
    f"time {MAX_TIME}",
    driving.link((1, 1, 1), {"why": "because"}),
    *(driving.attr(f"key {i}", ["value", "\u00e9"]) for i in range(16)),
    driving.remote((2**64 - 1, 2**64 - 1, 2**64 - 1), 0, "vendor=value"),
    driving.link((2, 2, 2)),
]


def spans_of_every_capacity(driver: Driver, pieces: list[str], full: int) -> list[tuple[bytes, int]]:
    """The payload and the number of drops for each capacity from 0 to a little above `full`."""
    commands: list[str] = []
    for capacity in range(full + 4):
        commands += ["dropped", driving.span(NAME, 3, capacity), *pieces, "start", "dropped"]
    lines = iter(driver.run(*commands))
    return [_one_span(lines) for _ in range(full + 4)]


def _one_span(lines: Any) -> tuple[bytes, int]:
    before, start, _handle, after = (next(lines) for _ in range(4))
    return bytes.fromhex(start.removeprefix("start_span ")), driving.dropped([after]) - driving.dropped([before])


def assert_sound(payload: bytes) -> dict[str, Any]:
    """Well-formed, canonical, fields in the order of the ABI, and a name; returns the fields."""
    fields: dict[str, Any] = msgpack.unpackb(payload)
    assert driving.pack(fields) == payload
    assert list(driving.in_field_order(fields)) == list(fields)
    assert NAME.startswith(fields["name"])
    return fields


def test_a_span_is_sound_in_a_buffer_of_any_size(driver: Driver):
    full = driver.payload(driving.span(NAME, 3), *PIECES, "start")
    for capacity, (payload, drops) in enumerate(spans_of_every_capacity(driver, PIECES, len(full))):
        fields = assert_sound(payload)
        assert len(payload) <= max(capacity, SMALLEST)
        assert (drops == 0) == (payload == full)
        assert (fields["name"] == NAME) or not fields.keys() & {"attributes", "links"}, (
            "what is left of a name's cut is less than a character"
        )


def test_every_piece_that_is_missing_is_counted(driver: Driver):
    attributes = [driving.attr(f"key {i}", i) for i in range(20)]
    full = len(driver.payload(driving.span(NAME, 3), *attributes, "start"))
    for payload, drops in spans_of_every_capacity(driver, attributes, full):
        fields = assert_sound(payload)
        missing = (20 - len(fields.get("attributes", {}))) + ("kind" not in fields) + (fields["name"] != NAME)
        assert drops == missing


def test_what_does_not_fit_leaves_room_for_what_does(driver: Driver):
    payload = driver.payload(driving.span("s", 0, 40), driving.attr("long", "x" * 40), driving.attr("k", 1), "start")
    assert payload == driving.pack({"name": "s", "attributes": {"k": 1}})


def test_the_header_that_grows_with_the_sixteenth_attribute_needs_its_room(driver: Driver):
    attributes = [driving.attr(f"{i:02}", i) for i in range(16)]
    full = len(driver.payload(driving.span("s"), *attributes, "start"))
    without_last = driver.payload(driving.span("s", 0, full - 1), *attributes, "start")
    assert without_last == driving.pack({"name": "s", "attributes": {f"{i:02}": i for i in range(15)}})
    assert len(without_last) == full - 4 - 2


def test_a_remote_parent_is_dropped_as_a_whole(driver: Driver):
    remote = driving.remote((1, 2, 3), 0, "a=b")
    full = len(driver.payload(driving.span(NAME, 3), remote, "start"))
    whole = {"parent", "parent_is_remote", "parent_flags"}
    for payload, _drops in spans_of_every_capacity(driver, [remote], full):
        found = assert_sound(payload).keys() & (whole | {"trace_state"})
        assert found in (set(), whole, whole | {"trace_state"})


def test_a_long_name_leaves_room_for_kind_parent_and_time(driver: Driver):
    long, handle = "\u00e9" * 4096, (2**64 - 1,) * 3
    payload = driver.payload(driving.span(long, 3, 256), driving.remote(handle, 255), f"time {MAX_TIME}", "start")
    fields = msgpack.unpackb(payload)
    assert fields == {
        "name": "\u00e9" * 60,
        "kind": 3,
        "parent": list(handle),
        "parent_is_remote": True,
        "parent_flags": 255,
        "start_time_unix_nanos": MAX_TIME,
    }
    assert msgpack.unpackb(driver.payload(f"short_child {driving.text(long)} 3 {driving.handle(handle)}"))["parent"] == list(handle)


@pytest.mark.parametrize("length", [*range(20, 40), *range(240, 270), *range(65520, 65550)])
def test_a_name_is_cut_to_what_fits_with_its_header(driver: Driver, length: int):
    """In a buffer below 256 bytes all of it is the name's; above, 128 bytes are kept free."""
    capacity = length + 6
    room = capacity - (128 if capacity >= 256 else 0)
    payload = driver.payload(driving.span("x" * length, 0, capacity), "start")
    name = msgpack.unpackb(payload)["name"]
    longer = len(driving.pack({"name": name + "x"}))
    assert len(payload) <= room
    assert len(name) == length or longer > room or len(payload) == room - 1


@pytest.mark.parametrize("capacity", range(16, 48))
def test_a_cut_never_splits_a_character(driver: Driver, capacity: int):
    raw = b"a\xc3\xa9\xe2\x82\xac\xf0\x9f\x8c\x8d\xff" * 4
    name = msgpack.unpackb(driver.payload(driving.span(raw, 0, capacity), "start"))["name"]
    assert raw.decode(errors="replace").startswith(name)
    assert len(name.encode()) >= capacity - 6 - 2 - 3


def test_events_are_cut_and_counted_alike(driver: Driver):
    add = f"add {driving.handle(driving.ANSWER)}"
    event = [driving.event("name", 12), driving.event_attr("k", 1), "event_time 5", add, "dropped"]
    lines = driver.run(*event)
    assert bytes.fromhex(lines[0].rsplit(" ", 1)[1]) == driving.pack({"name": "name"})
    assert driving.dropped(lines) == 2


def test_what_does_not_fit_the_scratch_buffer_is_dropped_or_cut(driver: Driver):
    long = "x" * 5000
    handle = driving.handle(driving.ANSWER)
    lines = driver.run(driving.set_attribute("k", long), driving.set_attribute("k", ["x"] * 5000), "dropped")
    assert lines == ["dropped 2"]
    message = msgpack.unpackb(driver.payload(driving.status(2, long)))
    assert message == {"code": 2, "message": "x" * 4078}
    assert msgpack.unpackb(driver.payload(f"short_event {handle} {driving.text(long)}"))["name"] == "x" * (4096 - 128 - 9)
    lines = driver.run(driving.status(2, long), f"short_event {handle} {driving.text(long)}", "dropped")
    assert driving.dropped(lines) == 2


def test_times_and_status_codes_out_of_range_are_dropped(driver: Driver):
    lines = driver.run(driving.span("s"), f"time {1 << 63}", "start", driving.status(3), "dropped")
    assert lines[0] == f"start_span {driving.pack({'name': 's'}).hex()}"
    assert lines[2:] == ["dropped 2"]


def test_a_time_that_is_dropped_leaves_none(driver: Driver):
    assert driver.payload(driving.span("s"), "time 5", f"time {1 << 63}", "start") == driving.pack({"name": "s"})


@pytest.mark.parametrize(("field", "piece"), [("attributes", driving.attr("k", 1)), ("links", driving.link((1, 1, 1)))])
def test_a_payload_holds_65535_of_each(driver: Driver, field: str, piece: str):
    lines = driver.run(driving.span("s"), *[piece] * 65_536, "time 5", "start", "dropped")
    payload = bytes.fromhex(lines[0].removeprefix("start_span "))
    header = payload.index(field.encode()) + len(field)
    assert payload[header + 1 : header + 3] == b"\xff\xff"
    assert payload[header] == (0xDE if field == "attributes" else 0xDC)
    assert payload.endswith(driving.pack("start_time_unix_nanos") + b"\x05")
    assert driving.dropped(lines) == 1
