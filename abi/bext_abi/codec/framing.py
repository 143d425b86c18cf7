"""The first pass over a payload: it must be exactly one well-formed, bounded msgpack item (ABI.md, "Decoding").

It walks the bytes with a flat stack, so nothing a guest writes makes it recurse, and it allocates nothing by a number that a guest
wrote. After it, the content pass (`reader`) meets no end of data, no unknown format and no lying count.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

from ..constants import MAX_DEPTH
from ..errors import MalformedPayload
from ..reasons import Rejection


class Kind(IntEnum):
    """The msgpack types, without their formats: values are judged by value, not by format."""

    NIL = 0
    BOOL = 1
    UINT = 2
    INT = 3
    FLOAT = 4
    STR = 5
    BIN = 6
    EXT = 7
    ARRAY = 8
    MAP = 9


class _Format(NamedTuple):
    """What a first byte says. `length_bytes` follow it and add to `size`: bytes of body, or items of a container."""

    kind: Kind
    length_bytes: int
    size: int


class Header(NamedTuple):
    """One item's header: its type, its body's bytes or its number of items, and where the body starts."""

    kind: Kind
    size: int
    body: int


def _format_table() -> tuple[_Format | None, ...]:
    """All 256 first bytes of the msgpack specification; None for 0xc1, which it reserves."""
    table: list[_Format | None] = [None] * 256
    for byte in range(0x80):
        table[byte] = _Format(Kind.UINT, 0, 0)
    for byte in range(0x80, 0x90):
        table[byte] = _Format(Kind.MAP, 0, byte & 0x0F)
    for byte in range(0x90, 0xA0):
        table[byte] = _Format(Kind.ARRAY, 0, byte & 0x0F)
    for byte in range(0xA0, 0xC0):
        table[byte] = _Format(Kind.STR, 0, byte & 0x1F)
    for byte in range(0xE0, 0x100):
        table[byte] = _Format(Kind.INT, 0, 0)
    table[0xC0] = _Format(Kind.NIL, 0, 0)
    table[0xC2] = table[0xC3] = _Format(Kind.BOOL, 0, 0)
    for power in range(3):
        table[0xC4 + power] = _Format(Kind.BIN, 1 << power, 0)
        table[0xC7 + power] = _Format(Kind.EXT, 1 << power, 1)
        table[0xD9 + power] = _Format(Kind.STR, 1 << power, 0)
    table[0xCA] = _Format(Kind.FLOAT, 0, 4)
    table[0xCB] = _Format(Kind.FLOAT, 0, 8)
    for power in range(4):
        table[0xCC + power] = _Format(Kind.UINT, 0, 1 << power)
        table[0xD0 + power] = _Format(Kind.INT, 0, 1 << power)
    for power in range(5):
        table[0xD4 + power] = _Format(Kind.EXT, 0, 1 + (1 << power))
    for power in range(2):
        table[0xDC + power] = _Format(Kind.ARRAY, 2 << power, 0)
        table[0xDE + power] = _Format(Kind.MAP, 2 << power, 0)
    return tuple(table)


_FORMATS: Final = _format_table()


def read_header(data: bytes, position: int) -> Header:
    """The header at `position`. Raises MalformedPayload where it is cut short or starts with 0xc1."""
    if position >= len(data):
        raise MalformedPayload(Rejection.TRUNCATED, f"item at byte {position}")
    found = _FORMATS[data[position]]
    if found is None:
        raise MalformedPayload(Rejection.RESERVED_BYTE, f"item at byte {position}")
    body = position + 1 + found.length_bytes
    if body > len(data):
        raise MalformedPayload(Rejection.TRUNCATED, f"header at byte {position}")
    if not found.length_bytes:
        return Header(found.kind, found.size, body)
    return Header(found.kind, found.size + int.from_bytes(data[position + 1 : body], "big"), body)


def item_count(header: Header) -> int:
    """How many items follow as the content of this header: none for a scalar, two for each pair of a map."""
    if header.kind is Kind.MAP:
        return 2 * header.size
    return header.size if header.kind is Kind.ARRAY else 0


def check_framing(data: bytes) -> None:
    """Raise MalformedPayload unless `data` is exactly one item, nested at most MAX_DEPTH deep, with counts that can be true."""
    position = 0
    remaining = [1]  # items still to come in each open container; its length is the depth of the next container
    while remaining:
        if not remaining[-1]:
            remaining.pop()
            continue
        remaining[-1] -= 1
        header = read_header(data, position)
        if header.kind < Kind.ARRAY:
            position = header.body + header.size
            if position > len(data):
                raise MalformedPayload(Rejection.TRUNCATED, f"item that ends at byte {position}")
            continue
        if len(remaining) > MAX_DEPTH:
            raise MalformedPayload(Rejection.TOO_DEEP, f"container at byte {position}")
        position = header.body
        count = item_count(header)
        if count > len(data) - position:
            raise MalformedPayload(Rejection.COUNT_EXCEEDS_BYTES, f"container before byte {position}")
        remaining.append(count)
    if position != len(data):
        raise MalformedPayload(Rejection.TRAILING_BYTES, f"payload of {position} bytes")
