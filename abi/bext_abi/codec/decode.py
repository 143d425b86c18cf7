"""Decoding the structs of the ABI from a guest's bytes (ABI.md, "Structs" and "Decoding").

Strict and bounded: framing first, over the whole payload, then the fields in the order of ABI.md's tables. All functions take the
payload as bytes and raise MalformedPayload with the first rejection; unknown keys are ignored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .. import traceparent
from ..constants import PARENT_FLAGS_DEFAULT
from ..errors import MalformedPayload
from ..reasons import Rejection
from ..types import AttrValue, SpanEvent, SpanKind, SpanLink, SpanStart, SpanStatus, StatusCode
from .attributes import DecodedAttributes, enter_attribute, read_attributes, read_pair
from .framing import Kind, check_framing
from .reader import Reader

_START_FIELDS: Final = frozenset(
    {
        b"name",
        b"kind",
        b"parent",
        b"parent_is_remote",
        b"parent_flags",
        b"trace_state",
        b"attributes",
        b"links",
        b"start_time_unix_nanos",
    }
)
_LINK_FIELDS: Final = frozenset({b"handle", b"attributes"})
_STATUS_FIELDS: Final = frozenset({b"code", b"message"})
_EVENT_FIELDS: Final = frozenset({b"name", b"attributes", b"time_unix_nanos"})


@dataclass(frozen=True, slots=True)
class DecodedSpanStart:
    """A SpanStart, and what each of its attributes took in the payload, in bytes (ABI.md, "Limits")."""

    span: SpanStart
    attribute_bytes: dict[str, int]


class _Struct:
    """A struct's map: its fields by name, each read from where its last occurrence stands."""

    def __init__(self, reader: Reader, what: str, known: frozenset[bytes]) -> None:
        self._reader = reader
        self._what = what
        self._positions = reader.fields(what, known)

    def optional(self, key: bytes) -> Reader | None:
        position = self._positions.get(key)
        return None if position is None else self._reader.at(position)

    def required(self, key: bytes) -> Reader:
        reader = self.optional(key)
        if reader is None:
            raise MalformedPayload(Rejection.MISSING_FIELD, f"{key.decode()} of {self._what}")
        return reader

    def text(self, key: bytes) -> str:
        reader = self.optional(key)
        return "" if reader is None else reader.text(key.decode())

    def uint(self, key: bytes, default: int) -> int:
        reader = self.optional(key)
        return default if reader is None else reader.uint(key.decode())

    def time(self, key: bytes) -> int | None:
        reader = self.optional(key)
        return None if reader is None else reader.time(key.decode())

    def attributes(self) -> DecodedAttributes:
        reader = self.optional(b"attributes")
        return DecodedAttributes() if reader is None else read_attributes(reader, "attributes")


def decode_span_start(data: bytes) -> DecodedSpanStart:
    """Decode the payload of `start_span`."""
    check_framing(data)
    fields = _Struct(Reader(data), "SpanStart", _START_FIELDS)
    name = fields.required(b"name").text("name")
    kind = fields.uint(b"kind", SpanKind.INTERNAL)
    parent_reader = fields.optional(b"parent")
    parent = None if parent_reader is None or parent_reader.skip_nil() else parent_reader.handle("parent")
    remote_reader = fields.optional(b"parent_is_remote")
    parent_is_remote = remote_reader is not None and remote_reader.boolean("parent_is_remote")
    parent_flags = fields.uint(b"parent_flags", PARENT_FLAGS_DEFAULT)
    trace_state = traceparent.valid_trace_state(fields.text(b"trace_state"))
    attributes = fields.attributes()
    links = _read_links(fields.optional(b"links"))
    span = SpanStart(
        name=name,
        kind=SpanKind(kind) if kind <= SpanKind.CONSUMER else SpanKind.INTERNAL,
        parent=parent,
        parent_is_remote=parent_is_remote,
        parent_flags=parent_flags,
        trace_state=trace_state,
        attributes=attributes.values,
        links=links,
        start_time_unix_nanos=fields.time(b"start_time_unix_nanos"),
        dropped_attributes_count=attributes.dropped,
    )
    return DecodedSpanStart(span, attributes.payload_bytes)


def _read_links(reader: Reader | None) -> tuple[SpanLink, ...]:
    """The links, without those to an invalid handle."""
    if reader is None:
        return ()
    links = []
    for _ in range(reader.header(Kind.ARRAY, "links").size):
        link = _read_link(reader)
        if not link.handle.is_invalid:
            links.append(link)
    return tuple(links)


def _read_link(reader: Reader) -> SpanLink:
    fields = _Struct(reader, "SpanLink", _LINK_FIELDS)
    handle = fields.required(b"handle").handle("handle of SpanLink")
    attributes = fields.attributes()
    return SpanLink(handle, attributes.values, dropped_attributes_count=attributes.dropped)


def decode_attribute(data: bytes) -> tuple[str, AttrValue]:
    """Decode the payload of `set_attribute`."""
    check_framing(data)
    reader = Reader(data)
    enter_attribute(reader)
    return read_pair(reader)


def decode_span_status(data: bytes) -> SpanStatus:
    """Decode the payload of `set_status`."""
    check_framing(data)
    fields = _Struct(Reader(data), "SpanStatus", _STATUS_FIELDS)
    code = fields.required(b"code").uint("code")
    if code > StatusCode.ERROR:
        raise MalformedPayload(Rejection.OUT_OF_RANGE, f"code {code} is above {int(StatusCode.ERROR)}")
    return SpanStatus(StatusCode(code), fields.text(b"message"))


def decode_span_event(data: bytes) -> SpanEvent:
    """Decode the payload of `add_event`."""
    check_framing(data)
    fields = _Struct(Reader(data), "SpanEvent", _EVENT_FIELDS)
    name = fields.required(b"name").text("name")
    attributes = fields.attributes()
    return SpanEvent(name, attributes.values, fields.time(b"time_unix_nanos"), attributes.dropped)
