"""TracerScope: one plugin instance at the boundary. What it recorded, what surrounds its calls, and how it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import TracebackType
from typing import Any

from bext_abi import SpanEvent, SpanHandle, SpanStatus, StatusCode

from .contained import STOPS_THE_PROGRAM, ContainedTracer
from .host_calls import HostCalls
from .stats import ScopeStats, Traffic


class TracerScope:
    """The spans of one plugin instance. Made by `TracerBridge.add_to_linker`.

    The scope belongs to the store of its first host call; calls from another are dropped. Close it when the instance goes:
    what is open then is ended and marked as abandoned.

    `with scope:` round a guest call raises, at its end, what the program was stopped for while the guest ran (KeyboardInterrupt,
    SystemExit); PluginHost does so by itself.
    """

    def __init__(self, plugin_name: str) -> None:
        self.plugin_name = plugin_name
        self._pending: BaseException | None = None
        self._abandoned = 0

    def attach(self, calls: HostCalls, tracer: ContainedTracer) -> None:
        """Take over the engine's side of this scope. For TracerBridge."""
        self._calls = calls
        self._tracer = tracer

    @property
    def stats(self) -> ScopeStats:
        """What the instance recorded and dropped so far."""
        return replace(self._calls.stats(), abandoned=self._abandoned)

    @property
    def traffic(self) -> Traffic:
        """How much crossed the boundary so far."""
        return self._calls.traffic()

    @property
    def closed(self) -> bool:
        """Whether `close` was called; host calls are dropped as `scope_closed` since."""
        return self._calls.closed

    @property
    def open_spans(self) -> int:
        """How many spans of this instance are open."""
        return self._calls.open_spans

    @contextmanager
    def current(self, handle: SpanHandle) -> Iterator[None]:
        """While inside, `current_span` answers `handle`, and the guest may add attributes, events and a status to that span.

        INVALID says that the surrounding span was not sampled. May be nested; the innermost counts.
        """
        self._calls.push_current(handle)
        try:
            yield
        finally:
            self._calls.pop_current()

    def grant(self, handle: SpanHandle) -> None:
        """Let the guest name this span as a parent, though it is not its own. The last 1,024 grants are kept."""
        self._calls.grant(handle)

    def close(self, reason: str = "closed", error: BaseException | None = None, *, message: str | None = None) -> int:
        """End what is open, innermost first at one common time, as abandoned for `reason`; tells how many spans that were.

        Each gets an error status, an `exception` event with `message` (default: that of `error`, where there is one) and the
        attribute `bext.abandoned`. From now on host calls of this scope are dropped. Closing again does nothing.
        """
        text = message or (str(error) if error is not None else f"open when its plugin instance ended: {reason}")
        return self._abandon(self._calls.drain(), reason, type(error).__name__ if error is not None else "Abandoned", text)

    def mark_time(self) -> None:
        """Tell the scope what time it is: `expire` goes by the last mark before a span started. Call it before calling the guest."""
        self._calls.mark_time(_millis())

    def expire(self, seconds: float) -> int:
        """End the spans that have been open for longer, as `close` does, as abandoned for `max_age`; tells how many spans that were."""
        handles = self._calls.take_started_before(_millis() - int(seconds * 1000))
        return self._abandon(handles, "max_age", "Abandoned", f"open for more than {seconds:g} s")

    def _abandon(self, handles: list[SpanHandle], reason: str, kind: str, text: str) -> int:
        if not handles:
            return 0
        exception = {"exception.type": kind, "exception.message": text}
        status = SpanStatus(StatusCode.ERROR, f"abandoned: {reason}")
        self._abandoned += len(handles)
        with _stops_at_the_end() as calls:
            now = calls(self._tracer.now, handles[0])
            event = SpanEvent("exception", exception, now)
            for handle in handles:
                calls(self._tracer.record_host, handle, attributes={"bext.abandoned": reason}, events=(event,), status=status)
                calls(self._tracer.end_span, handle, now)
        return len(handles)

    def raise_pending(self) -> None:
        """Raise what the program was stopped for during a guest call, once; nothing where it was not."""
        pending, self._pending = self._pending, None
        if pending is not None:
            raise pending

    def hold_pending(self, error: BaseException) -> None:
        """Keep what must stop the program until the guest has returned. For engines."""
        if self._pending is None:
            self._pending = error

    def __enter__(self) -> TracerScope:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.raise_pending()


def _millis() -> int:
    return time.monotonic_ns() // 1_000_000


@contextmanager
def _stops_at_the_end() -> Iterator[Callable[..., Any]]:
    """Makes calls that all happen; the first of them that must stop the program does so when the last is done."""
    stops: list[BaseException] = []

    def call(function: Callable[..., Any], *arguments: object, **keywords: object) -> Any:
        try:
            return function(*arguments, **keywords)
        except STOPS_THE_PROGRAM as error:
            stops.append(error)
            return None

    yield call
    if stops:
        raise stops[0]
