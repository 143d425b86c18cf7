"""AnchoredClock: wall-clock times that never run backwards within one trace."""

from __future__ import annotations

import time


class AnchoredClock:
    """The wall clock as it stood at one moment, carried on by the monotonic clock.

    The spans of one trace in this process share one, so that a step of the wall clock bends none of their durations.
    """

    __slots__ = ("_monotonic", "_wall")

    def __init__(self) -> None:
        self._wall = time.time_ns()
        self._monotonic = time.monotonic_ns()

    def now(self) -> int:
        """Nanoseconds since the Unix epoch."""
        return self._wall + time.monotonic_ns() - self._monotonic
