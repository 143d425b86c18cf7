"""ContainedTracer: any TracerPlugin, called so that nothing it does reaches the guest or the embedder (ABI.md, "Tracers that fail").

An exception is counted and logged once for each operation and type; a result that is no SpanHandle becomes INVALID. Only what must stop
the program passes: KeyboardInterrupt and SystemExit.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, TypeAlias

from bext_abi import (
    AttrValue,
    HostTracerPlugin,
    SpanEvent,
    SpanHandle,
    SpanStart,
    SpanStatus,
    TracerPlugin,
)
from bext_host.logs import log_safely

logger = logging.getLogger("bext_host.tracer")

STOPS_THE_PROGRAM: Final = (KeyboardInterrupt, SystemExit)

LoggedErrors: TypeAlias = set[tuple[str, type[BaseException]]]
"""Kinds of errors, by operation and type."""

_METHODS: Final = ("start_span", "set_attribute", "set_status", "add_event", "end_span", "flush")


def require_tracer(tracer: object) -> None:
    """Raise TypeError, naming what is missing, for an object that is no TracerPlugin."""
    missing = [name for name in _METHODS if not callable(getattr(tracer, name, None))]
    if missing:
        raise TypeError(f"{type(tracer).__name__} is no TracerPlugin: it has no method {', '.join(missing)}")


class ContainedTracer:
    """A TracerPlugin behind a wall. `on_error` is called once for each call that failed.

    `logged` remembers which kinds of errors were logged; walls round the same tracer share one.
    """

    def __init__(self, tracer: TracerPlugin, on_error: Callable[[], None], logged: LoggedErrors) -> None:
        self.tracer = tracer
        self._on_error = on_error
        self._logged = logged
        self._host_tracer = tracer if isinstance(tracer, HostTracerPlugin) else None

    def start_span(self, span: SpanStart) -> SpanHandle | None:
        """The tracer's handle, one that is invalid as INVALID; None where the tracer failed."""
        try:
            handle = self.tracer.start_span(span)
            if type(handle) is not SpanHandle:
                handle = _plain(handle)
            is_invalid = handle.is_invalid
        except BaseException as error:  # noqa: BLE001  # contained, that is what this class is for
            self.failed("start_span", error)
            return None
        return SpanHandle.INVALID if is_invalid else handle

    # The four methods of the hot path are written out: a closure for each call would cost as much as all the rest.

    def set_attribute(self, span: SpanHandle, key: str, value: AttrValue) -> bool:
        """True where the tracer took it."""
        try:
            self.tracer.set_attribute(span, key, value)
        except BaseException as error:  # noqa: BLE001  # contained, that is what this class is for
            return self.failed("set_attribute", error)
        return True

    def set_status(self, span: SpanHandle, status: SpanStatus) -> bool:
        """True where the tracer took it."""
        try:
            self.tracer.set_status(span, status)
        except BaseException as error:  # noqa: BLE001  # as above
            return self.failed("set_status", error)
        return True

    def add_event(self, span: SpanHandle, event: SpanEvent) -> bool:
        """True where the tracer took it."""
        try:
            self.tracer.add_event(span, event)
        except BaseException as error:  # noqa: BLE001  # as above
            return self.failed("add_event", error)
        return True

    def end_span(self, span: SpanHandle, end_time_unix_nanos: int | None = None) -> bool:
        """True where the tracer took it."""
        try:
            self.tracer.end_span(span, end_time_unix_nanos)
        except BaseException as error:  # noqa: BLE001  # as above
            return self.failed("end_span", error)
        return True

    def record_host(
        self,
        span: SpanHandle,
        *,
        attributes: Mapping[str, AttrValue] | None = None,
        events: Sequence[SpanEvent] = (),
        status: SpanStatus | None = None,
    ) -> None:
        """The host's own facts and verdict: by HostTracerPlugin where the tracer is one, else by the plain methods."""
        host = self._host_tracer
        if host is not None:
            self._call("record_host", lambda: host.record_host(span, attributes=attributes, events=events, status=status))
            return
        for key, value in (attributes or {}).items():
            self.set_attribute(span, key, value)
        for event in events:
            self.add_event(span, event)
        if status is not None:
            self.set_status(span, status)

    def now(self, span: SpanHandle) -> int:
        """The tracer's time for the span, where it tells; else the wall clock's."""
        host = self._host_tracer
        times: list[int] = []
        if host is not None:
            self._call("now", lambda: times.append(host.now(span)))
        return times[0] if times and type(times[0]) is int else time.time_ns()

    def add_dropped(self, span: SpanHandle, *, attributes: int = 0, events: int = 0) -> None:
        """Tell a HostTracerPlugin what was dropped of an open span; other tracers have no place for it."""
        host = self._host_tracer
        if host is not None:
            self._call("add_dropped", lambda: host.add_dropped(span, attributes=attributes, events=events))

    def failed(self, operation: str, error: BaseException) -> Literal[False]:
        """Count the error, and log it the first time; raises it again where it must stop the program."""
        if isinstance(error, STOPS_THE_PROGRAM):
            raise error
        self._on_error()
        kind = (operation, type(error))
        if kind not in self._logged:
            self._logged.add(kind)
            message = "tracer %s failed in %s; further errors of this kind are only counted"
            log_safely(logger, logging.ERROR, message, type(self.tracer).__name__, operation, error=error)
        return False

    def _call(self, operation: str, call: Callable[[], None]) -> bool:
        try:
            call()
        except BaseException as error:  # noqa: BLE001  # contained, that is what this class is for
            return self.failed(operation, error)
        return True


def _plain(handle: object) -> SpanHandle:
    """The value of a handle of some other class, whose methods are its author's. Raises whatever there is to raise where it is none."""
    if not isinstance(handle, SpanHandle):
        raise TypeError(f"start_span returned {type(handle).__name__}, not SpanHandle")
    return SpanHandle(handle.trace_id, handle.span_id)


TracerMaker: TypeAlias = Callable[[Callable[[], None]], ContainedTracer]
"""Makes the wall round a bridge's tracer, given what to call for each error."""
