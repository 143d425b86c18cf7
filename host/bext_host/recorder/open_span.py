"""OpenSpan: a span that has started and not ended, with the limits and the status rules of OpenTelemetry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bext_abi import AttrValue, DropReason, SpanEvent, SpanHandle, SpanStart, SpanStatus, StatusCode, codec
from bext_abi.constants import RESERVED_KEY_PREFIX
from bext_host.limits import Limits

from .clock import AnchoredClock
from .span import FinishedSpan


def bare_bytes(span: SpanStart) -> int:
    """What a span weighs without its attributes, in bytes of the canonical encoding."""
    return len(codec.encode_span_start(replace(span, attributes={})))


class OpenSpan:
    """One open span. Its methods answer with the reason where they drop what they were given, else with None.

    `payload_bytes` is what the span weighs, in bytes of the canonical encoding. The host's own attributes and events count neither
    in number nor in bytes.
    """

    def __init__(self, handle: SpanHandle, span: SpanStart, clock: AnchoredClock, limits: Limits) -> None:
        self.handle = handle
        self.clock = clock
        self.trace_state = span.trace_state
        self.dropped_attributes = span.dropped_attributes_count
        self.dropped_events = 0
        self._limits = limits
        self._start = span
        self._start_time = span.start_time_unix_nanos or clock.now()
        self._attributes: dict[str, AttrValue] = {}
        self._attribute_bytes: dict[str, int] = {}
        self._events: list[SpanEvent] = []
        self._counted_events = 0
        self._status = SpanStatus()
        self._status_bytes = 0
        self._status_is_verdict = False
        self.payload_bytes = bare_bytes(span)
        self.host_bytes = 0  # outside the span's limit, but not outside the queue's

    def set_attribute(self, key: str, value: AttrValue) -> DropReason | None:
        """Add or overwrite an attribute, already checked; the host's own keys stand outside the limits."""
        size = len(codec.encode_attribute(key, value)) - 1
        if key.startswith(RESERVED_KEY_PREFIX):
            self._attributes[key] = value
            self.host_bytes += size
            return None
        old = self._attribute_bytes.get(key)
        reason = None
        if old is None and len(self._attribute_bytes) >= self._limits.span_attributes:
            reason = DropReason.ATTRIBUTE_LIMIT
        elif not self._charge(size - (old or 0)):
            reason = DropReason.MEMORY_LIMIT
        if reason is not None:
            self.dropped_attributes += 1
            return reason
        self._attribute_bytes[key] = size
        self._attributes[key] = value
        return None

    def add_event(self, event: SpanEvent) -> DropReason | None:
        """Add an event, already checked; one without a time is stamped."""
        reason = None
        if self._counted_events >= self._limits.span_events:
            reason = DropReason.EVENT_LIMIT
        elif not self._charge(len(codec.encode_span_event(event))):
            reason = DropReason.MEMORY_LIMIT
        if reason is not None:
            self.dropped_events += 1
            return reason
        self._counted_events += 1
        self._events.append(self._stamped(event))
        return None

    def set_status(self, status: SpanStatus) -> DropReason | None:
        """Set the status by OpenTelemetry's rules: ok is final, unset never overwrites; the host's verdict stands above both."""
        if self._status_is_verdict or self._status.code is StatusCode.OK or status.code is StatusCode.UNSET:
            return None
        size = len(codec.encode_span_status(status))
        if not self._charge(size - self._status_bytes):
            return DropReason.MEMORY_LIMIT
        self._status = status
        self._status_bytes = size
        return None

    def record_host(self, attributes: Mapping[str, AttrValue], events: Sequence[SpanEvent], verdict: SpanStatus | None) -> None:
        """Record the host's own facts, outside the limits, and its verdict, which overrides any status."""
        self._attributes.update(attributes)
        self._events += map(self._stamped, events)
        self.host_bytes += sum(len(codec.encode_attribute(key, value)) for key, value in attributes.items())
        self.host_bytes += sum(len(codec.encode_span_event(event)) for event in events)
        if verdict is not None:
            self._status = verdict
            self._status_is_verdict = True
            self.host_bytes += len(codec.encode_span_status(verdict))
            self._charge(-self._status_bytes)
            self._status_bytes = 0

    def finish(self, end_time_unix_nanos: int | None) -> FinishedSpan:
        """The span as it ended: never before its start, whatever the clocks or the guest say."""
        start = self._start
        end = end_time_unix_nanos if end_time_unix_nanos is not None else self.clock.now()
        return FinishedSpan(
            name=start.name,
            kind=start.kind,
            handle=self.handle,
            parent=start.parent,
            parent_is_remote=start.parent_is_remote,
            trace_state=self.trace_state,
            start_time_unix_nanos=self._start_time,
            end_time_unix_nanos=max(end, self._start_time),
            attributes=self._attributes,
            events=tuple(self._events),
            links=start.links,
            status=self._status,
            dropped_attributes_count=self.dropped_attributes,
            dropped_events_count=self.dropped_events,
            dropped_links_count=start.dropped_links_count,
            scope_name=start.scope_name,
            scope_version=start.scope_version,
        )

    def _charge(self, more: int) -> bool:
        if more > 0 and self.payload_bytes + more > self._limits.span_bytes:
            return False
        self.payload_bytes += more
        return True

    def _stamped(self, event: SpanEvent) -> SpanEvent:
        return event if event.time_unix_nanos is not None else replace(event, time_unix_nanos=self.clock.now())
