"""SpanRecorder: assembles spans from calls and hands the finished ones to exporters. The built-in TracerPlugin.

Recording never fails, never waits for I/O, and drops what does not fit, counted by reason. Only `flush` and `close` talk to exporters.
"""

from __future__ import annotations

import functools
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from types import TracebackType
from typing import ParamSpec, TypeVar
from weakref import WeakSet

from bext_abi import AttrValue, DropReason, FlushError, MalformedPayload, SpanEvent, SpanHandle, SpanStart, SpanStatus
from bext_abi.constants import TRACE_FLAG_SAMPLED
from bext_abi.values import checked_key, checked_value
from bext_host.limits import Limits

from .clock import AnchoredClock
from .export_worker import ExportWorker
from .exporter import SpanExporter
from .finished_queue import FinishedQueue
from .ids import new_span_id, new_trace_id
from .intake import clean_attributes, clean_event, clean_start, clean_time
from .open_span import OpenSpan
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
        self._workers = [
            ExportWorker(exporter, name, self._max_queue)
            for name, exporter in zip(_distinct([e.name for e in exporters]), exporters, strict=True)
        ]
        self.stats = RecorderStats()
        self._closed = False
        self._reset()
        _recorders.add(self)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[SpanHandle, OpenSpan] = {}
        self._queue = FinishedQueue(self._max_queue, self.limits.queue_bytes)

    def _reset_after_fork(self) -> None:
        """In a forked child: the parent keeps its spans and sends them itself."""
        self._reset()
        for worker in self._workers:
            worker.reset_after_fork()

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
        cleaned, malformed = clean_start(span, self.limits.link_attributes)
        trace_id = self._sampled_trace_id(cleaned)
        with self._lock:
            if trace_id is None:
                self.stats.unsampled += 1
                return SpanHandle.INVALID
            self.stats.drop(DropReason.MALFORMED, malformed)
            handle = SpanHandle(trace_id, new_span_id())
            self._open_span(handle, cleaned)
            return handle

    def _sampled_trace_id(self, span: SpanStart) -> int | None:
        """The trace that the span belongs to, None where it is not sampled."""
        parent = span.parent
        if parent is None or (span.parent_is_remote and parent.is_invalid):
            trace_id = new_trace_id()
            return trace_id if self._sampler.should_sample(trace_id) else None
        if not span.parent_is_remote:
            return None if parent.is_invalid else parent.trace_id
        is_sampled = span.parent_flags & TRACE_FLAG_SAMPLED and self._sampler.should_sample(parent.trace_id)
        return parent.trace_id if is_sampled else None

    def _open_span(self, handle: SpanHandle, span: SpanStart) -> None:
        parent = self._open.get(span.parent) if span.parent is not None else None
        opened = OpenSpan(handle, span, parent.clock if parent is not None else AnchoredClock(), self.limits)
        if parent is not None:
            opened.trace_state = parent.trace_state
        self.stats.drop(DropReason.LINK_LIMIT, opened.dropped_links - span.dropped_links_count)
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
            if opened is not None:
                self._count(opened.add_event(event))

    @_infallible(None)
    def end_span(self, span: SpanHandle, end_time_unix_nanos: int | None = None) -> None:
        """End a span, now or at a time; it waits for the next flush, or is dropped (`queue_full`)."""
        with self._lock:
            opened = self._open.pop(span, None)
            if opened is None:
                return
            self.stats.ended += 1
            if not self._queue.put(opened.finish(clean_time(end_time_unix_nanos)), opened.payload_bytes):
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
        kept, malformed = clean_attributes(attributes or {})
        checked_events = tuple(clean_event(event, len(event.attributes)) for event in events)
        with self._lock:
            self.stats.drop(DropReason.MALFORMED, malformed)
            opened = self._open.get(span)
            if opened is not None:
                opened.record_host(kept, checked_events, status)

    @_infallible(None)
    def add_dropped(self, span: SpanHandle, *, attributes: int = 0, events: int = 0) -> None:
        """Count what the boundary dropped of an open span (see HostTracerPlugin)."""
        with self._lock:
            opened = self._open.get(span)
            if opened is not None:
                opened.dropped_attributes += attributes
                opened.dropped_events += events

    def flush(self, timeout: float = DEFAULT_FLUSH_SECONDS) -> None:
        """Hand all finished spans to every exporter, within `timeout` seconds.

        Raises FlushError that names each exporter that failed or did not answer in time; the others have got their spans.
        """
        deadline = time.monotonic() + timeout
        with self._lock:
            batches = self._queue.take_batches(self.limits.batch_spans, self.limits.batch_bytes)
        if self._closed and batches:
            lost = sum(map(len, batches))
            self.stats.drop(DropReason.EXPORT_FAILED, lost)
            raise FlushError({self.name: f"{lost} spans ended after it was closed"})
        pending = [(worker.name, len(batch), worker.export(batch, deadline)) for worker in self._workers for batch in batches]
        self._await(pending, deadline)

    def close(self, timeout: float = DEFAULT_FLUSH_SECONDS) -> None:
        """Flush, then shut the exporters down, within `timeout` seconds. Raises FlushError as `flush` does. Closing again does nothing."""
        if self._closed:
            return
        deadline = time.monotonic() + timeout
        failures: dict[str, str] = {}
        try:
            self.flush(timeout)
        except FlushError as error:
            failures.update(error.failures)
        self._closed = True
        try:
            self._await([(worker.name, 0, worker.shutdown(deadline)) for worker in self._workers], deadline)
        except FlushError as error:
            failures.update(error.failures)
        if failures:
            raise FlushError(failures)

    def _await(self, pending: list[tuple[str, int, Future[None]]], deadline: float) -> None:
        """Wait for the exporters; raises FlushError for what failed."""
        wait([future for _, _, future in pending], max(0.0, deadline - time.monotonic()))
        failures: dict[str, str] = {}
        for name, spans, future in pending:
            error = _failure(future)
            if error is None:
                self.stats.exported[name] += spans
            else:
                self.stats.drop(DropReason.EXPORT_FAILED, spans)
                failures.setdefault(name, error)
        if failures:
            raise FlushError(failures)

    def _count(self, reason: DropReason | None) -> None:
        if reason is not None:
            self.stats.drop(reason)

    def __enter__(self) -> SpanRecorder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()


def _failure(future: Future[None]) -> str | None:
    if not future.done():
        return "did not answer in time"
    error = future.exception()
    return None if error is None else f"{type(error).__name__}: {error}"


def _distinct(names: Sequence[str]) -> list[str]:
    """The names, with a number where one comes again."""
    return [name if name not in names[:i] else f"{name}-{names[: i + 1].count(name)}" for i, name in enumerate(names)]


_recorders: WeakSet[SpanRecorder] = WeakSet()


def _after_fork_in_child() -> None:
    for recorder in list(_recorders):
        recorder._reset_after_fork()  # noqa: SLF001  # its own module


os.register_at_fork(after_in_child=_after_fork_in_child)
