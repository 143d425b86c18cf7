"""Finished spans as the body of one PUT /v0.4/traces to a Datadog agent: msgpack, an array of chunks, each an array of spans of one trace.

Pure functions. Nothing that a span can hold makes one fail: text that is no Unicode (a lone surrogate) is written with `?` in its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgpack

from bext_abi import SpanKind, StatusCode
from bext_host.recorder.span import FinishedSpan

from .commands import harmless
from .details import error_tags, event_tags, link_tags
from .naming import TEXT_KEYS, operation_name, span_type, tag_name
from .settings import DatadogSettings
from .values import as_text, flattened

_LOWER_HALF: Final = 2**64 - 1
_AUTO_KEEP: Final = 1.0
"""The site's sampler has decided to keep what was recorded; Datadog's agent counts it as any tracer's automatic decision."""


@dataclass(frozen=True, slots=True)
class Payload:
    """The body of a request, and how many chunks of traces are in it (the header X-Datadog-Trace-Count)."""

    body: bytes
    chunks: int


def encode(spans: Iterable[FinishedSpan], settings: DatadogSettings) -> Payload:
    """These spans, grouped by trace, under the service that the settings name."""
    chunks = [_chunk(trace, settings) for trace in _by_trace(spans)]
    return Payload(msgpack.packb(chunks, unicode_errors="replace"), len(chunks))


def _by_trace(spans: Iterable[FinishedSpan]) -> Iterable[list[FinishedSpan]]:
    """One list for each whole 128-bit id; two ids that share their lower half stay two chunks."""
    traces: dict[int, list[FinishedSpan]] = {}
    for span in spans:
        traces.setdefault(span.handle.trace_id, []).append(span)
    return traces.values()


def _chunk(trace: Sequence[FinishedSpan], settings: DatadogSettings) -> list[dict[str, Any]]:
    """The spans of one trace, local roots first: what is said of the whole chunk stands on its first span."""
    ordered = sorted(trace, key=lambda span: not span.is_local_root)  # stable: otherwise as they ended
    encoded = [_span(span, settings) for span in ordered]
    encoded[0]["meta"]["_dd.p.tid"] = f"{ordered[0].handle.trace_id >> 64:016x}"
    encoded[0]["metrics"]["_sampling_priority_v1"] = _AUTO_KEEP
    return encoded


def _span(span: FinishedSpan, settings: DatadogSettings) -> dict[str, Any]:
    operation = operation_name(span.kind, span.attributes)
    meta, metrics = _tags(span, settings)
    return {
        "service": settings.service,
        "name": operation,
        "resource": span.name or operation,  # the agent takes no empty one
        "type": span_type(span.kind, span.attributes),
        "trace_id": _short_trace_id(span.handle.trace_id),
        "span_id": span.handle.span_id,
        "parent_id": 0 if span.parent is None else span.parent.span_id,
        "start": span.start_time_unix_nanos,
        "duration": span.end_time_unix_nanos - span.start_time_unix_nanos,
        "error": int(span.status.code is StatusCode.ERROR),
        "meta": meta,
        "metrics": metrics,
    }


def _short_trace_id(trace_id: int) -> int:
    """The lower half of an id, or the upper one where the lower is 0: a remote parent's may be, and an agent drops a trace whose id is 0.

    Every process that sends spans of the trace through here chooses the same; `otel.trace_id` has the whole id in any case.
    """
    return trace_id & _LOWER_HALF or trace_id >> 64


def _tags(span: FinishedSpan, settings: DatadogSettings) -> tuple[dict[str, str], dict[str, float]]:
    """`meta` and `metrics`. What comes later wins: the guest's attributes, the site's tags, what the span itself says."""
    tags: dict[str, str | float] = {
        **dict(_guest_tags(span)),
        **settings.tags,
        **dict(_own_meta(span, settings)),
        **dict(_own_metrics(span)),
    }
    meta = {key: value for key, value in tags.items() if isinstance(value, str)}
    return meta, {key: value for key, value in tags.items() if isinstance(value, float)}


def _guest_tags(span: FinishedSpan) -> Iterator[tuple[str, str | float]]:
    """The tags of the span's attributes; the commands among them are found in what is sent, after all other renaming."""
    for name, attribute in span.attributes.items():
        for key, value in flattened(tag_name(name), attribute):
            yield harmless(key), as_text(value) if key in TEXT_KEYS else value


def _own_meta(span: FinishedSpan, settings: DatadogSettings) -> Iterator[tuple[str, str]]:
    yield "span.kind", span.kind.name.lower()
    yield "otel.trace_id", span.handle.trace_id_hex
    yield "otel.status_code", span.status.code.name.capitalize()
    optional = {
        "env": settings.env,
        "version": settings.version,
        "otel.library.name": span.scope_name,
        "otel.library.version": span.scope_version,
        "otel.scope.name": span.scope_name,
        "otel.scope.version": span.scope_version,
        "otel.status_description": span.status.message,
        "w3c.tracestate": span.trace_state,
    }
    yield from ((key, value) for key, value in optional.items() if value)
    yield from event_tags(span)
    yield from link_tags(span)
    yield from error_tags(span)


def _own_metrics(span: FinishedSpan) -> Iterator[tuple[str, float]]:
    if span.is_local_root:
        yield "_sampling_priority_v1", _AUTO_KEEP
    if span.kind is not SpanKind.INTERNAL:
        yield "_dd.measured", 1.0  # statistics for the spans at a service's edges; the agent itself counts a chunk's topmost only
    counts = {
        "otel.dropped_attributes_count": span.dropped_attributes_count,
        "otel.dropped_events_count": span.dropped_events_count,
        "otel.dropped_links_count": span.dropped_links_count,
    }
    yield from ((key, float(count)) for key, count in counts.items() if count)
