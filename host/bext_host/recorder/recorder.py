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
from dataclasses import replace
from types import TracebackType
from typing import Any, Final, ParamSpec, TypeVar
from weakref import WeakSet

from bext_abi import AttrValue, DropReason, FlushError, MalformedPayload, SpanEvent, SpanHandle, SpanStart, SpanStatus
from bext_abi.constants import TRACE_FLAG_SAMPLED
from bext_abi.values import checked_key, checked_value
from bext_host.closing import close_at_exit
from bext_host.extension import NATIVE, REFERENCE, EngineUnavailable, NativeUnavailable, load_extension, requested_engine
from bext_host.limits import Limits

from .core import NoMemoryForBatches, RecorderCore
from .exporter import SpanExporter
from .exporting import Exporting
from .ids import new_trace_id
from .intake import Drops, checked_handle, clean_attributes, clean_count, clean_event, clean_start, clean_status, clean_time
from .outcome import Settlement
from .reference import ReferenceCore
from .sampler import Sampler, sampled_below, sampler_of
from .stats import RecorderStats

logger = logging.getLogger("bext_host.recorder")

P = ParamSpec("P")
R = TypeVar("R")

DEFAULT_FLUSH_SECONDS = 30.0

_HOT_PATH: Final = ("start_span", "set_attribute", "set_status", "add_event", "end_span", "add_dropped")


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
                recorder._core.count_drop(DropReason.MALFORMED)  # noqa: SLF001  # its own class
                logger.debug("%s dropped: %r", method.__name__, error)
                return default

        return recording

    return decorate


def _new_core(limits: Limits, sampler: Sampler, engine: str | None) -> RecorderCore:
    wanted = requested_engine(engine)
    if wanted != REFERENCE:
        try:
            load_extension()
        except NativeUnavailable as missing:
            if wanted == NATIVE:
                raise EngineUnavailable(f"the native engine was asked for, but {missing}") from None
        else:
            from .native import NativeCore  # noqa: PLC0415  # there is no such module without the extension

            return NativeCore(limits, sampler)
    return ReferenceCore(limits)


class SpanRecorder:
    """A TracerPlugin that keeps spans until they end and a flush hands them to its exporters. Safe to use from many threads.

    `sampler` is "always_on", "always_off", a TraceIdRatio or a Sampler of one's own; default: what OTEL_TRACES_SAMPLER says, else
    "always_on". `limits` bounds each span and the queue; `max_queue` overrides the number of finished spans that wait for a flush, and is
    then the attribute of this name.
    `engine` says whether spans are kept in C ("native") or in Python ("reference"); default: the variable BEXT_TRACER_ENGINE, else C
    where it was built. Raises ValueError for an unknown sampler or engine or a limit below zero, EngineUnavailable for a forced engine
    that is missing.
    """

    name = "recorder"

    def __init__(
        self,
        *exporters: SpanExporter,
        sampler: Sampler | str | None = None,
        limits: Limits | None = None,
        max_queue: int | None = None,
        engine: str | None = None,
    ) -> None:
        self.limits = limits if limits is not None else Limits()
        if max_queue is not None and max_queue < 0:
            raise ValueError(f"max_queue must be 0 or more, not {max_queue}")
        in_effect = self.limits if max_queue is None else replace(self.limits, queue_spans=max_queue)
        self.max_queue = in_effect.queue_spans
        self._sampler = sampler_of(sampler)
        self._core = _new_core(in_effect, self._sampler, engine)
        self._exporting = Exporting(exporters, in_effect, self._settle)
        self._exported: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()
        self._closed = False
        self._renew_locks()
        _recorders.add(self)

    def _renew_locks(self) -> None:
        self._handing_over = threading.Lock()  # what leaves the queue is on its way in the same step
        self._exported_lock = threading.Lock()

    def _after_fork_in_child(self) -> None:
        self._core.after_fork_in_child()
        self._renew_locks()
        self._exporting.reset_after_fork()
        self._waiting.clear()

    def native_recorder(self) -> Any:
        """The recorder in C for an engine that calls it there, instead of these methods; None where that would change anything."""
        is_own = type(self) is SpanRecorder and not any(name in vars(self) for name in _HOT_PATH)
        return self._core.native if is_own and sampled_below(self._sampler) is not None else None

    @property
    def stats(self) -> RecorderStats:
        """What was started, ended, dropped and handed over so far."""
        counters = self._core.counters()
        stats = RecorderStats(counters.started, counters.ended, counters.unsampled)
        for reason, count in counters.dropped.items():
            stats.dropped[reason.value] = count
        with self._exported_lock:
            stats.exported.update(+self._exported)
            stats.waiting.update(+self._waiting)
        return stats

    @property
    def open_spans(self) -> int:
        """How many spans have started and not ended."""
        return self._core.open_spans

    @property
    def queued_spans(self) -> int:
        """How many finished spans wait for a flush."""
        return self._core.queued_spans

    def start_exporting(self) -> None:
        """Start the exporters' threads now, and not with the first flush: where the interpreter is ending, Python 3.12 starts none."""
        if not self._closed:
            self._exporting.start()

    def wait_until_queued(self, spans: int, seconds: float) -> bool:
        """Wait until so many finished spans wait for a flush, at most `seconds`; whether they do. For the one thread that flushes."""
        return self._core.wait_for_spans(spans, seconds)

    @_infallible(SpanHandle.INVALID)
    def start_span(self, span: SpanStart) -> SpanHandle:
        """Start a span; INVALID where it is not sampled.

        The parent is taken as it is: whether a guest may name it is the boundary's to decide. A remote parent's trace is continued.
        """
        drops: Drops = Counter()
        cleaned = clean_start(span, drops, self.limits)
        trace_id = self._sampled_trace_id(cleaned)
        if trace_id is None:
            self._core.count_unsampled()
            return SpanHandle.INVALID
        return self._core.start_span(cleaned, trace_id, drops)

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

    @_infallible(None)
    def set_attribute(self, span: SpanHandle, key: str, value: AttrValue) -> None:
        """Add or overwrite an attribute; nothing where the span is not open."""
        checked_handle(span)
        try:
            cleaned = checked_key(key), checked_value(value)
        except MalformedPayload:
            self._core.add_dropped(span, 1, 0, DropReason.MALFORMED)
            return
        self._core.set_attribute(span, *cleaned)

    @_infallible(None)
    def set_status(self, span: SpanHandle, status: SpanStatus) -> None:
        """Set the status by OpenTelemetry's rules: ok is final, unset never overwrites, a message only with error."""
        self._core.set_status(checked_handle(span), clean_status(status))

    @_infallible(None)
    def add_event(self, span: SpanHandle, event: SpanEvent) -> None:
        """Add an event; nothing where the span is not open."""
        checked_handle(span)
        drops: Drops = Counter()
        try:
            cleaned = clean_event(event, drops, self.limits.event_attributes)
        except Exception as error:  # noqa: BLE001  # as for any malformed part, the span remembers
            self._core.add_dropped(span, 0, 1, DropReason.MALFORMED)
            logger.debug("add_event dropped: %r", error)
            return
        self._core.add_event(span, cleaned, drops)

    @_infallible(None)
    def end_span(self, span: SpanHandle, end_time_unix_nanos: int | None = None) -> None:
        """End a span, now or at a time; it waits for the next flush, or is dropped (`queue_full`)."""
        self._core.end_span(checked_handle(span), clean_time(end_time_unix_nanos))

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
        verdict = None if status is None else clean_status(status)
        self._core.record_host(checked_handle(span), kept, checked_events, verdict, drops)

    @_infallible(None)
    def add_dropped(self, span: SpanHandle, *, attributes: int = 0, events: int = 0) -> None:
        """Count what the boundary dropped of an open span (see HostTracerPlugin)."""
        self._core.add_dropped(checked_handle(span), clean_count(attributes), clean_count(events))

    def now(self, span: SpanHandle) -> int:
        """The time by the clock of the span's trace, for spans that the host ends together (see HostTracerPlugin)."""
        return self._core.now(span) if isinstance(span, SpanHandle) else time.time_ns()

    def flush(self, timeout: float = DEFAULT_FLUSH_SECONDS) -> None:
        """Hand all finished spans to every exporter, within `timeout` seconds.

        It waits for what other flushes have handed over, too, and exporters that keep spans send them again. Raises FlushError that names
        each exporter that failed, keeps spans or did not answer in time, with what it lost and what waits; the others have got their
        spans. What an exporter neither took nor kept is not sent again.
        """
        deadline = time.monotonic() + timeout
        with self._handing_over:
            failures = self._hand_over(deadline)
        _raise_failures({**failures, **self._exporting.wait(deadline)})

    def close(self, timeout: float = DEFAULT_FLUSH_SECONDS) -> None:
        """Flush, then shut the exporters down, within `timeout` seconds in all. Raises FlushError as `flush` does.

        Closing again does nothing. What ends afterwards is reported by the next flush.
        """
        deadline = time.monotonic() + timeout
        with self._handing_over:
            if self._closed:
                return
            failures = self._hand_over(deadline, resend=False)  # the shutdown does
            self._closed = True
            self._exporting.shut_down(deadline)
        _raise_failures({**failures, **self._exporting.wait(deadline)})

    def _hand_over(self, deadline: float, *, resend: bool = True) -> dict[str, str]:
        """Queue what is finished before the exporters, or count it as lost where they are shut down; what the flush is to tell of it."""
        failures = {}
        try:
            batches = self._core.take_batches(self.limits.batch_spans, self.limits.batch_bytes)
        except NoMemoryForBatches as error:
            batches, failures = error.batches, {self.name: str(error)}
        if not self._closed:
            self._exporting.hand_over(batches, deadline, resend=resend)
            return failures
        lost = sum(len(batch.spans) for batch in batches)
        self._core.count_drop(DropReason.EXPORT_FAILED, lost)
        return {**failures, self.name: f"{lost} spans ended after it was closed"} if lost else failures

    def _settle(self, exporter: str, settled: Settlement) -> None:
        for reason, count in (
            (DropReason.EXPORT_FAILED, settled.lost - settled.unencodable),
            (DropReason.UNENCODABLE, settled.unencodable),
        ):
            if count:
                self._core.count_drop(reason, count)
        if settled.exported or settled.kept:
            with self._exported_lock:
                self._exported[exporter] += settled.exported
                self._waiting[exporter] += settled.kept

    def __enter__(self) -> SpanRecorder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        close_at_exit(self.close, error, logger)


def _raise_failures(failures: dict[str, str]) -> None:
    if failures:
        raise FlushError(failures)


_recorders: WeakSet[SpanRecorder] = WeakSet()


def _after_fork_in_child() -> None:
    for recorder in list(_recorders):
        recorder._after_fork_in_child()  # noqa: SLF001  # its own module


os.register_at_fork(after_in_child=_after_fork_in_child)
