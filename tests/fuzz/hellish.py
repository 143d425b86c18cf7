"""Tracers from hell: each method does something that no tracer should, now and then. What they leave alone is the contract's `flush`."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from random import Random
from typing import Any

from bext_abi import SpanHandle, SpanStart, SpanStatus
from support.tracers import HostRecordingTracer


class OwnBaseException(BaseException):
    """What a library might use to get past `except Exception`."""


class Mute(Exception):
    """Has no text, and no name that can be printed."""

    def __str__(self) -> str:
        raise ValueError("no text")

    __repr__ = __str__


class HasNoClass:
    """Raises when it is asked what it is, as isinstance does."""

    @property
    def __class__(self) -> Any:
        raise RuntimeError("has no class")


class HasNoClassAtAll:
    """As above, with what passes `except Exception`."""

    @property
    def __class__(self) -> Any:
        raise OwnBaseException


class Liar:
    """Says that it is a handle."""

    __class__ = SpanHandle  # type: ignore[assignment]


class UnsoundHandle(SpanHandle):
    """A handle that raises when it is looked at."""

    @property
    def is_invalid(self) -> bool:
        raise RuntimeError("unsound")


class UnhashableHandle(SpanHandle):
    """A handle that cannot be a key."""

    def __hash__(self) -> int:
        raise TypeError("unhashable")


class ManyHandles(SpanHandle):
    """A handle that is equal to all others, and says that it is somebody else's."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0

    def to_parts(self) -> tuple[int, int, int]:
        return (1, 2, 3)


class OddParts(SpanHandle):
    """A handle whose parts are none."""

    def to_parts(self) -> Any:
        return ("a", None)

    def to_bytes(self) -> bytes:
        return b"short"


def hollow_handle() -> SpanHandle:
    """A handle that was never filled in."""
    return object.__new__(SpanHandle)


ERRORS = (ValueError, KeyError, MemoryError, OSError, StopIteration, GeneratorExit, asyncio.CancelledError, OwnBaseException, Mute)
ANSWERS: tuple[Callable[[], Any], ...] = (
    lambda: None,
    lambda: 0,
    lambda: "handle",
    lambda: b"\x01" * 24,
    lambda: (1, 2),
    lambda: SpanHandle,
    HasNoClass,
    HasNoClassAtAll,
    Liar,
    lambda: SpanHandle(0, 1),
    lambda: SpanHandle(1, 0),
    lambda: SpanHandle(7, 7),
    lambda: UnsoundHandle(2**90 + 1, 11),
    lambda: UnhashableHandle(2**90 + 2, 12),
    lambda: ManyHandles(2**90 + 3, 13),
    lambda: OddParts(2**90 + 4, 14),
    hollow_handle,
)


class HellishTracer(HostRecordingTracer):
    """A HostRecordingTracer that does mischief with a probability of `often`.

    `foreign` is what it was called with for a span that it never gave a handle of its own for.
    """

    def __init__(self, rng: Random, often: float) -> None:
        super().__init__()
        self.done: set[str] = set()
        self.given: set[tuple[int, int]] = set()
        self.foreign: list[Any] = []
        self.at_will: list[Callable[[], None]] = []
        self.threads: list[threading.Thread] = []
        self._rng = rng
        self._often = often
        self._sleeps = 3

    def _mischief(self, span: SpanHandle | None = None) -> None:
        if span is not None and (type(span) is not SpanHandle or (span.trace_id, span.span_id) not in self.given):
            self.foreign.append(span)
        if self._rng.random() >= self._often:
            return
        kinds: list[Callable[[], None]] = [self._raise, self._raise, self._sleep, self._start_thread, self._recurse, *self.at_will]
        kind = self._rng.choice(kinds)
        self.done.add(kind.__name__)
        kind()

    def _raise(self) -> None:
        raise self._rng.choice(ERRORS)("from hell")

    def _sleep(self) -> None:
        self._sleeps -= 1
        time.sleep(0.002 if self._sleeps > 0 else 0)

    def _start_thread(self) -> None:
        """One that uses this tracer while the guest goes on."""
        if len(self.threads) < 5:
            thread = threading.Thread(target=super().set_attribute, args=(SpanHandle(5, 5), "from", "a thread"), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _recurse(self) -> None:
        if self._rng.random() < 0.05:
            recurse(0)

    def start_span(self, span: SpanStart) -> SpanHandle:
        handle = super().start_span(span)
        self._mischief()
        if self._rng.random() < self._often:
            span.attributes.clear()  # type: ignore[attr-defined]  # what it is given is its own
            handle = self._rng.choice(ANSWERS)()
        if issubclass(type(handle), SpanHandle):
            self.given.add((getattr(handle, "trace_id", 0), getattr(handle, "span_id", 0)))
        return handle

    def set_attribute(self, span: SpanHandle, key: str, value: Any) -> None:
        super().set_attribute(span, key, value)
        self._mischief(span)

    def set_status(self, span: SpanHandle, status: SpanStatus) -> None:
        super().set_status(span, status)
        self._mischief(span)

    def add_event(self, span: SpanHandle, event: Any) -> None:
        super().add_event(span, event)
        self._mischief(span)

    def end_span(self, span: SpanHandle, end_time_unix_nanos: int | None = None) -> None:
        super().end_span(span, end_time_unix_nanos)
        self._mischief(span)

    def record_host(self, span: SpanHandle, **named: Any) -> None:
        super().record_host(span, **named)
        self._mischief(span)

    def now(self, span: SpanHandle) -> Any:
        self._mischief(span)
        return self._rng.choice((1, -1, 2**80, None, "now", True, 1.5)) if self._rng.random() < self._often else 7

    def add_dropped(self, span: SpanHandle, *, attributes: int = 0, events: int = 0) -> None:
        self._mischief(span)


def recurse(depth: int) -> None:  # without a star: CPython 3.13.0 never stops a recursion through one
    recurse(depth + 1)
