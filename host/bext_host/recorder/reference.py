"""ReferenceCore: a recorder's spans in Python, the executable specification, and what works where there is no C."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence

from bext_abi import AttrValue, DropReason, SpanEvent, SpanHandle, SpanStart, SpanStatus
from bext_host.limits import Limits

from .clock import AnchoredClock
from .core import Batch, CoreCounters
from .finished_queue import FinishedQueue
from .ids import new_span_id
from .intake import Drops
from .open_span import OpenSpan, bare_bytes


class ReferenceCore:
    """A RecorderCore behind one lock."""

    native = None

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._counters = CoreCounters()
        self.after_fork_in_child()

    def after_fork_in_child(self) -> None:
        """Start with nothing: the parent keeps its spans and sends them itself."""
        self._lock = threading.Lock()
        self._has_enough = threading.Condition(self._lock)
        self._enough = 0
        self._open: dict[SpanHandle, OpenSpan] = {}
        self._queue = FinishedQueue(self._limits.queue_spans, self._limits.queue_bytes)

    def start_span(self, span: SpanStart, trace_id: int, drops: Drops) -> SpanHandle:
        """Start a span in this trace; INVALID where it does not fit."""
        with self._lock:
            if bare_bytes(span) > self._limits.span_bytes:
                self._count(DropReason.MEMORY_LIMIT)
                return SpanHandle.INVALID
            self._counters.dropped.update(drops)
            handle = SpanHandle(trace_id, new_span_id())
            self._open_span(handle, span)
            return handle

    def _open_span(self, handle: SpanHandle, span: SpanStart) -> None:
        local = None if span.parent is None or span.parent_is_remote else self._open.get(span.parent)
        opened = OpenSpan(handle, span, local.clock if local is not None else AnchoredClock(), self._limits)
        if local is not None:
            opened.trace_state = local.trace_state
        for key, value in span.attributes.items():
            self._count(opened.set_attribute(key, value))
        self._open[handle] = opened
        self._counters.started += 1

    def set_attribute(self, span: SpanHandle, key: str, value: AttrValue) -> None:
        """Add or overwrite an attribute."""
        with self._lock:
            opened = self._open.get(span)
            if opened is not None:
                self._count(opened.set_attribute(key, value))

    def set_status(self, span: SpanHandle, status: SpanStatus) -> None:
        """Set the status by OpenTelemetry's rules."""
        with self._lock:
            opened = self._open.get(span)
            if opened is not None:
                self._count(opened.set_status(status))

    def add_event(self, span: SpanHandle, event: SpanEvent, drops: Drops) -> None:
        """Add an event."""
        with self._lock:
            opened = self._open.get(span)
            if opened is None:
                return
            reason = opened.add_event(event)
            self._count(reason)
            if reason is None:
                self._counters.dropped.update(drops)

    def end_span(self, span: SpanHandle, end_time_unix_nanos: int | None) -> None:
        """End a span."""
        with self._lock:
            opened = self._open.pop(span, None)
            if opened is None:
                return
            self._counters.ended += 1
            finished = opened.finish(end_time_unix_nanos)
            if not self._queue.put(finished, opened.payload_bytes + opened.host_bytes):
                self._count(DropReason.QUEUE_FULL)
            if len(self._queue) == self._enough:
                self._has_enough.notify()

    def record_host(
        self, span: SpanHandle, attributes: Mapping[str, AttrValue], events: Sequence[SpanEvent], verdict: SpanStatus | None, drops: Drops
    ) -> None:
        """The host's own facts and its verdict."""
        with self._lock:
            opened = self._open.get(span)
            if opened is not None:
                self._counters.dropped.update(drops)
                opened.record_host(attributes, events, verdict)

    def add_dropped(self, span: SpanHandle, attributes: int, events: int, reason: DropReason | None = None) -> None:
        """Count what was dropped of a span, on the span and, with a reason, in the counters."""
        with self._lock:
            opened = self._open.get(span)
            if opened is not None:
                opened.dropped_attributes += attributes
                opened.dropped_events += events
                self._count(reason)

    def now(self, span: SpanHandle) -> int:
        """The time by the clock of the span's trace, by the wall clock where it is not open."""
        with self._lock:
            opened = self._open.get(span)
            return time.time_ns() if opened is None else opened.clock.now()

    def count_unsampled(self) -> None:
        """Count a span that was not sampled."""
        with self._lock:
            self._counters.unsampled += 1

    def count_drop(self, reason: DropReason, count: int = 1) -> None:
        """Count what was dropped of no open span."""
        with self._lock:
            self._counters.dropped[reason] += count

    def counters(self) -> CoreCounters:
        """The counters as they stand."""
        with self._lock:
            counters = self._counters
            return CoreCounters(counters.started, counters.ended, counters.unsampled, counters.dropped.copy())

    @property
    def open_spans(self) -> int:
        """How many spans have started and not ended."""
        return len(self._open)

    @property
    def queued_spans(self) -> int:
        """How many finished spans wait for a flush."""
        return len(self._queue)

    def wait_for_spans(self, at_least: int, seconds: float) -> bool:
        """Wait until so many finished spans wait for a flush; false where that does not happen in time."""
        with self._has_enough:
            self._enough = at_least
            return self._has_enough.wait_for(lambda: len(self._queue) >= at_least, seconds)

    def take_batches(self, at_most_spans: int, at_most_bytes: int) -> list[Batch]:
        """Empty the queue, cut into batches; a span larger than a batch gets one of its own."""
        with self._lock:
            return self._queue.take_batches(at_most_spans, at_most_bytes)

    def _count(self, reason: DropReason | None) -> None:
        if reason is not None:
            self._counters.dropped[reason] += 1
