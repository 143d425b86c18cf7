"""What the Zig SDK does where something does not fit: it drops that alone, counts it, and never writes outside the buffer.

The driver puts every buffer between guards and fails where one of them was touched; it is built with every safety check.
"""

from __future__ import annotations

import random
from typing import Any

import msgpack
import pytest

from guest_sdk import driving
from guest_sdk.driving import ANSWER, Driver
from guest_sdk.zig_building import build_driver

pytestmark = pytest.mark.toolchain

SMALLEST, SCRATCH, ARENA = 256, 4096, 65536
SPARE = 64
"""Bytes that each buffer keeps for the time and for the headers of attributes and links."""

MAX_TIME = (1 << 63) - 1
HUGE = (2**64 - 1,) * 3
ADD = f"add {driving.handle(ANSWER)}"
LONG = "na\u00efve \U0001f30d name " * 20


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Driver:
    """The driver in Zig."""
    return build_driver(tmp_path_factory.getbasetemp())


def run_one(driver: Driver, *commands: str) -> tuple[dict[str, Any], bytes, int]:
    """The fields and the bytes of the only payload, and how many drops there were."""
    lines = driver.run(*commands, "dropped")
    (payload,) = [bytes.fromhex(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(("start_span", "add_event"))]
    fields = msgpack.unpackb(payload)
    assert driving.pack(fields) == payload, "canonical"
    return fields, payload, driving.dropped(lines)


def every_capacity(driver: Driver, pieces: list[str], capacities: range) -> list[tuple[dict[str, Any], bytes, int]]:
    """The same span in buffers of many sizes, in one process."""
    commands = [word for size in capacities for word in ["dropped", driving.span(LONG, 3, size), *pieces, "start", "dropped"]]
    lines = iter(driver.run(*commands))
    found = []
    for _ in capacities:
        before, start, _handle, after = (next(lines) for _ in range(4))
        payload = bytes.fromhex(start.removeprefix("start_span "))
        found.append((msgpack.unpackb(payload), payload, driving.dropped([after]) - driving.dropped([before])))
    return found


def test_kind_parent_and_time_fit_into_the_smallest_buffer(driver: Driver):
    remote = driving.remote(HUGE, 255, "vendor=" + "v" * 500)
    attributes = [driving.attr(f"key {i}", "value") for i in range(40)]
    fields, payload, drops = run_one(driver, driving.span(LONG, 4, SMALLEST), remote, *attributes, f"time {MAX_TIME}", "start")
    named = ("kind", "parent", "parent_is_remote", "parent_flags", "start_time_unix_nanos")
    assert [fields[name] for name in named] == [4, list(HUGE), True, 255, MAX_TIME]
    assert LONG.startswith(fields["name"])
    assert len(payload) <= SMALLEST
    assert drops == 1 + 1 + 40 - len(fields.get("attributes", {}))


def test_a_span_is_sound_in_a_buffer_of_any_size(driver: Driver):
    pieces = [
        driving.attr("early", 1),
        f"time {MAX_TIME}",
        driving.link((1, 1, 1), {"why": "because"}),
        *(driving.attr(f"key {i}", ["value", "\u00e9"]) for i in range(16)),
        driving.remote(HUGE, 0, "vendor=value"),
        driving.link((2, 2, 2)),
    ]
    full = driver.payload(driving.span(LONG, 3), *pieces, "start")
    capacities = range(SMALLEST, len(full) + 200)
    for capacity, (fields, payload, drops) in zip(capacities, every_capacity(driver, pieces, capacities), strict=True):
        assert driving.pack(fields) == payload
        assert list(driving.in_field_order(fields)) == list(fields)
        assert len(payload) <= capacity
        assert (drops == 0) == (payload == full)
        assert drops == 0 or capacity < len(full) + 144


def test_every_piece_that_is_missing_is_counted(driver: Driver):
    pieces = [*(driving.attr(f"key {i}", i) for i in range(20)), *(driving.link((i, 1, 1)) for i in range(1, 20))]
    for fields, payload, drops in every_capacity(driver, pieces, range(SMALLEST, 1300)):
        assert driving.pack(fields) == payload
        missing = 20 - len(fields.get("attributes", {})) + 19 - len(fields.get("links", [])) + (fields["name"] != LONG)
        assert drops == missing


def test_what_does_not_fit_leaves_room_for_what_does(driver: Driver):
    commands = [
        driving.attr("long", "x" * 400),
        driving.attr("k", 1),
        driving.link((1, 1, 1), {"long": ["x"] * 400}),
        driving.link((2, 2, 2)),
    ]
    fields, _, drops = run_one(driver, driving.span("s", 0, 300), *commands, "start")
    assert fields == {"name": "s", "attributes": {"k": 1}, "links": [{"handle": [2, 2, 2]}]}
    assert drops == 2


@pytest.mark.parametrize("count", [14, 15, 16, 17, 40])
def test_a_header_shrinks_with_what_was_dropped(driver: Driver, count: int):
    """Of `count` that were given all are dropped but the small ones, whose header may be shorter."""
    big = [driving.attr(f"big {i}", "x" * 300) for i in range(count)]
    fields, _, drops = run_one(driver, driving.span("s", 0, 320), *big, driving.attr("k", 1), "start")
    assert (fields, drops) == ({"name": "s", "attributes": {"k": 1}}, count)


def test_a_buffer_below_the_smallest_is_not_used(driver: Driver):
    for capacity in (0, 1, 7, SMALLEST - 1):
        fields, payload, drops = run_one(driver, driving.span("s" * 1000, 0, capacity), "start")
        assert (fields["name"], drops) == ("s" * 1000, 0)
        assert len(payload) > SMALLEST


def test_text_that_grows_while_it_is_repaired_has_the_header_of_what_it_becomes(driver: Driver):
    for length in (10, 11, 31, 32, 85, 86, 255, 256, 21845, 21846):
        raw = b"\xff" * length
        assert driver.payload(driving.event(raw), ADD) == driving.pack({"name": raw.decode(errors="replace")})


def test_repaired_text_that_no_longer_fits_is_dropped(driver: Driver):
    for length in range(60, 120):
        fields, payload, drops = run_one(driver, driving.event("e", 300), driving.event_attr("k", b"\xff" * length), ADD)
        assert (drops == 0) == ("attributes" in fields)
        assert len(payload) <= 300


def test_a_name_is_cut_at_a_character(driver: Driver):
    for extra in range(8):
        name = "x" * extra + "\U0001f30d\u00e9" * 100
        fields, _, drops = run_one(driver, driving.event(name, SMALLEST), ADD)
        assert name.startswith(fields["name"])
        assert 97 < len(fields["name"].encode()) <= SMALLEST - 144 - 11
        assert drops == 1


def test_the_scratch_buffer_takes_its_size_but_for_what_it_keeps(driver: Driver):
    room = SCRATCH - SPARE - 1 - 2 - 3
    lines = driver.run(driving.set_attribute("k", "x" * room), driving.set_attribute("k", "x" * (room + 1)), "dropped")
    assert bytes.fromhex(lines[0].rsplit(" ", 1)[1]) == driving.pack(["k", "x" * room])
    assert lines[1:] == ["dropped 1"]


def test_a_message_is_cut(driver: Driver):
    lines = driver.run(driving.status(2, "\u00e9" * 5000), "dropped")
    message = msgpack.unpackb(bytes.fromhex(lines[0].rsplit(" ", 1)[1]))["message"]
    assert (message, lines[1]) == ("\u00e9" * ((SCRATCH - SPARE - 20) // 2), "dropped 1")


def test_times_out_of_range_are_dropped(driver: Driver):
    lines = driver.run(driving.span("s"), f"time {1 << 63}", "start", driving.event("e"), f"event_time {2**64 - 1}", ADD, "dropped")
    assert lines[0] == f"start_span {driving.pack({'name': 's'}).hex()}"
    assert lines[2].endswith(driving.pack({"name": "e"}).hex())
    assert lines[3] == "dropped 2"


def random_value(generator: random.Random) -> Any:
    scalars: list[Any] = [generator.randbytes(generator.randrange(40)), True, generator.randrange(-(2**63), 2**63), generator.random()]
    scalar = generator.choice(scalars)
    return [scalar] * generator.choice([0, 1, 15, 16, 40]) if generator.random() < 0.3 else scalar


def random_piece(generator: random.Random, index: int) -> str:
    key = f"{index}".encode() + generator.randbytes(generator.randrange(20))
    handle = tuple(generator.choice([0, 1, 127, 2**64 - 1]) for _ in range(3))
    return generator.choice(
        [
            driving.attr(key, random_value(generator)),
            driving.attr(key, random_value(generator)),
            driving.link(handle, {key.hex(): random_value(generator) for _ in range(generator.randrange(3))}),
            driving.remote((1, 1, 1), generator.randrange(256), generator.randbytes(generator.randrange(100))),
            f"time {generator.randrange(2**64)}",
        ]
    )


def test_random_spans_are_sound_in_random_buffers(driver: Driver):
    generator = random.Random(11)
    commands: list[str] = []
    sizes = [generator.randrange(SMALLEST, 1500) for _ in range(1000)]
    for size in sizes:
        name = generator.randbytes(generator.randrange(300))
        pieces = [random_piece(generator, index) for index in range(generator.randrange(30))]
        commands += [driving.span(name, generator.randrange(5), size), *pieces, "start"]
    for size, payload in zip(sizes, driver.payloads(*commands), strict=True):
        fields = msgpack.unpackb(payload)
        assert driving.pack(fields) == payload
        assert list(driving.in_field_order(fields)) == list(fields)
        assert len(payload) <= size


# --- The arena --------------------------------------------------------------------------------------------------------


def test_the_arena_is_full_at_its_size_and_no_earlier(driver: Driver):
    assert driver.run(f"alloc {ARENA}", "alloc 1", "free 0", f"alloc {ARENA + 1}", f"alloc {ARENA - 3}", "alloc 1") == [
        "alloc some",
        "alloc none",
        "alloc none",
        "alloc some",
        "alloc none",
    ]


@pytest.mark.parametrize("length", [0, ARENA + 1, 2**31, 2**32 - 8, 2**32 - 1])
def test_no_memory_for_nothing_and_for_too_much(driver: Driver, length: int):
    assert driver.run("alloc 5", f"alloc {length}", "alloc 8") == ["alloc some", "alloc none", "alloc some"]


def test_the_arena_is_whole_again_once_all_is_given_back(driver: Driver):
    for order in ([2, 1, 0], [0, 1, 2], [1, 0, 2]):
        frees = [f"free {index}" for index in order]
        assert driver.run("alloc 100", "alloc 1", "alloc 7", *frees[:-1], f"alloc {ARENA}", frees[-1], f"alloc {ARENA}")[3:] == [
            "alloc none",
            "alloc some",
        ], order


def test_freeing_once_too_often_changes_nothing(driver: Driver):
    assert driver.run("alloc 8", "free 0", "free 0", f"alloc {ARENA}", "alloc 1")[1:] == ["alloc some", "alloc none"]


def test_blocks_never_overlap(driver: Driver):
    """Each block is filled with its own byte; all are looked at when the round is over."""
    generator = random.Random(5)
    commands: list[str] = []
    for _ in range(20):
        sizes = [generator.choice([1, 7, 8, 9, 100, 1000]) for _ in range(12)]
        first = sum(command.startswith("alloc") for command in commands)
        held = list(enumerate(sizes, first))
        commands += [f"alloc {size}" for size in sizes]
        commands += [f"fill {index} {size}" for index, size in held] + [f"check {index} {size}" for index, size in held]
        commands += [f"free {index}" for index, _ in held]
    assert driver.run(*commands) == ["alloc some"] * 240
