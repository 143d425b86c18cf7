"""CallRules: what a host call means once its payload has been read. The same for every engine (ABI.md, "Order of checks", from step 4).

Each method raises Dropped where the call is dropped; it never raises anything else but what must stop the program.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from bext_abi import DropReason, MalformedPayload, SpanHandle, codec
from bext_abi.constants import RESERVED_KEY_PREFIX

from .contained import ContainedTracer
from .drops import Dropped
from .parents import resolve
from .policy import ScopePolicy
from .span_table import SpanTable, TrackedSpan
from .stats import ScopeStats
from .trimming import Trimmed

T = TypeVar("T")


def _decode(decoder: Callable[[bytes], T], payload: bytes) -> T:
    try:
        return decoder(payload)
    except MalformedPayload:
        raise Dropped(DropReason.MALFORMED) from None


class CallRules:
    """The meaning of the recording calls of one scope."""

    def __init__(self, tracer: ContainedTracer, table: SpanTable, stats: ScopeStats, policy: ScopePolicy) -> None:
        self._tracer = tracer
        self._table = table
        self._stats = stats
        self._policy = policy
        self._limits = policy.limits

    def start_span(self, payload: bytes) -> SpanHandle:
        """Start a span; its handle, INVALID where it is not sampled."""
        decoded = _decode(codec.decode_span_start, payload)
        parentage = resolve(decoded.span, self._table.is_known_parent, self._policy.remote_parents)
        if parentage is None:
            self._stats.unsampled += 1
            return SpanHandle.INVALID
        self._table.check_room(len(payload))
        trimmed = Trimmed()
        span = trimmed.start(parentage.applied_to(decoded.span), self._limits)
        self._count(trimmed)
        sizes = {key: decoded.attribute_bytes[key] for key in span.attributes}  # before the tracer can change them
        handle = self._tracer.start_span(replace(span, scope_name=self._policy.scope_name, scope_version=self._policy.scope_version))
        if handle is None:  # the tracer failed, which it has counted
            return SpanHandle.INVALID
        if handle.is_invalid:
            self._stats.unsampled += 1
            return SpanHandle.INVALID
        if not self._table.claim(handle):
            self._tracer.failed("start_span", ValueError("start_span returned the handle of a span that is open already"))
            return SpanHandle.INVALID
        self._own(TrackedSpan(handle, len(payload), sizes))
        self._stats.recorded["start_span"] += 1
        return handle

    def _own(self, tracked: TrackedSpan) -> None:
        try:
            self._table.add(tracked)
        except Dropped:  # closed while the tracer ran: nobody else would end this span
            self._tracer.end_span(tracked.handle)
            raise

    def set_attribute(self, tracked: TrackedSpan, payload: bytes) -> None:
        """Add or overwrite an attribute."""
        key, value = _decode(codec.decode_attribute, payload)
        if key.startswith(RESERVED_KEY_PREFIX):
            raise Dropped(DropReason.RESERVED_KEY)
        self._table.charge_attribute(tracked, key, len(payload))
        self._stats.recorded["set_attribute"] += self._tracer.set_attribute(tracked.handle, key, value)

    def set_status(self, tracked: TrackedSpan, payload: bytes) -> None:
        """Set the status."""
        status = _decode(codec.decode_span_status, payload)
        self._table.charge_status(tracked, len(payload))
        self._stats.recorded["set_status"] += self._tracer.set_status(tracked.handle, status)

    def add_event(self, tracked: TrackedSpan, payload: bytes) -> None:
        """Add an event."""
        event = _decode(codec.decode_span_event, payload)
        self._table.charge_event(tracked, len(payload))
        trimmed = Trimmed()
        event = trimmed.event(event, self._limits)
        self._count(trimmed)
        self._stats.recorded["add_event"] += self._tracer.add_event(tracked.handle, event)

    def end_span(self, handle: SpanHandle, end_time_unix_nanos: int | None) -> None:
        """End a span of the guest's own."""
        self._table.end(handle)
        self._stats.recorded["end_span"] += self._tracer.end_span(handle, end_time_unix_nanos)

    def note_dropped(self, tracked: TrackedSpan, operation: str) -> None:
        """Count a dropped attribute or event on the span that it was for, where back-ends have a field for it."""
        if operation == "set_attribute":
            self._tracer.add_dropped(tracked.handle, attributes=1)
        elif operation == "add_event":
            self._tracer.add_dropped(tracked.handle, events=1)

    def _count(self, trimmed: Trimmed) -> None:
        for reason, count in trimmed.drops.items():
            self._stats.drop(reason, count)
