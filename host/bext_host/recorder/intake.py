"""What Python code gives to the recorder, checked: nothing malformed gets into a span, and nothing raises for it.

Guests' calls come checked from the boundary; these functions are for embedders, whose values may be anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bext_abi import AttrValue, MalformedPayload, SpanEvent, SpanLink, SpanStart, SpanStatus, StatusCode
from bext_abi.constants import MAX_TIME_UNIX_NANOS
from bext_abi.values import checked_key, checked_value, well_formed


def clean_attributes(attributes: Mapping[str, AttrValue]) -> tuple[dict[str, AttrValue], int]:
    """The attributes that are some, and how many were not."""
    kept: dict[str, AttrValue] = {}
    dropped = 0
    for key, value in attributes.items():
        try:
            kept[checked_key(key)] = checked_value(value)
        except MalformedPayload:
            dropped += 1
    return kept, dropped


def clean_time(time_unix_nanos: int | None) -> int | None:
    """A time that can be recorded; None, 0 and what is out of range mean the tracer's clock."""
    if type(time_unix_nanos) is int and 0 < time_unix_nanos <= MAX_TIME_UNIX_NANOS:
        return time_unix_nanos
    return None


def clean_status(status: SpanStatus) -> SpanStatus:
    """The status with a message only where OpenTelemetry gives it a meaning."""
    code = StatusCode(status.code)
    return SpanStatus(code, well_formed(status.message) if code is StatusCode.ERROR else "")


def clean_event(event: SpanEvent, at_most_attributes: int) -> SpanEvent:
    """The event with the attributes that it can have."""
    attributes, malformed = clean_attributes(event.attributes)
    kept = first(attributes, at_most_attributes)
    dropped = event.dropped_attributes_count + malformed + len(attributes) - len(kept)
    return SpanEvent(well_formed(event.name), kept, clean_time(event.time_unix_nanos), dropped)


def clean_link(link: SpanLink, at_most_attributes: int) -> SpanLink:
    """The link with the attributes that it can have."""
    attributes, malformed = clean_attributes(link.attributes)
    kept = first(attributes, at_most_attributes)
    dropped = link.dropped_attributes_count + malformed + len(attributes) - len(kept)
    return replace(link, attributes=kept, dropped_attributes_count=dropped)


def clean_start(span: SpanStart, at_most_link_attributes: int) -> tuple[SpanStart, int]:
    """The SpanStart with what can be recorded of it, and how many attributes were malformed."""
    attributes, malformed = clean_attributes(span.attributes)
    links = tuple(clean_link(link, at_most_link_attributes) for link in span.links if not link.handle.is_invalid)
    cleaned = replace(
        span,
        name=well_formed(span.name),
        attributes=attributes,
        links=links,
        start_time_unix_nanos=clean_time(span.start_time_unix_nanos),
        dropped_attributes_count=span.dropped_attributes_count + malformed,
    )
    return cleaned, malformed


def first(attributes: dict[str, AttrValue], at_most: int) -> dict[str, AttrValue]:
    """The first `at_most` attributes."""
    return attributes if len(attributes) <= at_most else dict(list(attributes.items())[:at_most])
