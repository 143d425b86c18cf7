"""CallLock: one call into a plugin at a time, and never a wait that could not end.

A tracer may call into plugins from inside a call. A thread that waits for a plugin whose caller waits, through others or not, for a plugin
of this thread's would wait for ever; it gets ReentrantCall instead.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from .errors import ReentrantCall

_changed = threading.Condition()
"""Guards all CallLocks of the process, and tells waiters that one was let go."""

_waiting_for: dict[int, CallLock] = {}
"""The lock that each waiting thread waits for, by thread id."""


class CallLock:
    """Held by the thread whose call runs."""

    def __init__(self, plugin_name: str) -> None:
        self._plugin_name = plugin_name
        self._holder: int | None = None

    @contextmanager
    def held(self, hook: str) -> Iterator[None]:
        """Wait for the lock and hold it. Raises ReentrantCall where the wait could not end."""
        thread = threading.get_ident()
        with _changed:
            _waiting_for[thread] = self
            try:
                while self._holder is not None:
                    if self._leads_to(thread):
                        raise ReentrantCall(self._plugin_name, hook, "called from inside the plugin's own call")
                    _changed.wait()
                self._holder = thread
            finally:
                del _waiting_for[thread]
        try:
            yield
        finally:
            with _changed:
                self._holder = None
                _changed.notify_all()

    def _leads_to(self, thread: int) -> bool:
        """Whether this lock's holder is `thread`, or waits for one that is, and so on."""
        lock: CallLock | None = self
        seen: set[int] = set()
        while lock is not None and lock._holder is not None and lock._holder not in seen:  # noqa: SLF001  # its own class
            if lock._holder == thread:  # noqa: SLF001  # as above
                return True
            seen.add(lock._holder)  # noqa: SLF001  # as above
            lock = _waiting_for.get(lock._holder)  # noqa: SLF001  # as above
        return False
