"""SpanHandle: the plain value that names a span, on both sides of the boundary (ABI.md, "Handle")."""

from __future__ import annotations

import struct
from typing import ClassVar, Final, final

from . import traceparent

_MEMORY_LAYOUT: Final = struct.Struct("<QQQ")
_U64: Final = 2**64 - 1
_U128: Final = 2**128 - 1


@final
class SpanHandle:
    """The identity of a span: a 128-bit trace id and a 64-bit span id. Immutable, hashable, compared by value.

    A handle whose trace id or span id is zero is invalid: it stands for a span that was not sampled. `SpanHandle.INVALID` is the
    one with both zero. Ids out of range raise ValueError, and values that are no int raise TypeError.
    """

    __slots__ = ("_hash", "span_id", "trace_id")

    INVALID: ClassVar[SpanHandle]

    trace_id: Final[int]  # type: ignore[misc]  # set in __new__
    span_id: Final[int]  # type: ignore[misc]

    def __new__(cls, trace_id: int, span_id: int) -> SpanHandle:
        """A handle of these ids; checked, so that every SpanHandle fits in 24 bytes."""
        if type(trace_id) is not int or type(span_id) is not int:
            raise TypeError(f"ids must be ints, not {type(trace_id).__name__} and {type(span_id).__name__}")
        if not 0 <= trace_id <= _U128:
            raise ValueError("trace_id must be between 0 and 2**128 - 1")
        if not 0 <= span_id <= _U64:
            raise ValueError("span_id must be between 0 and 2**64 - 1")
        self = object.__new__(cls)
        object.__setattr__(self, "trace_id", trace_id)
        object.__setattr__(self, "span_id", span_id)
        object.__setattr__(self, "_hash", hash((trace_id, span_id)))
        return self

    @classmethod
    def from_parts(cls, trace_id_hi: int, trace_id_lo: int, span_id: int) -> SpanHandle:
        """The handle of three unsigned 64-bit numbers, as they cross the boundary. Raises ValueError for others."""
        if not (0 <= trace_id_hi <= _U64 and 0 <= trace_id_lo <= _U64):
            raise ValueError("each half of a trace id must be between 0 and 2**64 - 1")
        return cls(trace_id_hi << 64 | trace_id_lo, span_id)

    @classmethod
    def from_bytes(cls, data: bytes) -> SpanHandle:
        """Read the memory layout: 24 bytes, three little-endian u64. Raises ValueError for another length."""
        if len(data) != _MEMORY_LAYOUT.size:
            raise ValueError(f"a handle is {_MEMORY_LAYOUT.size} bytes, not {len(data)}")
        return cls.from_parts(*_MEMORY_LAYOUT.unpack(data))

    @classmethod
    def from_traceparent(cls, text: str) -> SpanHandle | None:
        """The span that a W3C traceparent names, or None where `text` is no valid traceparent. Never INVALID."""
        parsed = traceparent.parse(text)
        return None if parsed is None else cls(parsed.trace_id, parsed.span_id)

    @property
    def trace_id_hi(self) -> int:
        """The upper 64 bits of the trace id."""
        return self.trace_id >> 64

    @property
    def trace_id_lo(self) -> int:
        """The lower 64 bits of the trace id."""
        return self.trace_id & _U64

    @property
    def trace_id_hex(self) -> str:
        """The trace id as 32 lower-case hex digits, most significant first, as in a traceparent."""
        return f"{self.trace_id:032x}"

    @property
    def span_id_hex(self) -> str:
        """The span id as 16 lower-case hex digits, most significant first."""
        return f"{self.span_id:016x}"

    @property
    def is_invalid(self) -> bool:
        """True where the trace id or the span id is zero: the span was not sampled."""
        return not (self.trace_id and self.span_id)

    def to_parts(self) -> tuple[int, int, int]:
        """(trace_id_hi, trace_id_lo, span_id), each unsigned."""
        return self.trace_id >> 64, self.trace_id & _U64, self.span_id

    def to_bytes(self) -> bytes:
        """The memory layout: 24 bytes, three little-endian u64."""
        return _MEMORY_LAYOUT.pack(*self.to_parts())

    def to_traceparent(self, *, sampled: bool = True) -> str:
        """The W3C traceparent, version 00. Raises ValueError for an invalid handle, which no traceparent can carry."""
        if self.is_invalid:
            raise ValueError("an invalid handle has no traceparent")
        return f"00-{self.trace_id_hex}-{self.span_id_hex}-{'01' if sampled else '00'}"

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"SpanHandle is immutable: cannot set {name}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"SpanHandle is immutable: cannot delete {name}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SpanHandle):
            return NotImplemented
        return self.span_id == other.span_id and self.trace_id == other.trace_id

    def __hash__(self) -> int:
        return self._hash  # type: ignore[attr-defined,no-any-return]

    def __reduce__(self) -> tuple[type[SpanHandle], tuple[int, int]]:
        return SpanHandle, (self.trace_id, self.span_id)

    def __str__(self) -> str:
        return f"{self.trace_id_hex}-{self.span_id_hex}"

    def __repr__(self) -> str:
        return f"SpanHandle(trace_id=0x{self.trace_id_hex}, span_id=0x{self.span_id_hex})"


SpanHandle.INVALID = SpanHandle(0, 0)
