"""The canonical encoding, the one form that every encoder of this project writes (ABI.md, "Canonical encoding").

msgpack's packer already writes the shortest header and integer and 64-bit floats; what is left here is which fields are written and in
which order. Values that are no AttrValue raise MalformedPayload.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgpack

from ..constants import PARENT_FLAGS_DEFAULT
from ..handle import SpanHandle
from ..types import AttrValue, SpanEvent, SpanKind, SpanLink, SpanStart, SpanStatus
from ..values import checked_key, checked_value, well_formed


def _pack(value: object) -> bytes:
    packed: bytes = msgpack.packb(value, use_bin_type=True)
    return packed


def _canonical(value: AttrValue) -> object:
    checked = checked_value(value)
    return tuple(map(_one_nan, checked)) if isinstance(checked, tuple) else _one_nan(checked)


def _one_nan(value: object) -> object:
    """NaN with the canonical payload; anything else as it is."""
    return math.nan if isinstance(value, float) and math.isnan(value) else value


def _attributes(attributes: Mapping[str, AttrValue]) -> dict[str, object]:
    return {checked_key(key): _canonical(value) for key, value in attributes.items()}


def _handle(handle: SpanHandle) -> tuple[int, int, int]:
    return handle.to_parts()


def _link(link: SpanLink) -> dict[str, object]:
    fields: dict[str, object] = {"handle": _handle(link.handle)}
    if link.attributes:
        fields["attributes"] = _attributes(link.attributes)
    return fields


def encode_span_start(span: SpanStart) -> bytes:
    """The payload of `start_span`. The host's own fields of SpanStart are not part of it."""
    fields: dict[str, object] = {"name": well_formed(span.name)}
    if span.kind != SpanKind.INTERNAL:
        fields["kind"] = int(span.kind)
    if span.parent is not None:
        fields["parent"] = _handle(span.parent)
    if span.parent_is_remote:
        fields["parent_is_remote"] = True
    if span.parent_flags != PARENT_FLAGS_DEFAULT:
        fields["parent_flags"] = span.parent_flags
    if span.trace_state:
        fields["trace_state"] = well_formed(span.trace_state)
    if span.attributes:
        fields["attributes"] = _attributes(span.attributes)
    if span.links:
        fields["links"] = [_link(link) for link in span.links]
    if span.start_time_unix_nanos:
        fields["start_time_unix_nanos"] = span.start_time_unix_nanos
    return _pack(fields)


def encode_attribute(key: str, value: AttrValue) -> bytes:
    """The payload of `set_attribute`."""
    return _pack([checked_key(key), _canonical(value)])


def encode_span_status(status: SpanStatus) -> bytes:
    """The payload of `set_status`."""
    fields: dict[str, object] = {"code": int(status.code)}
    if status.message:
        fields["message"] = well_formed(status.message)
    return _pack(fields)


def encode_span_event(event: SpanEvent) -> bytes:
    """The payload of `add_event`."""
    fields: dict[str, object] = {"name": well_formed(event.name)}
    if event.attributes:
        fields["attributes"] = _attributes(event.attributes)
    if event.time_unix_nanos:
        fields["time_unix_nanos"] = event.time_unix_nanos
    return _pack(fields)
