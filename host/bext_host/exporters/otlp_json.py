"""Finished spans as OTLP's JSON encoding: one line is one whole TracesData, which is also one ExportTraceServiceRequest.

Pure functions; they never write anything, and need no OpenTelemetry package. The encoding is proto3's JSON mapping with the exceptions
of the OTLP specification: ids are hex, not base64, and enums are numbers. A field that has its default is left out, but not the member
of a value's `oneof`, nor the values of an empty array, which some readers would miss. A line is plain ASCII without any control code, so
it is safe on a terminal and intact in every encoding.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from bext_abi import AttrValue, SpanEvent, SpanLink, SpanStatus
from bext_host.recorder.span import FinishedSpan

_SAMPLED: Final = 0x001
_HAS_IS_REMOTE: Final = 0x100
_IS_REMOTE: Final = 0x200
"""OTLP's SpanFlags: W3C's sampled bit, and whether a parent or a linked span is known to be remote, or not to be."""

# With `ensure_ascii` everything but space to tilde becomes \uXXXX, so DEL as well, which strict JSON would allow.
_ENCODER: Final = json.JSONEncoder(ensure_ascii=True, allow_nan=False, check_circular=False, separators=(",", ":"))


def request_to_line(batch: Sequence[FinishedSpan], resource: Mapping[str, AttrValue]) -> str:
    """The batch as one line of strict JSON that ends in a line feed.

    Spans are grouped by instrumentation scope, in the order in which the scopes first come, and keep their order within.
    """
    return _ENCODER.encode(request_to_dict(batch, resource)) + "\n"


def request_to_dict(batch: Sequence[FinishedSpan], resource: Mapping[str, AttrValue]) -> dict[str, Any]:
    """The batch as plain JSON types, its fields in the order of their numbers in OTLP. An empty batch is an empty request."""
    if not batch:
        return {}
    by_scope: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for span in batch:
        by_scope.setdefault((span.scope_name, span.scope_version), []).append(_span(span))
    scope_spans = [_filled(scope=_scope(*scope), spans=spans) for scope, spans in by_scope.items()]
    return {"resourceSpans": [_filled(resource=_filled(attributes=_attributes(resource)), scopeSpans=scope_spans)]}


def _filled(**fields: Any) -> dict[str, Any]:
    """A message without the fields that have their default, as proto3's JSON mapping leaves them out."""
    return {name: value for name, value in fields.items() if value}


def _scope(name: str, version: str) -> dict[str, Any]:
    return _filled(name=_text(name), version=_text(version))


def _span(span: FinishedSpan) -> dict[str, Any]:
    return _filled(
        traceId=span.handle.trace_id_hex,
        spanId=span.handle.span_id_hex,
        traceState=_text(span.trace_state),
        parentSpanId=None if span.parent is None else span.parent.span_id_hex,
        name=_text(span.name),
        kind=span.kind + 1,  # OTLP's 0 is "unspecified"
        startTimeUnixNano=_fixed64(span.start_time_unix_nanos),
        endTimeUnixNano=_fixed64(span.end_time_unix_nanos),
        attributes=_attributes(span.attributes),
        droppedAttributesCount=span.dropped_attributes_count,
        events=[_event(event) for event in span.events],
        droppedEventsCount=span.dropped_events_count,
        links=[_link(link) for link in span.links],
        droppedLinksCount=span.dropped_links_count,
        status=_status(span.status),
        flags=_SAMPLED | _HAS_IS_REMOTE | (_IS_REMOTE if span.parent_is_remote else 0),
    )


def _event(event: SpanEvent) -> dict[str, Any]:
    return _filled(
        timeUnixNano=_fixed64(event.time_unix_nanos or 0),
        name=_text(event.name),
        attributes=_attributes(event.attributes),
        droppedAttributesCount=event.dropped_attributes_count,
    )


def _link(link: SpanLink) -> dict[str, Any]:
    """A link. One with a trace state is to a remote parent; of others nobody knows where the linked span is, so they have no flags."""
    return _filled(
        traceId=link.handle.trace_id_hex,
        spanId=link.handle.span_id_hex,
        traceState=_text(link.trace_state),
        attributes=_attributes(link.attributes),
        droppedAttributesCount=link.dropped_attributes_count,
        flags=_HAS_IS_REMOTE | _IS_REMOTE if link.trace_state else 0,
    )


def _status(status: SpanStatus) -> dict[str, Any]:
    return _filled(message=_text(status.message), code=int(status.code))


def _attributes(attributes: Mapping[str, AttrValue]) -> list[dict[str, Any]]:
    return [_filled(key=_text(key), value=_value(value)) for key, value in attributes.items()]


def _value(value: AttrValue) -> dict[str, Any]:
    """An AnyValue; the order of the checks matters, since a bool is an int to Python."""
    if isinstance(value, str):
        return {"stringValue": _text(value)}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(int(value))}
    if isinstance(value, float):
        return {"doubleValue": value if math.isfinite(value) else _NOT_FINITE[str(float(value))]}
    items: Iterable[AttrValue] = value
    return {"arrayValue": {"values": [_value(item) for item in items]}}


def _fixed64(number: int) -> str | None:
    """A 64-bit integer, which JSON readers that know only doubles would round; None for the default."""
    return str(number) if number else None


def _text(text: str) -> str:
    """The text, each surrogate without its other half replaced by U+FFFD: protobuf's strings have none, and their readers refuse them."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


_NOT_FINITE: Final = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
