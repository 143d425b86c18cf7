"""What the Zig SDK does where something does not fit: it drops that alone, counts it, and never writes outside its buffer.

The driver is built with every safety check, among them the SDK's own: that nothing is written behind the buffer. The size of the buffer is
a choice of the build, so there is one driver for each size.
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

SMALLEST, SMALL, ARENA = 256, 1024, 65536
SPARE = 32
"""Bytes that are kept for the time."""

SLACK = 5
"""What a header may take, and is moved together afterwards: as much may be missing where something only just fits."""

MAX_TIME = (1 << 63) - 1
HUGE = (2**64 - 1,) * 3
ADD = f"add {driving.handle(ANSWER)}"
LONG = "na\u00efve \U0001f30d name " * 100


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Driver:
    """With a buffer in which everything fits."""
    return build_driver(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session", params=[SMALLEST, SMALL], ids="{} bytes".format)
def small(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Driver, int]:
    """With a small buffer, and its size."""
    return build_driver(tmp_path_factory.getbasetemp(), request.param), request.param


def read(payload: bytes, size: int) -> dict[str, Any]:
    """The fields of a SpanStart or SpanEvent; it is canonical and not longer than the buffer."""
    fields = msgpack.unpackb(payload)
    assert driving.pack(fields) == payload, "canonical"
    assert list(driving.in_field_order(fields)) == [name for name in fields if name != "time_unix_nanos"]
    assert len(payload) <= size
    return fields


def run_one(driver: Driver, size: int, *commands: str) -> tuple[dict[str, Any], int]:
    """The fields of the only payload, and how many drops there were."""
    lines = driver.run(*commands, "dropped")
    (payload,) = [bytes.fromhex(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(("start_span", "add_event"))]
    return read(payload, size), driving.dropped(lines)


def run_many(driver: Driver, size: int, spans: list[list[str]]) -> list[tuple[dict[str, Any], int]]:
    """The same for many spans, in one process."""
    lines = iter(driver.run(*[word for span in spans for word in ["dropped", *span, "start", "dropped"]]))
    found = []
    for _ in spans:
        before, start, _handle, after = (next(lines) for _ in range(4))
        fields = read(bytes.fromhex(start.removeprefix("start_span ")), size)
        found.append((fields, driving.dropped([after]) - driving.dropped([before])))
    return found


def test_kind_parent_and_time_fit_behind_everything(small: tuple[Driver, int]):
    driver, size = small
    remote = driving.remote(HUGE, 255, "vendor=" + "v" * 500)
    attributes = [driving.attr(f"key {i}", "value") for i in range(120)]
    fields, drops = run_one(driver, size, driving.span(LONG, 4), remote, *attributes, f"time {MAX_TIME}", "start")
    named = ("kind", "parent", "parent_is_remote", "parent_flags", "start_time_unix_nanos")
    assert [fields[name] for name in named] == [4, list(HUGE), True, 255, MAX_TIME]
    assert LONG.startswith(fields["name"])
    assert ("vendor=" + "v" * 500).startswith(fields["trace_state"])
    assert drops == 1 + 1 + 120 - len(fields.get("attributes", {}))


def test_every_piece_that_is_missing_is_counted(small: tuple[Driver, int]):
    """The end of the buffer comes at every place: a text before the other pieces takes a byte more each time."""
    driver, size = small
    pieces = [*(driving.attr(f"key {i}", i) for i in range(20)), *(driving.link((i, 1, 1), {"k": [i]}) for i in range(1, 20))]
    spans = [[driving.span("s", 3), driving.attr("first", "x" * n), *pieces, f"time {MAX_TIME}"] for n in range(size)]
    for fields, drops in run_many(driver, size, spans):
        assert fields["start_time_unix_nanos"] == MAX_TIME
        assert all(link.keys() == {"handle", "attributes"} for link in fields.get("links", []))
        assert drops == 21 - len(fields.get("attributes", {})) + 19 - len(fields.get("links", []))


def test_what_fits_is_not_dropped(small: tuple[Driver, int]):
    driver, size = small
    fixed = len(driving.pack({"name": "s", "attributes": {"k": ""}})) + 2
    spans = [[driving.span("s"), driving.attr("k", "x" * n)] for n in range(size)]
    fits = [n for n, (_, drops) in enumerate(run_many(driver, size, spans)) if drops == 0]
    assert fits == list(range(len(fits)))
    assert size - SPARE - fixed - 4 * SLACK <= len(fits) <= size - SPARE


def test_what_does_not_fit_leaves_room_for_what_does(small: tuple[Driver, int]):
    driver, size = small
    commands = [
        driving.attr("long", "x" * size),
        driving.attr("k", 1),
        driving.attr("many", [1] * size),
        driving.link((1, 1, 1), {"k": 1, "long": ["x"] * size}),
        driving.link((2, 2, 2)),
    ]
    fields, drops = run_one(driver, size, driving.span("s"), *commands, "start")
    assert fields == {"name": "s", "attributes": {"k": 1}, "links": [{"handle": [2, 2, 2]}]}
    assert drops == 3


@pytest.mark.parametrize("count", [14, 15, 16, 17, 40])
def test_a_header_shrinks_with_what_was_dropped(small: tuple[Driver, int], count: int):
    """Of `count` that were given all are dropped but the small one, for which a shorter header does."""
    driver, size = small
    big = [driving.attr(f"big {i}", "x" * size) for i in range(count)]
    assert run_one(driver, size, driving.span("s"), *big, driving.attr("k", 1), "start") == ({"name": "s", "attributes": {"k": 1}}, count)


def test_where_all_is_dropped_the_field_is_left_out(small: tuple[Driver, int]):
    driver, size = small
    pieces = [driving.attr("k", "x" * size), driving.link((1, 1, 1), {"k": "x" * size})]
    assert run_one(driver, size, driving.span("s"), *pieces, "time 5", "start") == ({"name": "s", "start_time_unix_nanos": 5}, 2)


def test_text_that_grows_while_it_is_repaired_has_the_header_of_what_it_becomes(driver: Driver):
    for length in (10, 11, 31, 32, 85, 86, 255, 256, 21845, 21846):
        raw = b"\xff" * length
        assert driver.payload(driving.event(raw), ADD) == driving.pack({"name": raw.decode(errors="replace")})


def test_repaired_text_that_no_longer_fits_is_dropped(small: tuple[Driver, int]):
    driver, size = small
    for length in range(size // 3 - 50, size // 3 + 2):
        fields, drops = run_one(driver, size, driving.event("e"), driving.event_attr("k", b"\xff" * length), ADD)
        assert (drops == 0) == ("attributes" in fields)


def test_a_name_is_cut_at_a_character(small: tuple[Driver, int]):
    driver, size = small
    for extra in range(8):
        name = "x" * extra + "\U0001f30d\u00e9" * 100
        fields, drops = run_one(driver, size, driving.event(name), ADD)
        assert name.startswith(fields["name"])
        assert size // 8 - SLACK <= len(fields["name"].encode()) < size // 8
        assert drops == 1


def test_a_message_is_cut(small: tuple[Driver, int]):
    driver, size = small
    lines = driver.run(driving.status(2, "\u00e9" * 5000), driving.status(2, "\u00e9" * (size // 16 - 3)), "dropped")
    message, whole = (msgpack.unpackb(bytes.fromhex(line.rsplit(" ", 1)[1]))["message"] for line in lines[:2])
    assert set(message) == {"\u00e9"}
    assert size // 8 - SLACK <= len(message.encode()) < size // 8
    assert whole == "\u00e9" * (size // 16 - 3)
    assert lines[2] == "dropped 1"


def test_one_attribute_is_set_or_dropped(small: tuple[Driver, int]):
    driver, size = small
    for value in ("x" * (size - SPARE - 4 - 3 * SLACK), [7] * (size - SPARE - 4 - 3 * SLACK)):
        lines = driver.run(driving.set_attribute("k", value), driving.set_attribute("k", value + value[:1] * 40), "dropped")
        assert bytes.fromhex(lines[0].rsplit(" ", 1)[1]) == driving.pack(["k", value])
        assert lines[1:] == ["dropped 1"]


def test_times_out_of_range_are_dropped(driver: Driver):
    lines = driver.run(driving.span("s"), f"time {1 << 63}", "start", driving.event("e"), f"event_time {2**64 - 1}", ADD, "dropped")
    assert lines[0] == f"start_span {driving.pack({'name': 's'}).hex()}"
    assert lines[2].endswith(driving.pack({"name": "e"}).hex())
    assert lines[3] == "dropped 2"


def random_value(generator: random.Random, size: int) -> Any:
    length = generator.randrange(generator.choice([4, 40, size]))
    scalars: list[Any] = [generator.randbytes(length), True, generator.randrange(-(2**63), 2**63), generator.random()]
    scalar = generator.choice(scalars)
    return [scalar] * generator.choice([0, 1, 15, 16, 40]) if generator.random() < 0.3 else scalar


def random_piece(generator: random.Random, size: int, index: int) -> str:
    key = f"{index}".encode() + generator.randbytes(generator.randrange(20))
    handle = tuple(generator.choice([0, 1, 127, 2**64 - 1]) for _ in range(3))
    return generator.choice(
        [
            driving.attr(key, random_value(generator, size)),
            driving.attr(key, random_value(generator, size)),
            driving.link(handle, {f"{n}": random_value(generator, size) for n in range(generator.randrange(3))}),
            driving.remote((1, 1, 1), generator.randrange(256), generator.randbytes(generator.randrange(100))),
        ]
    )


def test_random_spans_are_sound(small: tuple[Driver, int]):
    driver, size = small
    generator = random.Random(11)
    spans = []
    for _ in range(1000):
        pieces = [random_piece(generator, size, index) for index in range(generator.randrange(30))]
        name = generator.randbytes(generator.randrange(300))
        spans.append([driving.span(name, generator.randrange(5)), *pieces, f"time {MAX_TIME}"])
    for fields, _ in run_many(driver, size, spans):
        assert fields["start_time_unix_nanos"] == MAX_TIME


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


def test_a_pointer_from_elsewhere_is_ignored(driver: Driver):
    assert driver.run("alloc 8", "free_foreign", f"alloc {ARENA}", "free 0", "free_foreign", f"alloc {ARENA}")[1:] == [
        "alloc none",
        "alloc some",
    ]


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
