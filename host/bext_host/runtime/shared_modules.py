"""SharedModules: one compiled module for all threads that ask for it, made by the first of them.

Modules are held weakly: each lives as long as somebody uses it, and no longer. They are kept apart by engine, because a module in a store
of another engine stops the process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from weakref import WeakKeyDictionary, WeakValueDictionary

from wasmtime import Engine, Module


class _Turn:
    """A module that is being made: who holds the lock first makes it, the others take what that thread left."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.module: Module | None = None
        self.error: Exception | None = None


class _OfEngine:
    """The modules of one engine, and those that are being made for it."""

    def __init__(self) -> None:
        self.modules: WeakValueDictionary[bytes, Module] = WeakValueDictionary()
        self.turns: dict[bytes, _Turn] = {}


class SharedModules:
    """The modules of this process, by engine and key."""

    def __init__(self) -> None:
        self._engines: WeakKeyDictionary[Engine, _OfEngine] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def renew_after_fork(self) -> None:
        """In a child: no thread is left that could let go of a lock, or finish what it was making."""
        self._lock = threading.Lock()
        for of_engine in list(self._engines.values()):
            of_engine.turns.clear()

    def get(self, engine: Engine, key: bytes, make: Callable[[], Module]) -> tuple[Module, bool]:
        """The module, and whether another call made it.

        Raises what `make` raises, in each thread that waited for it; it is called again for the next one that asks.
        """
        with self._lock:
            of_engine = self._engines.setdefault(engine, _OfEngine())
            module = of_engine.modules.get(key)
            if module is not None:
                return module, True
            turn = of_engine.turns.setdefault(key, _Turn())
        try:
            with turn.lock:
                if turn.error is not None:
                    raise turn.error
                if turn.module is not None:
                    return turn.module, True
                return self._made(of_engine, key, turn, make), False
        finally:
            del turn  # it may hold an error, which holds this frame

    def _made(self, of_engine: _OfEngine, key: bytes, turn: _Turn, make: Callable[[], Module]) -> Module:
        """What is neither a module nor an Exception, such as an interrupt, leaves the turn to the next thread."""
        try:
            module = turn.module = make()
        except Exception as error:
            turn.error = error
            raise
        else:
            with self._lock:
                of_engine.modules[key] = module
            return module
        finally:
            with self._lock:
                if of_engine.turns.get(key) is turn:
                    del of_engine.turns[key]
            del turn  # as above
