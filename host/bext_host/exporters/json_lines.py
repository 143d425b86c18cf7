"""A finished span as one line of strict JSON, for programs to read.

Pure functions; they never write anything. The keys are stable: one may be added, none is renamed or dropped. A line is plain ASCII
without any control code, so it is safe on a terminal and intact in every encoding. Two rules come from OTLP's JSON encoding:
an attribute that is no finite number is the string "NaN", "Infinity" or "-Infinity", and ids are lower-case hex.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from bext_abi import AttrValue, SpanEvent, SpanLink
from bext_host.recorder.span import FinishedSpan

# With `ensure_ascii` everything but space to tilde becomes \uXXXX, so DEL as well, which strict JSON would allow.
_ENCODER: Final = json.JSONEncoder(ensure_ascii=True, allow_nan=False, check_circular=False, separators=(",", ":"))


def span_to_dict(span: FinishedSpan) -> dict[str, Any]:
    """The span as plain JSON types, in the documented order of keys.

    `parent_span_id` is null for a root. All times are numbers, in nanoseconds (since the Unix epoch where they say so).
    `kind` and `status.code` are lower-case words: internal, server, client, producer, consumer; unset, ok, error.
    """
    return {
        "trace_id": span.handle.trace_id_hex,
        "span_id": span.handle.span_id_hex,
        "parent_span_id": None if span.parent is None else span.parent.span_id_hex,
        "parent_is_remote": span.parent_is_remote,
        "trace_state": span.trace_state,
        "name": span.name,
        "kind": span.kind.name.lower(),
        "start_time_unix_nanos": span.start_time_unix_nanos,
        "end_time_unix_nanos": span.end_time_unix_nanos,
        "duration_nanos": span.end_time_unix_nanos - span.start_time_unix_nanos,
        "attributes": _attributes(span.attributes),
        "events": [_event(event) for event in span.events],
        "links": [_link(link) for link in span.links],
        "status": {"code": span.status.code.name.lower(), "message": span.status.message},
        "dropped_attributes_count": span.dropped_attributes_count,
        "dropped_events_count": span.dropped_events_count,
        "dropped_links_count": span.dropped_links_count,
        "scope": {"name": span.scope_name, "version": span.scope_version},
    }


def span_to_line(span: FinishedSpan) -> str:
    """The span as one line of strict JSON that ends in a line feed."""
    return _ENCODER.encode(span_to_dict(span)) + "\n"


def _event(event: SpanEvent) -> dict[str, Any]:
    return {
        "name": event.name,
        "time_unix_nanos": event.time_unix_nanos,
        "attributes": _attributes(event.attributes),
        "dropped_attributes_count": event.dropped_attributes_count,
    }


def _link(link: SpanLink) -> dict[str, Any]:
    return {
        "trace_id": link.handle.trace_id_hex,
        "span_id": link.handle.span_id_hex,
        "trace_state": link.trace_state,
        "attributes": _attributes(link.attributes),
        "dropped_attributes_count": link.dropped_attributes_count,
    }


def _attributes(attributes: Mapping[str, AttrValue]) -> dict[str, Any]:
    return {key: _value(value) for key, value in attributes.items()}


def _value(value: AttrValue) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else _NOT_FINITE[str(value)]
    if isinstance(value, (str, int)):
        return value
    return [_value(item) for item in value]


_NOT_FINITE: Final = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
