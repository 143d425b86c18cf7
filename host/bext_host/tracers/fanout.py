"""FanoutTracer: one TracerPlugin that passes every span on to several, each with handles of its own.

A child that raises or answers nonsense is contained and counted; the others never notice. No lock is held while a child runs.
Recording calls are made one child after the other in the caller's thread, as the contract has it (it does no I/O); flushes run beside
each other.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import wait
from types import TracebackType
from typing import Final
from weakref import WeakSet

from bext_abi import AttrValue, DropReason, FlushError, SpanEvent, SpanHandle, SpanStart, SpanStatus, TracerPlugin
from bext_host.boundary.contained import STOPS_THE_PROGRAM, ContainedTracer, require_tracer
from bext_host.closing import close_at_exit
from bext_host.distinct import distinct
from bext_host.limits import Limits
from bext_host.logs import log_safely

from .copies import copied, event_for_child, start_for_child
from .fanout_stats import FanoutStats
from .flushing import ChildFlush, failures_of
from .handle_maps import ChildHandles, HandleMaps

logger = logging.getLogger("bext_host.tracer")

DEFAULT_FLUSH_SECONDS: Final = 30.0
MAX_OPEN_SPANS: Final = 65_536
MAX_ENDED_SPANS: Final = 16_384


class FanoutTracer:
    """A TracerPlugin that passes on to each of `tracers`, in their order. Safe to use from many threads.

    A span's public handle is that of the first child that samples it, so that a traceparent names a span which that child's back-end
    has; parents and links are told to each child in its own handles. A handle that is nobody's here passes to all as it is.
    A child that does not sample a span, or fails to start it, hears no more of it and of what is below it.

    `max_open_spans` bounds the open spans, of which the newest is dropped (`open_span_limit`); `max_ended_spans` those that ended
    and may still be a parent or in a link, of which the oldest is forgotten. Raises TypeError for what is no tracer, ValueError where
    there is none or a bound is below zero.
    """

    name = "fanout"

    def __init__(
        self, tracers: Sequence[TracerPlugin], *, max_open_spans: int = MAX_OPEN_SPANS, max_ended_spans: int = MAX_ENDED_SPANS
    ) -> None:
        self.tracers = tuple(tracers)
        if not self.tracers:
            raise ValueError("a FanoutTracer needs at least one tracer")
        if min(max_open_spans, max_ended_spans) < 0:
            raise ValueError("max_open_spans and max_ended_spans must be 0 or more")
        for tracer in self.tracers:
            require_tracer(tracer)
        self.names = distinct([str(getattr(tracer, "name", type(tracer).__name__)) for tracer in self.tracers])
        self._stats = FanoutStats()
        self._maps = HandleMaps(len(self.tracers), max_open_spans, max_ended_spans)
        self._children = [
            ContainedTracer(tracer, self._counter(name), set()) for name, tracer in zip(self.names, self.tracers, strict=True)
        ]
        self._flushes = [ChildFlush(name, tracer.flush) for name, tracer in zip(self.names, self.tracers, strict=True)]
        self._closes = [ChildFlush(name, _closing(tracer)) for name, tracer in zip(self.names, self.tracers, strict=True)]
        self._closed = False
        self._waiting = 0  # spans that ended since the last flush began
        self._enough = 0
        self._renew_locks()
        _fanouts.add(self)

    def _renew_locks(self) -> None:
        self._lock = threading.Lock()
        self._has_enough = threading.Condition(self._lock)

    def _after_fork_in_child(self) -> None:
        self._renew_locks()
        self._waiting = 0
        self._maps.after_fork_in_child()
        for flush in (*self._flushes, *self._closes):
            flush.reset_after_fork()

    @property
    def stats(self) -> FanoutStats:
        """What was passed on and dropped so far."""
        with self._lock:
            stats = self._stats
            dropped, errors = stats.dropped.copy(), stats.errors.copy()
            return FanoutStats(stats.started, stats.ended, stats.unsampled, self._maps.forgotten, dropped, errors)

    @property
    def open_spans(self) -> int:
        """How many spans have started and not ended."""
        return len(self._maps)

    def start_span(self, span: SpanStart) -> SpanHandle:
        """Start a span with every child; the handle of the first that samples it, INVALID where none does."""
        starts = self._starts(span)
        if starts is None:
            return SpanHandle.INVALID
        if all(start is None for start in starts):
            self._count_unsampled()
            return SpanHandle.INVALID
        if not self._maps.reserve():
            self._drop(DropReason.OPEN_SPAN_LIMIT)
            return SpanHandle.INVALID
        return self._start_with_children(starts)

    def _starts(self, span: SpanStart) -> list[SpanStart | None] | None:
        """The start for each child, None for one that does not sample it; None altogether for what is no SpanStart."""
        try:
            return [start_for_child(span, self._maps.translation(child)) for child in range(len(self._children))]
        except Exception as error:  # noqa: BLE001  # recording never fails, whatever it is given
            self._malformed("start_span", error)
            return None

    def _start_with_children(self, starts: Sequence[SpanStart | None]) -> SpanHandle:
        stops: list[BaseException] = []
        answers = tuple(self._started(child, start, stops) for child, start in zip(self._children, starts, strict=True))
        if stops:  # nobody will learn the handle
            self._maps.cancel()
            self._end_with_children(answers, None)
            raise stops[0]
        public, twice = self._maps.claim(answers)
        for i in twice:
            self._children[i].failed("start_span", ValueError("start_span returned the handle of a span that is open already"))
        if public.is_invalid:
            self._count_unsampled()
        else:
            with self._lock:
                self._stats.started += 1
        return public

    def _started(self, child: ContainedTracer, start: SpanStart | None, stops: list[BaseException]) -> SpanHandle:
        """The child's handle; INVALID where it does not sample the span, failed, or must stop the program, which `stops` learns."""
        if start is None:
            return SpanHandle.INVALID
        try:
            return child.start_span(start) or SpanHandle.INVALID
        except STOPS_THE_PROGRAM as error:
            stops.append(error)
            return SpanHandle.INVALID

    def set_attribute(self, span: SpanHandle, key: str, value: AttrValue) -> None:
        """Tell every child that has the span."""
        kept = tuple(value) if isinstance(value, list) else value
        self._each("set_attribute", span, lambda child, handle: child.set_attribute(handle, key, kept))

    def set_status(self, span: SpanHandle, status: SpanStatus) -> None:
        """Tell every child that has the span."""
        self._each("set_status", span, lambda child, handle: child.set_status(handle, status))

    def add_event(self, span: SpanHandle, event: SpanEvent) -> None:
        """Tell every child that has the span, each with an event of its own."""
        self._each("add_event", span, lambda child, handle: child.add_event(handle, event_for_child(event)))

    def record_host(
        self,
        span: SpanHandle,
        *,
        attributes: Mapping[str, AttrValue] | None = None,
        events: Sequence[SpanEvent] = (),
        status: SpanStatus | None = None,
    ) -> None:
        """The host's own facts and verdict, for every child; by the plain methods where it has no `record_host`."""

        def record(child: ContainedTracer, handle: SpanHandle) -> None:
            own_events = tuple(event_for_child(event) for event in events)
            child.record_host(handle, attributes=copied(attributes), events=own_events, status=status)

        self._each("record_host", span, record)

    def add_dropped(self, span: SpanHandle, *, attributes: int = 0, events: int = 0) -> None:
        """Tell every child that has a place for it."""
        self._each("add_dropped", span, lambda child, handle: child.add_dropped(handle, attributes=attributes, events=events))

    def now(self, span: SpanHandle) -> int:
        """The time by the clock of the first child that has the span, by the wall clock where none has."""
        handles = self._known("now", span) or ()
        first = next((i for i, handle in enumerate(handles) if not handle.is_invalid), None)
        return time.time_ns() if first is None else self._children[first].now(handles[first])

    def end_span(self, span: SpanHandle, end_time_unix_nanos: int | None = None) -> None:
        """End the span with every child that has it, once."""
        try:
            handles = self._maps.end(span)
        except Exception as error:  # noqa: BLE001  # unhashable, for one
            self._malformed("end_span", error)
            return
        if handles is None:
            return
        try:
            self._end_with_children(handles, end_time_unix_nanos)
        finally:
            self._count_ended()

    def _end_with_children(self, handles: ChildHandles, end_time_unix_nanos: int | None) -> None:
        self._tell("end_span", handles, lambda child, handle: child.end_span(handle, end_time_unix_nanos))

    def flush(self, timeout: float = DEFAULT_FLUSH_SECONDS) -> None:
        """Flush all children beside each other, within `timeout` seconds.

        Raises FlushError that names each child that failed or did not answer in time, or what it named itself as `child/exporter`.
        A child that hangs keeps nobody from theirs. KeyboardInterrupt and SystemExit of a child are raised when all are done.
        """
        with self._lock:
            self._waiting = 0
        self._finish(self._flushes, timeout)

    def close(self, timeout: float = DEFAULT_FLUSH_SECONDS) -> None:
        """Close the children that can be closed and flush the others, as `flush` does. Closing again does nothing."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._finish(self._closes, timeout)

    def _finish(self, flushes: Sequence[ChildFlush], timeout: float) -> None:
        deadline = time.monotonic() + timeout
        futures = [(flush.name, flush.ask(timeout)) for flush in flushes]
        wait([future for _, future in futures], max(0.0, deadline - time.monotonic()))
        failures: dict[str, str] = {}
        for name, future in futures:
            failures |= failures_of(name, future)
        stops = [error for _, future in futures if future.done() and isinstance(error := future.exception(), STOPS_THE_PROGRAM)]
        failed = FlushError(failures) if failures else None
        if stops:
            raise stops[0] from failed
        if failed is not None:
            raise failed

    # What the host's flush loop asks of a tracer that can tell.

    @property
    def max_queue(self) -> int:
        """The fewest finished spans that may wait before one of the children."""
        sizes = [size for tracer in self.tracers if type(size := getattr(tracer, "max_queue", None)) is int]
        return min(sizes, default=Limits().queue_spans)

    @property
    def queued_spans(self) -> int:
        """How many spans ended since the last flush began."""
        return self._waiting

    def wait_until_queued(self, spans: int, seconds: float) -> bool:
        """Wait until so many spans ended since the last flush began, at most `seconds`; whether they did. For the one that flushes."""
        with self._has_enough:
            self._enough = spans
            return self._has_enough.wait_for(lambda: self._waiting >= spans, seconds)

    def start_exporting(self) -> None:
        """Let the children start the threads that they export with."""
        for tracer in self.tracers:
            prepare = getattr(tracer, "start_exporting", None)
            if callable(prepare):
                prepare()

    def _known(self, operation: str, span: SpanHandle) -> ChildHandles | None:
        """The children's handles of an open span; None for anything else."""
        try:
            return self._maps.opened(span)
        except Exception as error:  # noqa: BLE001  # unhashable, for one
            self._malformed(operation, error)
            return None

    def _each(self, operation: str, span: SpanHandle, call: Callable[[ContainedTracer, SpanHandle], object]) -> None:
        handles = self._known(operation, span)
        if handles is not None:
            self._tell(operation, handles, call)

    def _tell(self, operation: str, handles: ChildHandles, call: Callable[[ContainedTracer, SpanHandle], object]) -> None:
        """Make the call with every child that has the span, whatever one of them does; what must stop the program does so afterwards."""
        stops: list[BaseException] = []
        for child, handle in zip(self._children, handles, strict=True):
            try:
                if not handle.is_invalid:
                    call(child, handle)
            except STOPS_THE_PROGRAM as error:
                stops.append(error)
            except Exception as error:  # noqa: BLE001  # ours, over arguments that are none of the contract
                self._malformed(operation, error)
                break
        if stops:
            raise stops[0]

    def _counter(self, name: str) -> Callable[[], None]:
        def count() -> None:
            with self._lock:
                self._stats.errors[name] += 1
                self._stats.dropped[DropReason.TRACER_ERROR.value] += 1

        return count

    def _malformed(self, operation: str, error: Exception) -> None:
        self._drop(DropReason.MALFORMED)
        log_safely(logger, logging.DEBUG, "%s dropped: %r", operation, error)

    def _drop(self, reason: DropReason) -> None:
        with self._lock:
            self._stats.dropped[reason.value] += 1

    def _count_unsampled(self) -> None:
        with self._lock:
            self._stats.unsampled += 1

    def _count_ended(self) -> None:
        with self._lock:
            self._stats.ended += 1
            self._waiting += 1
            if self._waiting == self._enough:
                self._has_enough.notify()

    def __enter__(self) -> FanoutTracer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        close_at_exit(self.close, error, logger)


def _closing(tracer: TracerPlugin) -> Callable[..., object]:
    close = getattr(tracer, "close", None)
    return close if callable(close) else tracer.flush


_fanouts: WeakSet[FanoutTracer] = WeakSet()


def _after_fork_in_child() -> None:
    for fanout in list(_fanouts):
        fanout._after_fork_in_child()  # noqa: SLF001  # its own module


os.register_at_fork(after_in_child=_after_fork_in_child)
