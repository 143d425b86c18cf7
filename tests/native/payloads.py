"""Payloads that are nearly what a decoder expects: structs of good and bad parts in any legal form, then edited as bytes.

All choices come from the `rng` that is passed, so that a seed, or hypothesis, decides them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from support import vectors
from support.msgpack_forms import Ext, Map, write

Rng = random.Random
Maker = Callable[[Rng], Any]

INTS = (0, 1, 2, 3, 4, 5, 127, 128, 255, 2**16, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1, -1, -32, -33, -(2**31), -(2**63))
FLOATS = (0.0, -0.0, 1.5, 1e300, float("inf"), float("nan"))
TEXTS = ("", "a", "key", "bext.x", "é", "\u20ac", "\U0001f600", "\x00", "a" * 31, "a" * 32, "b" * 255, "c" * 256)
TRACE_STATES = ("", "a=1", "a=1,b=2", "a=1,a=2", " a=1 ,\t,b=2", "A=1", "a@b=c", "9@b=c", "9=c", "a=", "a=b=c", "a=\x7f", "é=1")
TRACE_STATE_ALPHABET = (
    "a",
    "z",
    "0",
    "9",
    "_",
    "-",
    "*",
    "/",
    "@",
    "=",
    "=",
    ",",
    ",",
    " ",
    "\t",
    "A",
    "~",
    "\x7f",
    "\n",
    "é",
    "a=b",
    "k1=v",
)
EDITS = (0x00, 0x7F, 0x80, 0x81, 0x90, 0x93, 0x9F, 0xA0, 0xBF, 0xE0, 0xED, 0xF0, 0xF4, 0xFF, *range(0xC0, 0xE0))


def _scalar(rng: Rng) -> Any:
    return rng.choice((rng.choice(INTS), rng.choice(FLOATS), rng.choice(TEXTS), rng.random() < 0.5))


def _item(rng: Rng, depth: int = 9) -> Any:
    """Any msgpack item, at most `depth` containers deep: one more than fits below a root."""
    kind = rng.randrange(12 if depth else 8)
    if kind < 6:
        return _scalar(rng)
    if kind < 8:
        return rng.choice((None, b"", b"\xff" * 3, Ext(5, b"1234"), Ext(-1, b"123")))
    size = rng.randrange(4)
    if kind < 10:
        return [_item(rng, depth - 1) for _ in range(size)]
    return Map((_item(rng, depth - 1), _item(rng, depth - 1)) for _ in range(size))


def _value(rng: Rng) -> Any:
    """An attribute's value: mostly one that is accepted."""
    roll = rng.random()
    if roll < 0.5:
        return _scalar(rng)
    if roll < 0.8:
        pool = rng.choice((INTS[:-8], FLOATS, TEXTS, (True, False)))
        return [rng.choice(pool) for _ in range(rng.randrange(5))]
    return [_scalar(rng) for _ in range(3)] if roll < 0.9 else _item(rng)


def _key(rng: Rng) -> Any:
    return rng.choice(TEXTS[:5]) if rng.random() < 0.9 else _item(rng, 2)


def _attributes(rng: Rng) -> Any:
    return Map((_key(rng), _value(rng)) for _ in range(rng.randrange(6)))


def _handle(rng: Rng) -> Any:
    return [rng.choice(INTS[:15]) if rng.random() < 0.95 else _item(rng, 2) for _ in range(3 if rng.random() < 0.95 else rng.randrange(5))]


def _int(rng: Rng) -> Any:
    return rng.choice(INTS)


def _time(rng: Rng) -> Any:
    return rng.choice((None, *INTS[:14]))


def _text(rng: Rng) -> Any:
    return rng.choice(TEXTS)


def _link(rng: Rng) -> Any:
    return _struct(rng, LINK)


def _links(rng: Rng) -> Any:
    return [_link(rng) if rng.random() < 0.97 else _item(rng) for _ in range(rng.randrange(4))]


LINK: dict[str, Maker] = {"handle": _handle, "attributes": _attributes}
STRUCTS: dict[str, dict[str, Maker]] = {
    "span_start": {
        "name": _text,
        "kind": _int,
        "parent": lambda rng: rng.choice((None, _handle(rng))),
        "parent_is_remote": lambda rng: rng.random() < 0.5,
        "parent_flags": _int,
        "trace_state": lambda rng: rng.choice(TRACE_STATES),
        "attributes": _attributes,
        "links": _links,
        "start_time_unix_nanos": _time,
    },
    "span_status": {"code": lambda rng: rng.randrange(4), "message": _text},
    "span_event": {"name": _text, "attributes": _attributes, "time_unix_nanos": _time},
}
NAMES = ("attribute", *STRUCTS)


def _struct(rng: Rng, fields: dict[str, Maker]) -> Any:
    """A struct's map. The required field, which is the first, is mostly there; some values are anything; some keys come twice."""
    first, *others = fields
    names = [name for name in others if rng.random() < 0.4]
    names += [first] if rng.random() < 0.97 else []
    names += [rng.choice((first, *others, "unknown", ""))] if rng.random() < 0.3 else []
    rng.shuffle(names)
    pairs = [(name, fields.get(name, _item)(rng) if rng.random() < 0.96 else _item(rng)) for name in names]
    pairs += [(_item(rng, 1), 1)] if rng.random() < 0.02 else []
    return Map(pairs)


def well_framed(rng: Rng, name: str) -> bytes:
    """A payload for this struct in any legal form. Its framing is good but for its depth; its content often is not."""
    if name == "attribute":
        tree: Any = [_key(rng), _value(rng), *([1] if rng.random() < 0.02 else [])]
    else:
        tree = _struct(rng, STRUCTS[name])
    return write(tree, rng.choice)


def edited(rng: Rng, data: bytes, others: Sequence[bytes]) -> bytes:
    """`data` with one to three edits of its bytes."""
    for _ in range(rng.randrange(1, 4)):
        at, byte = rng.randrange(len(data) + 1), bytes([rng.choice(EDITS) if rng.random() < 0.7 else rng.randrange(256)])
        match rng.randrange(8):
            case 0:
                data = data[:at]
            case 1:
                data = data[:at] + byte + data[at:]
            case 2:
                data = data[:at] + data[at + rng.randrange(1, 4) :]
            case 3:
                other = rng.choice(others)
                start = rng.randrange(len(other) + 1)
                data = data[:at] + other[start : start + rng.randrange(1, 40)] + data[at:]
            case _:
                data = data[:at] + byte + data[at + 1 :]
    return data


def vector_payloads(longest: int) -> list[bytes]:
    """The payloads of the golden vectors, but for long ones."""
    structs = ("span_start", "attribute", "span_status", "span_event", "handle")
    found = [v.payload for section in ("canonical", "accepted", "rejected") for v in vectors.load(section, *structs)]
    return [payload for payload in found if len(payload) <= longest]


def trace_state(rng: Rng) -> str:
    """A text that is nearly a tracestate."""
    parts = [rng.choice(TRACE_STATE_ALPHABET) for _ in range(rng.randrange(12))]
    if rng.random() < 0.2:
        parts.insert(rng.randrange(len(parts) + 1), rng.choice("ak9 ") * rng.choice((13, 14, 15, 240, 241, 242, 255, 256, 257, 511, 513)))
    if rng.random() < 0.2:
        parts += [f",k{i}=v" for i in range(rng.choice((30, 31, 32, 33)))]
    return "".join(parts)
