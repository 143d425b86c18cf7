"""What the C SDK does where something does not fit into its buffer: it drops or cuts that alone, counts it, and the rest stands.

The driver is built with the smallest buffer there may be, and fails where a payload is larger than it.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import msgpack
import pytest

from guest_sdk import driving
from guest_sdk.conftest import BUILDS, HERE, ROOT, Compile
from guest_sdk.driving import ANSWER, Driver, Handle

SIZE, HEADER = 1024, 5
MOST_CUT = SIZE // 8 - HEADER
"""Bytes of the longest name or message, but for the rest of a character that begins in them."""

SPARE = 80
"""Bytes at the end of the buffer that an attribute or link may not be able to use: they are kept for the time and for headers."""

IN_ORDER = ("code", "message", *driving.FIELDS, "time_unix_nanos")
"""The fields of a status, and those of a span and an event, which has the ones that it has in the same order."""

MAX_TIME = (1 << 63) - 1
HUGE: Handle = (2**64 - 1,) * 3
ADD = f"add {driving.handle(ANSWER)}"
LONG = "na\u00efve \U0001f30d name " * 40
ALWAYS = {"kind": 3, "parent": list(HUGE), "parent_is_remote": True, "parent_flags": 255, "start_time_unix_nanos": MAX_TIME}


@pytest.fixture(scope="module", params=BUILDS)
def driver(request: pytest.FixtureRequest, compile_c: Compile, tmp_path_factory: pytest.TempPathFactory) -> Driver:
    """The driver with the smallest buffer."""
    output = tmp_path_factory.mktemp("small") / "driver"
    compile_c(*BUILDS[request.param], f"-DBEXT_TRACER_SCRATCH_SIZE={SIZE}", "-o", output, HERE / "driver.c")
    return Driver(output)


@pytest.fixture(scope="module")
def default_driver(compile_c: Compile, tmp_path_factory: pytest.TempPathFactory) -> Driver:
    """The driver with the buffer that guests have."""
    output = tmp_path_factory.mktemp("default") / "driver"
    compile_c(*BUILDS["c11"], "-o", output, HERE / "driver.c")
    return Driver(output)


def sound(payload: bytes) -> dict[str, Any]:
    """The fields of a payload, which is well-formed, canonical and in the order of the ABI."""
    fields: dict[str, Any] = msgpack.unpackb(payload)
    assert driving.pack(fields) == payload
    assert [name for name in IN_ORDER if name in fields] == list(fields)
    return fields


def run_all(driver: Driver, calls: list[list[str]]) -> list[tuple[dict[str, Any], int]]:
    """For each list of commands that makes one host call: the fields of its payload, and how many drops there were."""
    lines = driver.run(*(word for commands in calls for word in [*commands, "dropped"]))
    payloads = [
        sound(bytes.fromhex(line.rsplit(" ", 1)[1])) for line in lines if line.startswith(("start_span", "add_event", "set_status"))
    ]
    counts = [driving.dropped([line]) for line in lines if line.startswith("dropped ")]
    assert len(payloads) == len(counts) == len(calls)
    return list(zip(payloads, [after - before for before, after in zip([0, *counts], counts, strict=False)], strict=True))


def run_one(driver: Driver, *commands: str) -> tuple[dict[str, Any], int]:
    """The same of one list."""
    ((fields, drops),) = run_all(driver, [list(commands)])
    return fields, drops


def text_of(length: int) -> str:
    return "x" * length


# --- Names, messages, and what stands behind them ---------------------------------------------------------------------


@pytest.mark.parametrize("length", [0, 1, MOST_CUT - 1, MOST_CUT, MOST_CUT + 1, 5000])
def test_a_name_or_message_is_cut_to_an_eighth_of_the_buffer(driver: Driver, length: int):
    kept, drops = text_of(min(length, MOST_CUT)), int(length > MOST_CUT)
    text = text_of(length)
    assert run_one(driver, driving.span(text), "start") == ({"name": kept}, drops)
    assert run_one(driver, driving.event(text), ADD) == ({"name": kept}, drops)
    assert run_one(driver, driving.status(2, text)) == ({"code": 2} | ({"message": kept} if kept else {}), drops)


@pytest.mark.parametrize("shift", range(4))
@pytest.mark.parametrize("character", [b"a", b"\xc3\xa9", b"\xe2\x82\xac", b"\xf0\x9f\x8c\x8d", b"\xff", b"\xf0\x9f\x8c"])
def test_a_cut_never_splits_a_character(driver: Driver, character: bytes, shift: int):
    raw = b"-" * shift + character * 400
    (span, drops), (status, _) = run_all(driver, [[driving.span(raw), "start"], [driving.status(2, raw)]])
    assert raw.decode(errors="replace").startswith(span["name"])
    assert MOST_CUT <= len(span["name"].encode()) <= MOST_CUT + 3
    assert (status["message"], drops) == (span["name"], 1)


def test_kind_parent_and_time_are_always_there(driver: Driver):
    crowd = [
        driving.remote(HUGE, 255, "vendor=" + "v" * 2000),
        *(driving.attr(f"key {i}", "value") for i in range(200)),
        *(driving.link(HUGE, {"why": "because"}) for _ in range(200)),
    ]
    fields, drops = run_one(driver, driving.span(LONG, 3), *crowd, f"time {MAX_TIME}", "start")
    assert ALWAYS.items() <= fields.items()
    assert drops == 2 + 200 - len(fields["attributes"]) + 200 - len(fields.get("links", []))
    short = f"short_child {driving.text(LONG)} 3 {driving.handle(HUGE)}"
    assert run_one(driver, short)[0] | {"name": ""} == {"name": "", "kind": 3, "parent": list(HUGE)}


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_tracestate_is_dropped_as_a_whole(driver: Driver, step: int):
    """Whatever its length, and of characters or of bytes that each become three."""
    states = [piece * length for piece in (b"s", b"\xff") for length in range(step, SIZE + 100, 3)]
    calls = [
        [driving.span("s", 3), driving.remote(HUGE, 255, state), driving.attr("k", 1), f"time {MAX_TIME}", "start"] for state in states
    ]
    kept = 0
    for state, (fields, drops) in zip(states, run_all(driver, calls), strict=True):
        assert ALWAYS.items() <= fields.items()
        assert fields.get("trace_state") in (None, state.decode(errors="replace"))
        assert drops == ("trace_state" not in fields) + ("attributes" not in fields)
        kept += "trace_state" in fields
    assert kept > 2 * MOST_CUT // 3 // 2


# --- Attributes and links ---------------------------------------------------------------------------------------------


def values_of(length: int) -> list[Any]:
    """Values that take about `length` bytes."""
    return [text_of(length), b"\xff" * (length // 3), [True] * length, [1] * length, ["xyz"] * (length // 4), [1.5] * (length // 9)]


def test_an_attribute_is_dropped_as_a_whole_at_any_size(driver: Driver):
    values = [value for length in range(SIZE - 160, SIZE + 20) for value in values_of(length)]
    calls = [
        [driving.span("s"), driving.attr("big", value), driving.attr("k", 1), driving.link((1, 1, 1)), "time 5", "start"]
        for value in values
    ]
    kept = 0
    for value, (fields, drops) in zip(values, run_all(driver, calls), strict=True):
        expected = value.decode(errors="replace") if isinstance(value, bytes) else value
        attributes = fields.get("attributes", {})
        assert attributes.get("big", expected) == expected
        assert attributes.get("k", 1) == 1
        assert fields["start_time_unix_nanos"] == 5
        assert drops == 3 - len(attributes) - len(fields.get("links", []))
        kept += "big" in attributes
    assert kept > len(values) // 3


@pytest.mark.parametrize("count", [14, 15, 16, 17, 40])
def test_a_header_is_that_of_what_was_kept(driver: Driver, count: int):
    big = [driving.attr(f"big {i}", text_of(SIZE)) for i in range(count)]
    links = [driving.link((1, 1, 1), {"big": text_of(SIZE)})] * count
    fields, drops = run_one(driver, driving.span("s"), *big, driving.attr("k", 1), *links, "time 5", "start")
    assert fields == {"name": "s", "attributes": {"k": 1}, "links": [{"handle": [1, 1, 1]}] * count, "start_time_unix_nanos": 5}
    assert drops == 2 * count


def test_nothing_is_left_of_a_list_of_which_nothing_fits(driver: Driver):
    big = text_of(SIZE)
    assert run_one(driver, driving.span("s"), driving.attr("k", big), driving.attr(big, 1), "start") == ({"name": "s"}, 2)
    assert run_one(driver, driving.event("e"), driving.event_attr("k", big), "event_time 5", ADD) == (
        {"name": "e", "time_unix_nanos": 5},
        1,
    )


def test_one_attribute_that_is_set_is_dropped_or_arrives(driver: Driver):
    values = [value for length in range(SIZE - 30, SIZE + 20) for value in values_of(length)]
    sent = 0
    for value in values:
        *calls, count = driver.run(driving.set_attribute("k", value), "dropped")
        assert len(calls) + driving.dropped([count]) == 1
        expected = value.decode(errors="replace") if isinstance(value, bytes) else value
        assert all(bytes.fromhex(line.rsplit(" ", 1)[1]) == driving.pack(["k", expected]) for line in calls)
        sent += len(calls)
    assert len(values) // 4 < sent < len(values)


def test_times_and_status_codes_out_of_range_are_dropped(driver: Driver):
    for time in (1 << 63, (1 << 64) - 1):
        assert run_one(driver, driving.span("s"), "time 5", f"time {time}", "start") == ({"name": "s"}, 1)
        assert run_one(driver, driving.event("e"), f"event_time {time}", ADD) == ({"name": "e"}, 1)
    assert run_one(driver, driving.span("s"), f"time {MAX_TIME}", "start") == ({"name": "s", "start_time_unix_nanos": MAX_TIME}, 0)
    assert driver.run(driving.status(3), "dropped") == ["dropped 1"]


# --- Anything at all --------------------------------------------------------------------------------------------------


def random_value(generator: random.Random) -> Any:
    length = generator.choice([0, 1, 5, 16, 31, 32, 60, 300])
    return generator.choice(
        [
            text_of(length),
            generator.choice([True, False]),
            generator.randrange(-(1 << 63), 1 << 63) >> generator.randrange(64),
            generator.random(),
            [text_of(generator.randrange(20)) for _ in range(length // 4)],
            [True] * length,
            [generator.randrange(1 << 20) for _ in range(length // 4)],
            [generator.random() for _ in range(length // 8)],
        ]
    )


def random_attributes(generator: random.Random, most: int) -> dict[str, Any]:
    return {f"key {i}" + text_of(generator.choice([0, 0, 0, 30, 200])): random_value(generator) for i in range(generator.randrange(most))}


def random_span(generator: random.Random) -> dict[str, Any]:
    """The fields of a span, none of which is left out."""
    links = [{"handle": [i + 1, 1, 1], "attributes": random_attributes(generator, 4)} for i in range(generator.choice([0, 1, 5, 40]))]
    return {
        "name": text_of(generator.choice([1, 50, 120, 140])),
        "kind": 3,
        "parent": list(HUGE),
        "parent_is_remote": True,
        "parent_flags": 255,
        "trace_state": text_of(generator.choice([1, 100, 500, 700])),
        "attributes": random_attributes(generator, generator.choice([2, 10, 60])),
        "links": links,
        "start_time_unix_nanos": MAX_TIME,
    }


def commands_of(fields: dict[str, Any]) -> list[str]:
    return [
        driving.span(fields["name"], 3),
        driving.remote(HUGE, 255, fields["trace_state"]),
        *(driving.attr(key, value) for key, value in fields["attributes"].items()),
        *(driving.link(tuple(link["handle"]), link["attributes"]) for link in fields["links"]),
        f"time {MAX_TIME}",
        "start",
    ]


def missing_attributes(given: dict[str, Any], kept: dict[str, Any]) -> int:
    """How many there are of one and not of the other; those that are kept are as they were, and in order."""
    assert kept.items() <= given.items()
    assert list(kept) == [key for key in given if key in kept]
    return len(given) - len(kept)


def missing(given: dict[str, Any], fields: dict[str, Any]) -> int:
    """How many pieces of a span the payload lacks; a link that is missing is one piece, with all that it has."""
    assert ALWAYS.items() <= fields.items()
    assert given["name"].startswith(fields["name"])
    assert fields.get("trace_state", given["trace_state"]) == given["trace_state"]
    links = {tuple(link["handle"]): link.get("attributes", {}) for link in fields.get("links", [])}
    of_links = [
        missing_attributes(link["attributes"], links[tuple(link["handle"])]) if tuple(link["handle"]) in links else 1
        for link in given["links"]
    ]
    assert list(links) == sorted(links)
    in_all = missing_attributes(given["attributes"], fields.get("attributes", {})) + sum(of_links)
    return in_all + (fields["name"] != given["name"]) + ("trace_state" not in fields)


def test_what_is_missing_of_any_span_is_counted_exactly(driver: Driver):
    generator = random.Random(11)
    spans = [random_span(generator) for _ in range(1500)]
    results = run_all(driver, [commands_of(given) for given in spans])
    assert [drops for _, drops in results] == [missing(given, fields) for given, (fields, _) in zip(spans, results, strict=True)]
    assert {0, 1, 2, 3} <= {drops for _, drops in results}


def test_what_was_dropped_would_not_have_fitted(driver: Driver):
    generator = random.Random(12)
    spans = [random_span(generator) for _ in range(500)]
    for given, (fields, _) in zip(spans, run_all(driver, [commands_of(given) for given in spans]), strict=True):
        kept = fields.get("attributes", {})
        before: dict[str, Any] = {}
        for key, value in given["attributes"].items():
            until = [name for name in fields if name not in ("links", "start_time_unix_nanos")]
            payload = driving.pack({name: fields[name] for name in until} | {"attributes": before | {key: value}})
            assert key in kept or len(payload) > SIZE - SPARE
            before |= {key: value} if key in kept else {}


# --- The buffer that guests have --------------------------------------------------------------------------------------


def test_by_default_the_buffer_holds_what_hosts_take(default_driver: Driver):
    limit = 65_536
    assert f"BEXT_LIMIT_PAYLOAD_BYTES {limit}" in (ROOT / "abi" / "bext_tracer_abi.h").read_text()
    big = text_of(limit - SPARE)
    payloads = default_driver.payloads(
        driving.set_attribute("k", big), driving.span("s"), driving.attr("k", big[SPARE:]), "time 5", "start"
    )
    assert payloads == [driving.pack(["k", big]), driving.pack({"name": "s", "attributes": {"k": big[SPARE:]}, "start_time_unix_nanos": 5})]
    assert default_driver.run(driving.set_attribute("k", text_of(limit)), "dropped") == ["dropped 1"]


def test_a_smaller_buffer_than_the_smallest_does_not_compile(compile_c: Compile, tmp_path: Path):
    with pytest.raises(AssertionError, match="BEXT_TRACER_SCRATCH_SIZE must be at least 1024"):
        compile_c(f"-DBEXT_TRACER_SCRATCH_SIZE={SIZE - 1}", "-o", tmp_path / "driver", HERE / "driver.c")
    with pytest.raises(AssertionError, match="BEXT_TRACER_ARENA_SIZE must be a multiple of 8"):
        compile_c("-DBEXT_TRACER_ARENA_SIZE=1001", "-o", tmp_path / "driver", HERE / "driver.c")
