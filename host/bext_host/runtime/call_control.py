"""CallControl: one call into a plugin, from the side that may end it. Its time, and who ended it first.

It is asked from the epoch callback while the guest runs, and told from any thread.
"""

from __future__ import annotations

import enum
import math
import threading
import time
from collections.abc import Callable


class Ending(enum.Enum):
    """Why a call is ended from outside."""

    DEADLINE = "the time of the call was over"
    INTERRUPTED = "the call was interrupted"
    CANCELLED = "the call was cancelled"
    STOPPED = "the program is stopping"


class CallControl:
    """A call that may take `seconds`, from now on. `has_waited`: it had to wait for an instance."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.has_waited = False
        self._deadline = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._ending: Ending | None = None
        self._on_end: Callable[[], None] | None = None

    @property
    def remaining(self) -> float:
        """Seconds left, 0 where there are none."""
        return max(0.0, self._deadline - time.monotonic())

    @property
    def ending(self) -> Ending | None:
        """Why the call must end; None while it may go on. The first reason stays."""
        if self._ending is None and time.monotonic() >= self._deadline:
            self.end(Ending.DEADLINE)
        return self._ending

    def end(self, ending: Ending) -> None:
        """End the call, from any thread. Does nothing where it has an end already."""
        with self._lock:
            if self._ending is not None:
                return
            self._ending = ending
            on_end = self._on_end
        self._ended.set()
        if on_end is not None:
            on_end()

    def call_at_end(self, function: Callable[[], None] | None) -> None:
        """Have `function` called when somebody ends the call; at once where that has happened. None takes it back."""
        with self._lock:
            self._on_end = function
            is_over = self._ending is not None
        if is_over and function is not None:
            function()

    def sleep(self, seconds: float) -> None:
        """Sleep so long at most; returns early at the call's deadline, or when somebody ends it."""
        wanted = seconds if math.isfinite(seconds) else self.remaining
        self._ended.wait(max(0.0, min(wanted, self.remaining, threading.TIMEOUT_MAX)))
