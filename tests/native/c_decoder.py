"""The C decoder with the interface of the Python codec: the same types, and MalformedPayload where it rejects.

What the C decoder leaves to its callers is done here, by ABI.md's rule: of a key that comes twice, the last accepted value counts, at
the position of the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from bext_abi import (
    AttrValue,
    MalformedPayload,
    Rejection,
    SpanEvent,
    SpanHandle,
    SpanKind,
    SpanLink,
    SpanStart,
    SpanStatus,
    StatusCode,
    codec,
)
from bext_abi.codec import DecodedSpanStart

# The words by number: `enum bext_rejection` counts from 1, in this order.
REJECTIONS = tuple(Rejection)


class CDecoder:
    """The functions of the Python codec, done in C."""

    def __init__(self, module: ModuleType) -> None:
        self.ffi: Any = module.ffi
        self.lib: Any = module.lib
        self._scalars: dict[int, Callable[[Any], Any]] = {
            self.lib.BEXT_VALUE_STR: lambda scalar: self._text(scalar.text),
            self.lib.BEXT_VALUE_BOOL: lambda scalar: scalar.boolean,
            self.lib.BEXT_VALUE_INT: lambda scalar: scalar.integer,
            self.lib.BEXT_VALUE_FLOAT: lambda scalar: scalar.number,
        }

    # --- The functions of bext_abi.codec ---

    def decode_span_start(self, data: bytes) -> DecodedSpanStart:
        view = self._decode("span_start", data)
        attributes, sizes, dropped = self._attributes(view.attributes)
        span = SpanStart(
            name=self._text(view.name),
            kind=SpanKind(view.kind),
            parent=self._handle(view.parent) if view.has_parent else None,
            parent_is_remote=view.parent_is_remote,
            parent_flags=view.parent_flags,
            trace_state=self._text(view.trace_state),
            attributes=attributes,
            links=tuple(self._links(view.links)),
            start_time_unix_nanos=view.start_time_unix_nanos or None,
            dropped_attributes_count=dropped,
        )
        return DecodedSpanStart(span, sizes)

    def decode_attribute(self, data: bytes) -> tuple[str, AttrValue]:
        view = self.attribute_view(data)
        key, value = self._text(view.key), self._value(view.value)
        if view.canonical != self.ffi.NULL:
            assert codec.encode_attribute(key, value) == data[:1] + bytes(self.ffi.buffer(view.canonical, view.pair_bytes))
        return key, value

    def decode_span_status(self, data: bytes) -> SpanStatus:
        view = self._decode("span_status", data)
        return SpanStatus(StatusCode(view.code), self._text(view.message))

    def decode_span_event(self, data: bytes) -> SpanEvent:
        view = self._decode("span_event", data)
        attributes, _, dropped = self._attributes(view.attributes)
        return SpanEvent(self._text(view.name), attributes, view.time_unix_nanos or None, dropped)

    # --- More of the decoder, for tests of single functions ---

    def attribute_view(self, data: bytes) -> Any:
        """The view of an Attribute. It points into `data`, which the caller keeps."""
        return self._decode("attribute", data)

    def raw_value(self, view: Any) -> bytes:
        """The bytes that a value's view names."""
        return bytes(self.ffi.buffer(view.bytes, view.length))

    def framing(self, data: bytes) -> Rejection | None:
        return self._rejection(self.lib.bext_check_framing(self.ffi.from_buffer(data), len(data)))

    def is_utf8(self, data: bytes) -> bool:
        verdict: bool = self.lib.bext_is_utf8(self.ffi.from_buffer(data), len(data))
        return verdict

    def is_trace_state(self, data: bytes) -> bool:
        verdict: bool = self.lib.bext_is_trace_state(self.ffi.from_buffer(data), len(data))
        return verdict

    # --- Views to Python ---

    @staticmethod
    def _rejection(number: int) -> Rejection | None:
        return REJECTIONS[number - 1] if number else None

    def _decode(self, struct: str, data: bytes) -> Any:
        view = self.ffi.new(f"bext_{struct}_view *")
        why = self._rejection(getattr(self.lib, f"bext_decode_{struct}")(self.ffi.from_buffer(data), len(data), view))
        if why is not None:
            raise MalformedPayload(why, struct)
        return view

    def _text(self, text: Any) -> str:
        return bytes(self.ffi.buffer(text.bytes, text.length)).decode() if text.length else ""

    def _handle(self, parts: Any) -> SpanHandle:
        handle = SpanHandle.from_parts(parts.trace_id_hi, parts.trace_id_lo, parts.span_id)
        assert handle.is_invalid == self.lib.bext_handle_is_invalid(self.ffi.addressof(parts))
        return handle

    def _value(self, view: Any) -> AttrValue:
        read = self._scalars.get(view.type)
        if read is None:
            return tuple(self._items(view))
        value: AttrValue = read(view.scalar)
        return value

    def _items(self, view: Any) -> Iterator[Any]:
        items = self.ffi.new("bext_value_items *", self.lib.bext_value_items_of(self.ffi.addressof(view)))
        item, count = self.ffi.new("bext_value_view *"), 0
        while self.lib.bext_value_items_next(items, item):
            assert item.type + self.lib.BEXT_VALUE_ARRAY_OFFSET == view.type
            yield self._scalars[item.type](item.scalar)
            count += 1
        assert count == view.count
        assert (view.type == self.lib.BEXT_VALUE_EMPTY_ARRAY) == (count == 0)

    def _attributes(self, attributes: Any) -> tuple[dict[str, AttrValue], dict[str, int], int]:
        values: dict[str, AttrValue] = {}
        sizes: dict[str, int] = {}
        pair = self.ffi.new("bext_attribute_view *")
        while self.lib.bext_attributes_next(self.ffi.addressof(attributes), pair):
            key = self._text(pair.key)
            values[key], sizes[key] = self._value(pair.value), pair.pair_bytes
        return values, sizes, attributes.malformed

    def _links(self, links: Any) -> Iterator[SpanLink]:
        link = self.ffi.new("bext_link_view *")
        while self.lib.bext_links_next(self.ffi.addressof(links), link):
            attributes, _, dropped = self._attributes(link.attributes)
            yield SpanLink(self._handle(link.handle), attributes, dropped_attributes_count=dropped)
