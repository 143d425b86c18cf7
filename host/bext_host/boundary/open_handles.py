"""OpenHandles: which handles of a tracer are open in this process, over all scopes.

A tracer that hands out the handle of a span that is open elsewhere would give one plugin another's span, so such a result is refused.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from typing import ClassVar
from weakref import WeakValueDictionary

from bext_abi import SpanHandle, TracerPlugin


class OpenHandles:
    """The open handles of one tracer. Get it with `of`: every bridge and host of the same tracer shares it."""

    _by_tracer: ClassVar[WeakValueDictionary[int, OpenHandles]] = WeakValueDictionary()
    _by_tracer_lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, tracer: TracerPlugin) -> None:
        self._tracer = tracer  # held, so that its id stays its own while this object lives
        self._lock = threading.RLock()  # a finalizer or a signal's handler may close a scope in the middle of these few lines
        self._open: Counter[SpanHandle] = Counter()

    @classmethod
    def of(cls, tracer: TracerPlugin) -> OpenHandles:
        """The open handles of `tracer`, by identity."""
        with cls._by_tracer_lock:
            found = cls._by_tracer.get(id(tracer))
            if found is None:
                found = cls._by_tracer[id(tracer)] = cls(tracer)
            return found

    @classmethod
    def renew_locks(cls) -> None:
        """In a forked child: no thread is left that could let go of a lock."""
        cls._by_tracer_lock = threading.Lock()
        for handles in list(cls._by_tracer.values()):
            handles._lock = threading.RLock()  # noqa: SLF001  # its own class

    def claim(self, handle: SpanHandle) -> bool:
        """Take a handle that the tracer has just handed out; False where it is open already."""
        with self._lock:
            if self._open[handle]:
                return False
            self._open[handle] = 1
            return True

    def hold(self, handle: SpanHandle) -> None:
        """Mark a handle of the host's as open; may be held several times."""
        with self._lock:
            self._open[handle] += 1

    def release(self, handle: SpanHandle) -> None:
        """Undo one `claim` or `hold`."""
        with self._lock:
            self._open[handle] -= 1
            if self._open[handle] <= 0:
                del self._open[handle]


os.register_at_fork(after_in_child=OpenHandles.renew_locks)
