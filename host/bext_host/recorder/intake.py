"""What Python code gives to the recorder, checked: nothing malformed gets into a span.

Guests' calls come checked from the boundary; these functions are for embedders, whose values may be anything. One that is of the wrong
kind altogether raises TypeError or ValueError, which the recorder counts; attributes that are none are dropped alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TypeVar

from bext_abi import AttrValue, DropReason, MalformedPayload, SpanEvent, SpanHandle, SpanKind, SpanLink, SpanStart, SpanStatus, StatusCode
from bext_abi.constants import MAX_TIME_UNIX_NANOS, PARENT_FLAGS_DEFAULT
from bext_abi.traceparent import valid_trace_state
from bext_abi.values import checked_key, checked_value, well_formed
from bext_host.limits import Limits

T = TypeVar("T")

Drops = Counter[DropReason]
"""What was dropped from a call, part by part."""


def _of_type(value: object, kind: type[T]) -> T:
    if not isinstance(value, kind):
        raise TypeError(f"{type(value).__name__} where {kind.__name__} is meant")
    return value


def checked_handle(handle: object) -> SpanHandle:
    """A handle. Raises TypeError for what is none."""
    return _of_type(handle, SpanHandle)


def clean_text(text: object) -> str:
    """A str that has a UTF-8 form. Raises TypeError for what is no str."""
    return well_formed(_of_type(text, str))


def clean_count(count: object) -> int:
    """A count of dropped things; what is none counts as 0."""
    return count if type(count) is int and count > 0 else 0


def clean_time(time_unix_nanos: object) -> int | None:
    """A time that can be recorded; None, 0 and what is out of range mean the tracer's clock."""
    if type(time_unix_nanos) is int and 0 < time_unix_nanos <= MAX_TIME_UNIX_NANOS:
        return time_unix_nanos
    return None


def clean_attributes(attributes: Mapping[str, AttrValue], drops: Drops, at_most: int | None = None) -> dict[str, AttrValue]:
    """The attributes that are some, the first `at_most` of them; the others are counted in `drops`."""
    kept: dict[str, AttrValue] = {}
    for key, value in attributes.items():
        try:
            cleaned_key, cleaned_value = checked_key(key), checked_value(value)
        except MalformedPayload:
            drops[DropReason.MALFORMED] += 1
            continue
        if cleaned_key not in kept and at_most is not None and len(kept) >= at_most:
            drops[DropReason.ATTRIBUTE_LIMIT] += 1
        else:
            kept[cleaned_key] = cleaned_value
    return kept


def clean_status(status: SpanStatus) -> SpanStatus:
    """The status with a message only where OpenTelemetry gives it a meaning."""
    code, message = StatusCode(status.code), clean_text(status.message)
    return SpanStatus(code, message if code is StatusCode.ERROR else "")


def clean_event(event: SpanEvent, drops: Drops, at_most_attributes: int | None = None) -> SpanEvent:
    """The event with the attributes that it can have."""
    own: Drops = Counter()
    kept = clean_attributes(event.attributes, own, at_most_attributes)
    drops.update(own)
    dropped = clean_count(event.dropped_attributes_count) + own.total()
    return SpanEvent(clean_text(event.name), kept, clean_time(event.time_unix_nanos), dropped)


def _clean_link(link: SpanLink, drops: Drops, at_most_attributes: int) -> SpanLink:
    own: Drops = Counter()
    kept = clean_attributes(link.attributes, own, at_most_attributes)
    drops.update(own)
    dropped = clean_count(link.dropped_attributes_count) + own.total()
    return SpanLink(_of_type(link.handle, SpanHandle), kept, valid_trace_state(clean_text(link.trace_state)), dropped)


def _clean_links(span: SpanStart, drops: Drops, limits: Limits) -> tuple[SpanLink, ...]:
    links = [link for link in span.links if not _of_type(link.handle, SpanHandle).is_invalid]
    drops[DropReason.LINK_LIMIT] += max(0, len(links) - limits.span_links)
    return tuple(_clean_link(link, drops, limits.link_attributes) for link in links[: limits.span_links])


def clean_start(span: SpanStart, drops: Drops, limits: Limits) -> SpanStart:
    """The SpanStart with what can be recorded of it; a remote parent that is invalid counts as none."""
    own: Drops = Counter()
    attributes = clean_attributes(span.attributes, own)
    dropped_attributes = clean_count(span.dropped_attributes_count) + own.total()
    links = _clean_links(span, own, limits)
    drops.update(own)
    parent = None if span.parent is None else _of_type(span.parent, SpanHandle)
    is_remote = _of_type(span.parent_is_remote, bool)
    if parent is not None and is_remote and parent.is_invalid:
        parent = None
    is_remote = is_remote and parent is not None
    flags, trace_state = _of_type(span.parent_flags, int), clean_text(span.trace_state)
    return SpanStart(
        name=clean_text(span.name),
        kind=SpanKind(span.kind),
        parent=parent,
        parent_is_remote=is_remote,
        parent_flags=flags if is_remote else PARENT_FLAGS_DEFAULT,
        trace_state=valid_trace_state(trace_state) if is_remote else "",
        attributes=attributes,
        links=links,
        start_time_unix_nanos=clean_time(span.start_time_unix_nanos),
        scope_name=clean_text(span.scope_name),
        scope_version=clean_text(span.scope_version),
        dropped_attributes_count=dropped_attributes,
        dropped_links_count=clean_count(span.dropped_links_count) + own[DropReason.LINK_LIMIT],
    )
