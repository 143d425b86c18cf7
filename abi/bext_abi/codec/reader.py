"""The second pass: typed reads from a payload whose framing is known to be good. Every read names what it reads, for the error."""

from __future__ import annotations

import struct
from typing import Final

from ..constants import MAX_TIME_UNIX_NANOS
from ..errors import MalformedPayload
from ..handle import SpanHandle
from ..reasons import Rejection
from .framing import Header, Kind, item_count, read_header

_FLOATS: Final = {4: struct.Struct(">f"), 8: struct.Struct(">d")}


class Reader:
    """A position in a well-framed payload. Reads move it forward; a failed read leaves it anywhere."""

    __slots__ = ("data", "position")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def next_kind(self) -> Kind:
        """The type of the item that comes next."""
        return read_header(self.data, self.position).kind

    def header(self, kind: Kind, what: str) -> Header:
        """Step over a header of this kind; any other is `wrong_type`."""
        header = read_header(self.data, self.position)
        if header.kind is not kind:
            raise MalformedPayload(Rejection.WRONG_TYPE, f"{what} is {header.kind.name.lower()}, not {kind.name.lower()}")
        self.position = header.body
        return header

    def skip(self) -> None:
        """Step over one whole item, however nested."""
        pending = 1
        while pending:
            header = read_header(self.data, self.position)
            scalar_bytes = header.size if header.kind < Kind.ARRAY else 0
            self.position = header.body + scalar_bytes
            pending += item_count(header) - 1

    def skip_nil(self) -> bool:
        """Step over a nil, if one comes next; tells whether."""
        if self.next_kind() is not Kind.NIL:
            return False
        self.position += 1
        return True

    def raw_str(self, what: str) -> bytes:
        """The bytes of a str, their text not checked."""
        header = self.header(Kind.STR, what)
        self.position = header.body + header.size
        return self.data[header.body : self.position]

    def text(self, what: str) -> str:
        """A str that is UTF-8 (strictly: no overlong form, no surrogate, nothing above U+10FFFF)."""
        raw = self.raw_str(what)
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            raise MalformedPayload(Rejection.NOT_UTF8, what) from None

    def boolean(self, what: str) -> bool:
        """True or false."""
        self.header(Kind.BOOL, what)
        return self.data[self.position - 1] == 0xC3

    def integer(self, what: str) -> int:
        """An integer in any format, of any sign."""
        header = read_header(self.data, self.position)
        first = self.data[self.position]
        if header.kind not in (Kind.UINT, Kind.INT):
            raise MalformedPayload(Rejection.WRONG_TYPE, f"{what} is {header.kind.name.lower()}, not int")
        self.position = header.body + header.size
        if not header.size:
            return first if first < 0x80 else first - 0x100
        return int.from_bytes(self.data[header.body : self.position], "big", signed=header.kind is Kind.INT)

    def uint(self, what: str) -> int:
        """An integer in any format whose value is not negative."""
        value = self.integer(what)
        if value < 0:
            raise MalformedPayload(Rejection.OUT_OF_RANGE, f"{what} is negative")
        return value

    def float(self, what: str) -> float:
        """A 32-bit or 64-bit float."""
        header = self.header(Kind.FLOAT, what)
        self.position = header.body + header.size
        value: float = _FLOATS[header.size].unpack_from(self.data, header.body)[0]
        return value

    def time(self, what: str) -> int | None:
        """Nanoseconds since the Unix epoch; nil and 0 mean absent."""
        if self.skip_nil():
            return None
        value = self.uint(what)
        if value > MAX_TIME_UNIX_NANOS:
            raise MalformedPayload(Rejection.OUT_OF_RANGE, f"{what} is above 2^63-1")
        return value or None

    def handle(self, what: str) -> SpanHandle:
        """An array of exactly three uints."""
        header = self.header(Kind.ARRAY, what)
        if header.size != 3:
            raise MalformedPayload(Rejection.WRONG_LENGTH, f"{what} has {header.size} items, not 3")
        return SpanHandle.from_parts(self.uint(what), self.uint(what), self.uint(what))

    def fields(self, what: str, known: frozenset[bytes]) -> dict[bytes, int]:
        """Step over a struct's map; tells where the value of each known key stands, the last one where a key comes twice."""
        positions: dict[bytes, int] = {}
        for _ in range(self.header(Kind.MAP, what).size):
            key = self.raw_str(f"a key of {what}")
            if key in known:
                positions[key] = self.position
            self.skip()
        return positions

    def at(self, position: int) -> Reader:
        """Another reader of the same payload, at `position`."""
        reader = Reader(self.data)
        reader.position = position
        return reader
