"""Keeps forks away from work in wasmtime that a child could not survive.

While it makes a module, wasmtime takes locks of its own and of the C library's unwinder, which nobody can renew in a child: one that
another thread forks meanwhile would wait for them for ever, as soon as it makes a module itself. So a fork waits until such work is done,
and such work until a fork is. The work must be nothing but the call into wasmtime: what waits for another lock in there could hold up a
fork.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

PATIENCE_SECONDS: Final = 30.0
"""How long one waits for the other. A very long compilation, or a wait that could not end, must not stop the program."""


class _Gate:
    """Threads are told by their id, so that none waits for itself: a signal handler may fork in the middle of anything."""

    def __init__(self) -> None:
        self._working: Counter[int] = Counter()
        self._forking: Counter[int] = Counter()
        self.renew()

    def renew(self) -> None:
        """In a forked child: no other thread is left."""
        self._changed = threading.Condition()
        self._working.clear()
        self._forking.clear()

    @contextmanager
    def no_fork(self) -> Iterator[None]:
        me = threading.get_ident()
        try:
            with self._changed:
                self._changed.wait_for(lambda: self._forking.keys() <= {me}, PATIENCE_SECONDS)
                self._working[me] += 1
            yield
        finally:
            self._leave(self._working)

    def before_fork(self) -> None:
        me = threading.get_ident()
        with self._changed:
            self._forking[me] += 1  # before it waits, so that no new work comes in between
            self._changed.wait_for(lambda: self._working.keys() <= {me}, PATIENCE_SECONDS)

    def after_fork_in_parent(self) -> None:
        self._leave(self._forking)

    def _leave(self, those: Counter[int]) -> None:
        me = threading.get_ident()
        with self._changed:
            those[me] -= 1
            if those[me] <= 0:
                del those[me]
            self._changed.notify_all()


_gate = _Gate()
no_fork = _gate.no_fork
"""A context manager: no thread of this process forks in the meantime, but for a signal handler in this one. May be nested."""

os.register_at_fork(before=_gate.before_fork, after_in_parent=_gate.after_fork_in_parent, after_in_child=_gate.renew)
