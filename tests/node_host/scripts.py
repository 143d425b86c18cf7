"""Scripts: host calls drawn at random, in the form that both hosts play (tests/node_host/lib/script.mjs).

A script goes for what lies between the fixtures: malformed payloads in every format, limits that are met at once, handles of every kind,
bad ranges, duplicates, reserved keys, explicit times.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any, Final

from support.msgpack_forms import Ext, Map, write

SLOTS: Final = tuple(range(512, 512 + 5 * 24, 24))
"""Where handles are kept, one behind the other and not aligned to more than 8."""

PAYLOAD: Final = 4096
MEMORY: Final = 65536
UNTOUCHED: Final = "ee" * 24
T: Final = 1_700_000_000_000_000_000

FEW: Final = {
    "span_attributes": 3,
    "span_events": 2,
    "span_links": 2,
    "event_attributes": 2,
    "link_attributes": 1,
    "scope_open_spans": 3,
    "scope_ended_parents": 2,
}
SMALL: Final = {"payload_bytes": 300, "span_bytes": 200, "scope_bytes": 450}
LIMITS: Final = ({}, FEW, SMALL, FEW | SMALL)
"""The defaults, and limits that a few calls reach: of numbers, of bytes, of both."""

_MARK: Final = 0xFFFF_FFFF_5107_0000
_MARKED: Final = re.compile(r"(?:cfffffffff5107([0-9a-f]{4})){3}")

REQUIRED: Final = ("name", "code", "handle")

Step = list[Any]


class Writer:
    """Draws one script."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._one_of = self._random.choice

    def script(self, calls: int) -> list[Step]:
        """The steps of a script with about that many host calls."""
        steps: list[Step] = [["write", slot, self._one_of([UNTOUCHED, "00" * 24])] for slot in SLOTS]
        steps.append(["call", "current_span", SLOTS[0]])
        for _ in SLOTS:
            steps += self._start()
        for _ in range(calls):
            steps += self._some(
                (6, self._start), (9, self._set_attribute), (5, self._add_event), (4, self._set_status), (4, self._end), (1, self._current)
            )
        return steps

    def payload(self, struct: str) -> bytes:
        """The payload of a struct, named as in the vectors, in any format and often damaged."""
        draw = {"span_start": self._span_start, "attribute": self._attribute, "span_status": self._status, "span_event": self._event}
        raw = write(draw[struct](), self._one_of)
        return self._damaged(raw) if self._chance(3) else raw

    def _chance(self, one_in: int) -> bool:
        return self._random.randrange(one_in) == 0

    def _some(self, *weighted: tuple[int, Callable[[], Any]]) -> Any:
        (drawn,) = self._random.choices([draw for _, draw in weighted], [weight for weight, _ in weighted])
        return drawn()

    # --- Calls ---

    def _start(self) -> list[Step]:
        slot = self._one_of(SLOTS[1:])
        out = self._one_of([MEMORY - 23, -1, 2**31 - 1]) if self._chance(20) else slot
        return [
            ["write", slot, UNTOUCHED],
            *self._call("start_span", [], self._span_start(), [out]),
            ["read", slot, 24],
        ]

    def _set_attribute(self) -> list[Step]:
        return self._call("set_attribute", self._handle(), self._attribute())

    def _set_status(self) -> list[Step]:
        return self._call("set_status", self._handle(), self._status())

    def _add_event(self) -> list[Step]:
        return self._call("add_event", self._handle(), self._event())

    def _end(self) -> list[Step]:
        time = self._one_of([0, 0, 0, T, T - 5, T + 10**9, 2**63 - 1, -1, -(2**63), 1])
        return [["call", "end_span", *self._handle(), str(time)]]

    def _current(self) -> list[Step]:
        return [["call", "current_span", self._one_of([SLOTS[0], SLOTS[0], MEMORY - 24, MEMORY - 23, -24])]]

    def _handle(self) -> list[Any]:
        if self._chance(15):
            return self._one_of([["0", "7", "9"], ["0", "0", "5"], ["3", "0", "0"], ["-1", "-1", "-1"]])
        return [{"handle": self._one_of(SLOTS)}]

    def _call(self, name: str, handle: list[Any], value: Any, behind: list[Any] | None = None) -> list[Step]:
        raw = write(value, self._one_of)
        if self._chance(20):
            raw = self._damaged(raw)
        at, length = PAYLOAD, len(raw)
        if self._chance(25):
            at, length = self._one_of([(MEMORY - 3, length), (-1, length), (PAYLOAD, 0), (MEMORY, 0), (PAYLOAD, -1), (PAYLOAD, 301)])
        return [["payload", PAYLOAD, _parts(raw)], ["call", name, *handle, at, length, *(behind or [])]]

    def _damaged(self, raw: bytes) -> bytes:
        at = self._random.randrange(len(raw))
        byte = self._one_of([0xC1, 0xFF, 0x80, 0xC0, 0x00, 0xDF])
        return self._one_of([raw[:at], raw + b"\0", raw[:at] + bytes([byte]) + raw[at + 1 :], raw[:at] + bytes([byte]) + raw[at:]])

    # --- Values ---

    def _rarely(self, items: list[Any]) -> list[Any]:
        return items if self._chance(25) else []

    def _struct(self, **fields: Any) -> Map:
        """The fields in any order, some of them left out, twice, or of another type; and keys that nobody knows."""
        pairs = [[key, value] for key, value in fields.items() if not self._chance(30 if key in REQUIRED else 3)]
        pairs += self._rarely([["name", self._text()]]) + self._rarely([["unknown", self._value()]]) + self._rarely([[None, 1]])
        if pairs and self._chance(20):
            self._one_of(pairs)[1] = self._value()
        if self._chance(2):
            self._random.shuffle(pairs)
        return Map(pairs)

    def _attribute(self) -> list[Any]:
        return [self._key(), self._value(), *self._rarely([None])]

    def _status(self) -> Map:
        return self._struct(code=self._one_of([0, 1, 2, 2, 3, -1]), message=self._text())

    def _event(self) -> Map:
        return self._struct(name=self._text(), attributes=self._attributes(), time_unix_nanos=self._time())

    def _span_start(self) -> Map:
        is_remote = self._chance(4)
        return self._struct(
            name=self._text(),
            kind=self._random.randrange(7),
            parent=self._one_of([None, self._handle_value(), self._handle_value(), self._handle_value()]),
            parent_is_remote=is_remote,
            parent_flags=self._one_of([0, 1, 1, 1, 3, 255, 256]),
            trace_state=self._one_of(["", "a=1", "a=1", "a=1,a=2", "v=x,w=y", "\u00e9=1"]) if is_remote else "",
            attributes=self._attributes(),
            links=[self._link() for _ in range(self._one_of([0, 0, 0, 1, 2, 3]))],
            start_time_unix_nanos=self._time(),
        )

    def _handle_value(self) -> list[int]:
        if self._chance(6):
            return self._one_of([[0, 0, 0], [1, 2, 0], [0, 0, 3], [1, 2, 3], [1, 2, 3], [1, 2], [2**64 - 1] * 3])
        return [_MARK + self._one_of(SLOTS)] * 3

    def _link(self) -> Map:
        return self._struct(handle=self._handle_value(), attributes=self._attributes())

    def _attributes(self) -> Map:
        return Map([self._key(), self._value()] for _ in range(self._one_of([0, 0, 0, 0, 1, 1, 2, 3, 5])))

    def _key(self) -> Any:
        return self._some(
            (20, lambda: self._one_of(["a", "b", "c", "d", "e", "f"])),
            (2, lambda: self._one_of(["bext.plugin", "bext.", "bext", "Bext.a", "\u00e9"])),
            (1, lambda: self._one_of(["", None, 7, b"a", []])),
        )

    def _value(self) -> Any:
        scalar = self._one_of(["", "x" * self._random.randrange(40), True, False, 0, 1, -1, 2**63 - 1, -(2**63), 1.0, -0.0, float("nan")])
        return self._some(
            (12, lambda: scalar),
            (3, lambda: [scalar] * self._random.randrange(4)),
            (1, lambda: self._one_of([[1, 1.0], [True, 1], ["a", None], [[1]], [], [1, 2**63]])),
            (1, lambda: self._one_of([None, 2**63, b"", Ext(1, b"x"), Map(), [Map()]])),
        )

    def _text(self) -> str:
        return self._one_of(["", "s", "name", "\0", "\ufeffmark", "\U0001f30d", "x" * self._random.randrange(30)])

    def _time(self) -> Any:
        return self._one_of([None, None, 0, 1, T, T, T + 7, T + 7, 2**63 - 1, *self._rarely([2**63])])


def _parts(raw: bytes) -> list[str | int]:
    """A payload as hex, with a number for each handle that is to be taken from a slot."""
    parts: list[str | int] = []
    at, text = 0, raw.hex()
    for found in _MARKED.finditer(text):
        parts += [text[at : found.start()], int(found.group(1), 16)]
        at = found.end()
    return [*parts, text[at:]]
