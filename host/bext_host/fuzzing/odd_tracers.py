"""The tracers of a fuzzed plugin: one that is quiet, and those that do what a plugin must not notice."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from bext_abi import AttrValue, SpanEvent, SpanHandle, SpanStart, SpanStatus

_FIRST_TIME: Final = 1_700_000_000_000_000_000
_ABANDONED: Final = "bext.abandoned"
_SLEEPS: Final = 5
_SLEEP_SECONDS: Final = 0.002


@dataclass(frozen=True, slots=True)
class LeftOpen:
    """A span that its plugin never ended, and the hook that started it."""

    name: str
    hook: str


class QuietTracer:
    """Takes everything, and knows which spans nobody ended. Handles and times are the same in every run.

    `on_call` is told of every call, before anything comes of it. `hook` is the hook that is running.
    """

    name = "fuzz"
    drops = False
    """Whether the boundary drops what the tracer does not take, so that drops are none of the plugin's."""

    def __init__(self, rng: Random, on_call: Callable[[], None]) -> None:
        self.hook = ""
        self.left_open: list[LeftOpen] = []
        self._rng = rng
        self._on_call = on_call
        self._ids = itertools.count(1)
        self._times = itertools.count(_FIRST_TIME, 1000)
        self._open: dict[SpanHandle, LeftOpen] = {}

    def start_span(self, span: SpanStart) -> SpanHandle:
        """Take it."""
        self._called("start_span")
        number = next(self._ids)
        handle: Any = self._answer(SpanHandle(number if span.parent is None else span.parent.trace_id, number))
        if isinstance(handle, SpanHandle):
            self._open.setdefault(handle, LeftOpen(span.name, self.hook))
        return handle  # type: ignore[no-any-return]  # an odd tracer answers what is no handle

    def set_attribute(self, span: SpanHandle, key: str, value: AttrValue) -> None:
        """Take it."""
        self._called("set_attribute")

    def set_status(self, span: SpanHandle, status: SpanStatus) -> None:
        """Take it."""
        self._called("set_status")

    def add_event(self, span: SpanHandle, event: SpanEvent) -> None:
        """Take it."""
        self._called("add_event")

    def end_span(self, span: SpanHandle, end_time_unix_nanos: int | None = None) -> None:
        """Take it."""
        self._open.pop(span, None)
        self._called("end_span")

    def record_host(
        self,
        span: SpanHandle,
        *,
        attributes: Mapping[str, AttrValue] | None = None,
        events: Sequence[SpanEvent] = (),
        status: SpanStatus | None = None,
    ) -> None:
        """Take note of a span that was open when its instance was closed, after all that it could have been ended in."""
        if (attributes or {}).get(_ABANDONED) == "closed" and span in self._open:
            self.left_open.append(self._open[span])

    def now(self, span: SpanHandle) -> int:
        """The tracer's time."""
        return next(self._times)

    def add_dropped(self, span: SpanHandle, *, attributes: int = 0, events: int = 0) -> None:
        """Nothing comes of it."""

    def flush(self) -> None:
        """There is nothing to flush."""

    def _called(self, operation: str) -> None:
        self._on_call()

    def _answer(self, handle: SpanHandle) -> Any:
        return handle


class SamplesNothing(QuietTracer):
    """Gives no span a handle."""

    def _answer(self, handle: SpanHandle) -> Any:
        return SpanHandle.INVALID


class Fails(QuietTracer):
    """Raises, now and then or always."""

    drops = True

    def __init__(self, rng: Random, on_call: Callable[[], None]) -> None:
        super().__init__(rng, on_call)
        self._often = rng.choice((0.1, 0.5, 1.0))

    def _called(self, operation: str) -> None:
        super()._called(operation)
        if self._rng.random() < self._often:
            raise self._rng.choice((ValueError, KeyError, MemoryError, OSError, RecursionError))(operation)


class RepeatsHandles(QuietTracer):
    """Gives spans a handle that others have."""

    drops = True

    def _answer(self, handle: SpanHandle) -> Any:
        return SpanHandle(1, self._rng.randrange(1, 3))


class AnswersGarbage(QuietTracer):
    """Answers a start with what is no handle, or with one that is half invalid."""

    drops = True

    def _answer(self, handle: SpanHandle) -> Any:
        return self._rng.choice((handle, None, 0, "handle", b"\x01" * 24, (1, 2), SpanHandle(0, 1), SpanHandle(1, 0)))


class Slow(QuietTracer):
    """Takes its time with the first calls, none of which is so long that the plugin's is over."""

    def __init__(self, rng: Random, on_call: Callable[[], None]) -> None:
        super().__init__(rng, on_call)
        self._sleeps = _SLEEPS

    def _called(self, operation: str) -> None:
        super()._called(operation)
        if self._sleeps:
            self._sleeps -= 1
            time.sleep(_SLEEP_SECONDS)


QUIET: Final = "quiet"

ODD_TRACERS: Final[dict[str, type[QuietTracer]]] = {
    QUIET: QuietTracer,
    "samples nothing": SamplesNothing,
    "fails": Fails,
    "repeats handles": RepeatsHandles,
    "answers garbage": AnswersGarbage,
    "slow": Slow,
}
"""By the words for what they do."""
