"""A span's events, links and error as Datadog's tags. Events and links are JSON within `meta`, which every agent takes.

For the agent's newer fields `span_events` and `span_links` it would have to be asked first whether it knows them; older agents lose them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from bext_abi import SpanEvent, SpanLink, StatusCode
from bext_host.recorder.span import FinishedSpan

from .values import as_json, as_text, flattened, flattened_text

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":"))

_FROM_EXCEPTION: Final = {"error.message": "exception.message", "error.type": "exception.type", "error.stack": "exception.stacktrace"}


def event_tags(span: FinishedSpan) -> Iterator[tuple[str, str]]:
    """`events`, and the mark of spans with an exception among them."""
    if span.events:
        yield "events", _ENCODER.encode([_event(event) for event in span.events])
        if any(event.name == "exception" for event in span.events):
            yield "_dd.span_events.has_exception", "true"


def link_tags(span: FinishedSpan) -> Iterator[tuple[str, str]]:
    """`_dd.span_links`, with whole 128-bit ids in hex. A link's trace flags are not known here, so there are none."""
    if span.links:
        yield "_dd.span_links", _ENCODER.encode([_link(link) for link in span.links])


def error_tags(span: FinishedSpan) -> Iterator[tuple[str, str]]:
    """`error.message`, `error.type` and `error.stack` of a span whose status is an error.

    They come from the last `exception` event, if there is one. The status's own message, if there is one, goes before the exception's.
    """
    if span.status.code is not StatusCode.ERROR:
        return
    exception = next((event for event in reversed(span.events) if event.name == "exception"), None)
    found = {} if exception is None else dict(_exception_tags(exception))
    if span.status.message:
        found["error.message"] = span.status.message
    yield from found.items()


def _exception_tags(event: SpanEvent) -> Iterator[tuple[str, str]]:
    for tag, key in _FROM_EXCEPTION.items():
        value = event.attributes.get(key)
        if value is not None:
            yield tag, ", ".join(as_text(item) for _, item in flattened(key, value))


def _event(event: SpanEvent) -> dict[str, Any]:
    found: dict[str, Any] = {"time_unix_nano": event.time_unix_nanos, "name": event.name}
    if event.attributes:
        found["attributes"] = {key: as_json(value) for key, value in event.attributes.items()}
    return _with_dropped(found, event.dropped_attributes_count)


def _link(link: SpanLink) -> dict[str, Any]:
    found: dict[str, Any] = {"trace_id": link.handle.trace_id_hex, "span_id": link.handle.span_id_hex}
    if link.trace_state:
        found["tracestate"] = link.trace_state
    if link.attributes:
        found["attributes"] = flattened_text(link.attributes)
    return _with_dropped(found, link.dropped_attributes_count)


def _with_dropped(found: dict[str, Any], count: int) -> dict[str, Any]:
    return {**found, "dropped_attributes_count": count} if count else found
