"""SpanRecorder: assembles spans from calls and hands the finished ones to exporters. The built-in TracerPlugin.

Recording never fails, never waits for I/O, and drops what does not fit, counted by reason. Only `flush` and `close` talk to exporters.
"""

from __future__ import annotations

import functools
import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import ParamSpec, TypeVar
from weakref import WeakSet

from bext_abi import AttrValue, DropReason, FlushError, MalformedPayload, SpanEvent, SpanHandle, SpanStart, SpanStatus
from bext_abi.constants import TRACE_FLAG_SAMPLED
from bext_abi.values import checked_key, checked_value
from bext_host.limits import Limits
from bext_host.logs import log_safely

from .clock import AnchoredClock
from .exporter import SpanExporter
from .exporting import Exporting
from .finished_queue import FinishedQueue
from .ids import new_span_id, new_trace_id
from .intake import Drops, clean_attributes, clean_count, clean_event, clean_start, clean_time
from .open_span import OpenSpan, bare_bytes
from .sampler import Sampler, sampler_of
from .stats import RecorderStats

logger = logging.getLogger("bext_host.recorder")

P = ParamSpec("P")
R = TypeVar("R")

DEFAULT_FLUSH_SECONDS = 30.0


def _infallible(default: R) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A recording method: what an embedder passes that is nothing of the kind is dropped as `malformed`, never raised."""

    def decorate(method: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(method)
        def recording(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return method(*args, **kwargs)
            except Exception as error:  # noqa: BLE001  # recording never fails, whatever it is given
                recorder = args[0]
                assert isinstance(recorder, SpanRecorder)
                recorder.stats.drop(DropReason.MALFORMED)
                logger.debug("%s dropped: %r", method.__name__, error)
                return default

        return recording

    return decorate


class SpanRecorder:
    """A TracerPlugin that keeps spans until they end and a flush hands them to its exporters. Safe to use from many threads.

    `sampler` is "always_on", "always_off" or a Sampler; `limits` bounds each span and the queue; `max_queue` overrides the number of
    finished spans that wait for a flush. Raises ValueError for an unknown sampler or a limit below zero.
    """

    name = "recorder"

    def __init__(
        self,
        *exporters: SpanExporter,
        sampler: Sampler | str = "always_on",
        limits: Limits | None = None,
        max_queue: int | None = None,
    ) -> None:
        self.limits = limits if limits is not None else Limits()
        if max_queue is not None and max_queue < 0:
            raise ValueError(f"max_queue must be 0 or more, not {max_queue}")
        self._max_queue = self.limits.queue_spans if max_queue is None else max_queue
        self._sampler = sampler_of(sampler)
        self._exporting = Exporting(exporters, self._max_queue, self.limits, self._batch_done)
        self.stats = RecorderStats()
        self._closed = False
        self._reset()
        _recorders.add(self)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._handing_over = threading.Lock()  # taken before _lock: what leaves the queue is on its way in the same step
        self._open: dict[SpanHandle, OpenSpan] = {}
        self._queue = FinishedQueue(self._max_queue, self.limits.queue_bytes)

    def _reset_after_fork(self) -> None:
        """In a forked child: the parent keeps its spans and sends them itself."""
        self._reset()
        self._exporting.reset_after_fork()

    @property
    def open_spans(self) -> int:
        """How many spans have started and not ended."""
        return len(self._open)

    @property
    def queued_spans(self) -> int:
        """How many finished spans wait for a flush."""
        return len(self._queue)

    @_infallible(SpanHandle.INVALID)
    def start_span(self, span: SpanStart) -> SpanHandle:
        """Start a span; INVALID where it is not sampled.

        The parent is taken as it is: whether a guest may name it is the boundary's to decide. A remote parent's trace is continued.
        """
        drops: Drops = Counter()
        cleaned = clean_start(span, drops, self.limits)
        trace_id = self._sampled_trace_id(cleaned)
        with self._lock:
            if trace_id is None:
                self.stats.unsampled += 1
                return SpanHandle.INVALID
            if bare_bytes(cleaned) > self.limits.span_bytes:
                self.stats.drop(DropReason.MEMORY_LIMIT)
                return SpanHandle.INVALID
            self._count_all(drops)
            handle = SpanHandle(trace_id, new_span_id())
            self._open_span(handle, cleaned)
            return handle

    def _sampled_trace_id(self, span: SpanStart) -> int | None:
        """The trace that the span belongs to, None where it is not sampled."""
        parent = span.parent
        if parent is None:
            trace_id = new_trace_id()
            return trace_id if self._sampler.should_sample(trace_id) else None
        if not span.parent_is_remote:
            return None if parent.is_invalid else parent.trace_id
        is_sampled = span.parent_flags & TRACE_FLAG_SAMPLED and self._sampler.should_sample(parent.trace_id)
        return parent.trace_id if is_sampled else None

    def _open_span(self, handle: SpanHandle, span: SpanStart) -> None:
        local = None if span.parent is None or span.parent_is_remote else self._open.get(span.parent)
        opened = OpenSpan(handle, span, local.clock if local is not None else AnchoredClock(), self.limits)
        if local is not None:
            opened.trace_state = local.trace_state
        for key, value in span.attributes.items():
            self._count(opened.set_attribute(key, value))
        self._open[handle] = opened
        self.stats.started += 1

    @_infallible(None)
    def set_attribute(self, span: SpanHandle, key: str, value: AttrValue) -> None:
        """Add or overwrite an attribute; nothing where the span is not open."""
        with self._lock:
            opened = self._open.get(span)
            if opened is None:
                return
            try:
                self._count(opened.set_attribute(checked_key(key), checked_value(value)))
            except MalformedPayload:
                opened.dropped_attributes += 1
                self._count(DropReason.MALFORMED)

    @_infallible(None)
    def set_status(self, span: SpanHandle, status: SpanStatus) -> None:
        """Set the status by OpenTelemetry's rules: ok is final, unset never overwrites, a message only with error."""
        with self._lock:
            opened = self._open.get(span)
            if opened is not None:
                opened.set_status(status)

    @_infallible(None)
    def add_event(self, span: SpanHandle, event: SpanEvent) -> None:
        """Add an event; nothing where the span is not open."""
        with self._lock:
            opened = self._open.get(span)
            if opened is None:
                return
            drops: Drops = Counter()
            try:
                cleaned = clean_event(event, drops, self.limits.event_attributes)
            except Exception:
                opened.dropped_events += 1
                raise
            reason = opened.add_event(cleaned)
            self._count(reason)
            if reason is None:
                self._count_all(drops)

    @_infallible(None)
    def end_span(self, span: SpanHandle, end_time_unix_nanos: int | None = None) -> None:
        """End a span, now or at a time; it waits for the next flush, or is dropped (`queue_full`)."""
        with self._lock:
            opened = self._open.pop(span, None)
            if opened is None:
                return
            self.stats.ended += 1
            finished = opened.finish(clean_time(end_time_unix_nanos))
            if not self._queue.put(finished, opened.payload_bytes + opened.host_bytes):
                self._count(DropReason.QUEUE_FULL)

    @_infallible(None)
    def record_host(
        self,
        span: SpanHandle,
        *,
        attributes: Mapping[str, AttrValue] | None = None,
        events: Sequence[SpanEvent] = (),
        status: SpanStatus | None = None,
    ) -> None:
        """The host's own facts, outside the limits, and its verdict on the span (see HostTracerPlugin)."""
        drops: Drops = Counter()
        kept = clean_attributes({} if attributes is None else attributes, drops)
        checked_events = tuple(clean_event(event, drops) for event in events)
        with self._lock:
            opened = self._open.get(span)
            if opened is not None:
                self._count_all(drops)
                opened.record_host(kept, checked_events, status)

    @_infallible(None)
    def add_dropped(self, span: SpanHandle, *, attributes: int = 0, events: int = 0) -> None:
        """Count what the boundary dropped of an open span (see HostTracerPlugin)."""
        with self._lock:
            opened = self._open.get(span)
            if opened is not None:
                opened.dropped_attributes += clean_count(attributes)
                opened.dropped_events += clean_count(events)

    def now(self, span: SpanHandle) -> int:
        """The time by the clock of the span's trace, for spans that the host ends together (see HostTracerPlugin)."""
        with self._lock:
            opened = self._open.get(span)
            return time.time_ns() if opened is None else opened.clock.now()

    def flush(self, timeout: float = DEFAULT_FLUSH_SECONDS) -> None:
        """Hand all finished spans to every exporter, within `timeout` seconds.

        It waits for what other flushes have handed over, too. Raises FlushError that names each exporter that failed or did not answer
        in time; the others have got their spans. What an exporter did not take is not sent again.
        """
        deadline = time.monotonic() + timeout
        with self._handing_over:
            lost = self._hand_over(deadline)
        if lost:
            raise FlushError({self.name: f"{lost} spans ended after it was closed"})
        _raise_failures(self._exporting.wait(deadline))

    def close(self, timeout: float = DEFAULT_FLUSH_SECONDS) -> None:
        """Flush, then shut the exporters down, within `timeout` seconds in all. Raises FlushError as `flush` does.

        Closing again does nothing. What ends afterwards is reported by the next flush.
        """
        deadline = time.monotonic() + timeout
        with self._handing_over:
            if self._closed:
                return
            self._hand_over(deadline)
            self._closed = True
            self._exporting.shut_down(deadline)
        _raise_failures(self._exporting.wait(deadline))

    def _hand_over(self, deadline: float) -> int:
        """Queue what is finished before the exporters, or count it as lost where they are shut down; how much that was."""
        with self._lock:
            batches = self._queue.take_batches(self.limits.batch_spans, self.limits.batch_bytes)
        if not self._closed:
            self._exporting.hand_over(batches, deadline)
            return 0
        lost = sum(len(batch.spans) for batch in batches)
        with self._lock:
            self.stats.drop(DropReason.EXPORT_FAILED, lost)
        return lost

    def _batch_done(self, exporter: str, spans: int, error: BaseException | None) -> None:
        with self._lock:
            if error is None:
                self.stats.exported[exporter] += spans
            else:
                self.stats.drop(DropReason.EXPORT_FAILED, spans)

    def _count_all(self, drops: Drops) -> None:
        for reason, count in drops.items():
            self.stats.drop(reason, count)

    def _count(self, reason: DropReason | None) -> None:
        if reason is not None:
            self.stats.drop(reason)

    def __enter__(self) -> SpanRecorder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        try:
            self.close()
        except FlushError as failed:
            if error is None:
                raise
            log_safely(logger, logging.ERROR, "flush failed: %s", failed)  # what is under way matters more


def _raise_failures(failures: dict[str, str]) -> None:
    if failures:
        raise FlushError(failures)


_recorders: WeakSet[SpanRecorder] = WeakSet()


def _after_fork_in_child() -> None:
    for recorder in list(_recorders):
        recorder._reset_after_fork()  # noqa: SLF001  # its own module


os.register_at_fork(after_in_child=_after_fork_in_child)
