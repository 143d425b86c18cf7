"""A small msgpack encoder that writes a value in any legal format, not the shortest: what a codec must read all the same."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Callable
from typing import Any, NamedTuple


class Map(list):
    """A map as its pairs, so that a key may come twice and may be anything."""


class Ext(NamedTuple):
    """An extension type's number and its bytes."""

    code: int
    data: bytes


_UINTS = ((0xCC, 8), (0xCD, 16), (0xCE, 32), (0xCF, 64))
_INTS = ((0xD0, 8), (0xD1, 16), (0xD2, 32), (0xD3, 64))


def _int_forms(value: int) -> list[bytes]:
    forms = [bytes([value & 0xFF])] if -32 <= value < 128 else []
    forms += [bytes([first]) + value.to_bytes(bits // 8, "big") for first, bits in _UINTS if 0 <= value < 1 << bits]
    half = [(first, bits) for first, bits in _INTS if -(1 << bits - 1) <= value < 1 << bits - 1]
    return forms + [bytes([first]) + value.to_bytes(bits // 8, "big", signed=True) for first, bits in half]


def _float_forms(value: float) -> list[bytes]:
    forms = [b"\xcb" + struct.pack(">d", value)]
    try:
        short = struct.pack(">f", value)
    except OverflowError:
        return forms
    same = math.isnan(value) or struct.unpack(">f", short)[0] == value
    return [*forms, b"\xca" + short] if same else forms


def _headers(size: int, small: tuple[int, int] | None, wide: tuple[tuple[int, int], ...]) -> list[bytes]:
    """All headers for a size: the one-byte form where it fits, and each wider one."""
    forms = [bytes([small[0] | size])] if small is not None and size <= small[1] else []
    return forms + [bytes([first]) + size.to_bytes(width, "big") for first, width in wide if size < 1 << 8 * width]


def write(value: Any, choose: Callable[[list[bytes]], bytes]) -> bytes:  # noqa: PLR0911  # one for each type
    """The bytes of `value`, each header and number in the form that `choose` takes."""
    match value:
        case None:
            return b"\xc0"
        case bool():
            return b"\xc3" if value else b"\xc2"
        case int():
            return choose(_int_forms(value))
        case float():
            return choose(_float_forms(value))
        case str():
            raw = value.encode()
            return choose(_headers(len(raw), (0xA0, 31), ((0xD9, 1), (0xDA, 2), (0xDB, 4)))) + raw
        case bytes():
            return choose(_headers(len(value), None, ((0xC4, 1), (0xC5, 2), (0xC6, 4)))) + value
        case Ext(code, data):
            head = choose(_headers(len(data), None, ((0xC7, 1), (0xC8, 2), (0xC9, 4))))
            return head + code.to_bytes(1, "big", signed=True) + data
        case Map():
            head = choose(_headers(len(value), (0x80, 15), ((0xDE, 2), (0xDF, 4))))
            return head + b"".join(write(item, choose) for pair in value for item in pair)
        case list() | tuple():
            head = choose(_headers(len(value), (0x90, 15), ((0xDC, 2), (0xDD, 4))))
            return head + b"".join(write(item, choose) for item in value)
    raise TypeError(f"no msgpack: {value!r}")


def write_in_any_form(value: Any, seed: int) -> bytes:
    """The bytes of `value`, in forms that `seed` picks."""
    return write(value, random.Random(seed).choice)
