"""Decoding attribute values and maps. One that is unsupported is dropped alone (ABI.md, "AttrValue")."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from ..errors import MalformedPayload
from ..reasons import Rejection
from ..types import AttrValue
from .framing import Kind
from .reader import Reader

_INT64_MIN: Final = -(2**63)
_INT64_MAX: Final = 2**63 - 1

Scalar = str | bool | int | float


@dataclass(slots=True)
class DecodedAttributes:
    """An attributes map: the accepted pairs in order, the bytes of each in the payload, and how many were dropped."""

    values: dict[str, AttrValue] = field(default_factory=dict)
    payload_bytes: dict[str, int] = field(default_factory=dict)
    dropped: int = 0


def _int64(reader: Reader, what: str) -> int:
    value = reader.integer(what)
    if not _INT64_MIN <= value <= _INT64_MAX:
        raise MalformedPayload(Rejection.OUT_OF_RANGE, f"{what} does not fit in 64 bits with a sign")
    return value


_SCALARS: Final[dict[Kind, Callable[[Reader, str], Scalar]]] = {
    Kind.STR: Reader.text,
    Kind.BOOL: Reader.boolean,
    Kind.UINT: _int64,
    Kind.INT: _int64,
    Kind.FLOAT: Reader.float,
}


def _scalar_reader(reader: Reader, what: str) -> Callable[[Reader, str], Scalar]:
    kind = reader.next_kind()
    found = _SCALARS.get(kind)
    if found is None:
        raise MalformedPayload(Rejection.WRONG_TYPE, f"{what} is {kind.name.lower()}, which no attribute can be")
    return found


def _read_array(reader: Reader, what: str) -> tuple[Scalar, ...]:
    items: list[Scalar] = []
    first: Callable[[Reader, str], Scalar] | None = None
    for _ in range(reader.header(Kind.ARRAY, what).size):
        read = _scalar_reader(reader, f"an item of {what}")
        first = first or read
        if read is not first:
            raise MalformedPayload(Rejection.MIXED_ARRAY, what)
        items.append(read(reader, f"an item of {what}"))
    return tuple(items)


def read_value(reader: Reader, what: str) -> AttrValue:
    """An AttrValue: a scalar, or a homogeneous array of scalars as a tuple."""
    if reader.next_kind() is Kind.ARRAY:
        return _read_array(reader, what)  # type: ignore[return-value]  # homogeneous, as checked
    return _scalar_reader(reader, what)(reader, what)


def read_pair(reader: Reader) -> tuple[str, AttrValue]:
    """A key and its value. Raises MalformedPayload for what no attribute can be."""
    key = reader.text("an attribute key")
    if not key:
        raise MalformedPayload(Rejection.EMPTY_KEY, "an attribute key")
    return key, read_value(reader, "an attribute value")


def read_attributes(reader: Reader, what: str) -> DecodedAttributes:
    """An attributes map, in which each unsupported pair is dropped alone."""
    decoded = DecodedAttributes()
    for _ in range(reader.header(Kind.MAP, what).size):
        start = reader.position
        try:
            key, value = read_pair(reader)
        except MalformedPayload:
            decoded.dropped += 1
            reader.position = start
            reader.skip()
            reader.skip()
        else:
            decoded.values[key] = value
            decoded.payload_bytes[key] = reader.position - start
    return decoded


def enter_attribute(reader: Reader) -> None:
    """Step over the header of the Attribute struct, an array of exactly two."""
    header = reader.header(Kind.ARRAY, "the attribute")
    if header.size != 2:
        raise MalformedPayload(Rejection.WRONG_LENGTH, f"the attribute has {header.size} items, not 2")
