"""CallThreads: the threads in which the awaited calls of one plugin run and wait, so that a slow plugin holds up no other's."""

from __future__ import annotations

import os
import threading
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Final
from weakref import WeakSet

_MOST: Final = 32
"""More calls wait for a thread; their time runs meanwhile."""

_all: Final[WeakSet[CallThreads]] = WeakSet()


class CallThreads:
    """Started as calls need them; a forked child starts its own."""

    def __init__(self) -> None:
        self.closed = False
        self._renew()
        _all.add(self)

    def _renew(self) -> None:
        self._lock = threading.Lock()
        self._executor: ThreadPoolExecutor | None = None

    def executor(self) -> Executor:
        """Runs calls. Raises RuntimeError where it is closed."""
        with self._lock:
            if self.closed:
                raise RuntimeError("the plugin is closed")
            if self._executor is None:
                self._executor = ThreadPoolExecutor(_MOST, thread_name_prefix="bext-call")
            return self._executor

    def close(self) -> None:
        """Take no more calls; those that are there go on."""
        with self._lock:
            self.closed = True
            if self._executor is not None:
                self._executor.shutdown(wait=False)

    @classmethod
    def after_fork_in_child(cls) -> None:
        """There are no threads but the one that forked."""
        for threads in list(_all):
            threads._renew()  # noqa: SLF001  # its own class


os.register_at_fork(after_in_child=CallThreads.after_fork_in_child)
