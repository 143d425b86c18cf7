"""poll: WASI's poll_oneoff on bytes. A guest sleeps here, at most to its call's deadline; wasmtime's own would hold the thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from .wasi_layout import (
    ABSTIME,
    BADF,
    CLOCK_MONOTONIC,
    CLOCK_REALTIME,
    EVENT,
    EVENT_CLOCK,
    EVENT_FD_READ,
    EVENT_FD_WRITE,
    HANGUP,
    INVAL,
    STDERR,
    STDIN,
    STDOUT,
    SUBSCRIPTION,
    SUCCESS,
)

LONGEST_SLEEP: Final = 86_400.0
"""Seconds. A guest may ask for five centuries; no wait of Python's takes that much."""

_NANOS: Final = 1_000_000_000


def poll(subscriptions: bytes, sleep: Callable[[float], None], monotonic_start: int) -> bytes | None:
    """The events of some subscriptions, at least one; None for an event type that there is not.

    Waits, where nothing is ready, until the first clock is due. `sleep` may return early: the clock's event is answered all the same,
    since the guest's call has ended and it only has to notice. `monotonic_start` is where on the host's monotonic clock the guest's begins.
    """
    now = time.monotonic_ns()
    ready: list[bytes] = []
    waits: list[tuple[int, bytes]] = []
    for userdata, kind, subject, timeout, _, flags in SUBSCRIPTION.iter_unpack(subscriptions):
        if kind == EVENT_CLOCK:
            due = _due(subject, timeout, flags, now, monotonic_start)
            event = EVENT.pack(userdata, SUCCESS if due is not None else INVAL, kind, 0, 0)
            if due is None:
                ready.append(event)
            else:
                waits.append((due, event))
        elif kind in (EVENT_FD_READ, EVENT_FD_WRITE):
            ready.append(_fd_event(userdata, kind, subject))
        else:
            return None
    if not ready:
        now = _sleep_until(min(due for due, _ in waits), now, sleep)
    return b"".join(ready + [event for due, event in waits if due <= now])


def _due(clock: int, timeout: int, flags: int, now: int, monotonic_start: int) -> int | None:
    """When a clock's subscription is due, on the host's monotonic clock; None for a clock or a flag that there is not."""
    if clock not in (CLOCK_REALTIME, CLOCK_MONOTONIC) or flags & ~ABSTIME:
        return None
    if not flags & ABSTIME:
        return now + timeout
    return monotonic_start + timeout if clock == CLOCK_MONOTONIC else now + timeout - time.time_ns()


def _fd_event(userdata: int, kind: int, fd: int) -> bytes:
    """Answered at once: the two outputs always take bytes, the input has ended, and there are no other files."""
    if kind == EVENT_FD_WRITE and fd in (STDOUT, STDERR):
        return EVENT.pack(userdata, SUCCESS, kind, 1, 0)
    if kind == EVENT_FD_READ and fd == STDIN:
        return EVENT.pack(userdata, SUCCESS, kind, 0, HANGUP)
    return EVENT.pack(userdata, BADF, kind, 0, 0)


def _sleep_until(due: int, now: int, sleep: Callable[[float], None]) -> int:
    """Sleep; what time it is then, which is never before `due`."""
    if due > now:
        sleep(min((due - now) / _NANOS, LONGEST_SLEEP))
    return max(due, time.monotonic_ns())
