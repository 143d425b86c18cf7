"""How a running guest is ended: the engine's epoch goes on while calls run, and each store asks its call at every tick.

One thread ticks for the whole process. It is started by the first call, ticks only while calls run, and is started anew in a forked child.
The callback belongs to the store, so that one call is ended and no other. It is cffi's and not ctypes', since a signal handler may raise
before its first statement, and only cffi tells us: what stops the program must stop the guest.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import _cffi_backend
from wasmtime import Engine, Store
from wasmtime import _bindings as bindings

from bext_host.starting import start_if_needed

from .call_control import CallControl, Ending

TICK_SECONDS: Final = 0.01
"""How exact a deadline is."""

_IDLE_TICKS: Final = 100
"""So long the thread goes on without a call, since waking it costs more than a tick."""

_CONTINUE: Final = 0  # WASMTIME_UPDATE_DEADLINE_CONTINUE: the deadline moves by the delta, and the guest goes on
_CALLBACK: Final = "size_t(*)(void *, void *, uint64_t *, uint8_t *)"
_POINTER: Final = ctypes.CFUNCTYPE(
    ctypes.c_size_t,
    ctypes.POINTER(bindings.wasmtime_context_t),
    ctypes.c_void_p,
    ctypes.POINTER(ctypes.c_uint64),
    ctypes.POINTER(bindings.wasmtime_update_deadline_kind_t),
)
_FINALIZER: Final = ctypes.CFUNCTYPE(None, ctypes.c_void_p)

_ffi: Final[Any] = _cffi_backend.FFI()


class EpochTicker:
    """Ticks the engines that have running calls."""

    def __init__(self) -> None:
        self._running: dict[int, list[Engine]] = {}
        self._renew()

    def after_fork_in_child(self) -> None:
        """There is no thread, and no call but those of the thread that forked, whose time goes on."""
        self._renew()
        if self._running:
            self._keep_ticking()

    def _renew(self) -> None:
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_idle = False
        self._stopped = False
        thread = threading.get_ident()
        self._running = {thread: self._running[thread]} if thread in self._running else {}

    def stop(self) -> None:
        """At the interpreter's end: a guest that still runs is not to call into it any more."""
        self._stopped = True

    @contextmanager
    def running(self, engine: Engine) -> Iterator[None]:
        """While inside, the engine's epoch goes on. May be nested."""
        thread = threading.get_ident()
        with self._changed:
            self._keep_ticking()  # first: where no thread can be started, nothing has changed
            engines = self._running.setdefault(thread, [])
            engines.append(engine)
        try:
            yield
        finally:
            with self._changed:
                engines.pop()
                if not engines:
                    del self._running[thread]

    def _keep_ticking(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._tick, name="bext-epoch", daemon=True)
        start_if_needed(self._thread)
        if self._is_idle:
            self._changed.notify()

    def _tick(self) -> None:
        idle_ticks = 0
        while not self._stopped:
            with self._changed:
                engines = {id(engine): engine for engines in self._running.values() for engine in engines}
                idle_ticks = 0 if engines else idle_ticks + 1
                if idle_ticks > _IDLE_TICKS:
                    self._is_idle = True
                    self._changed.wait()
                    self._is_idle = False
            for engine in engines.values():
                engine.increment_epoch()
            time.sleep(TICK_SECONDS)


ticker: Final = EpochTicker()

os.register_at_fork(after_in_child=ticker.after_fork_in_child)
atexit.register(ticker.stop)


class EpochGuard:
    """Ends the guest of one store at the end of its call, and is the clock of its sleeps. Keep it as long as the store."""

    def __init__(self, store: Store) -> None:
        self.control: CallControl | None = None
        self.stopped_by: BaseException | None = None
        self._callback = _ffi.callback(_CALLBACK, self._on_epoch, 0, self._on_stop)
        pointer = ctypes.cast(int(_ffi.cast("uintptr_t", self._callback)), _POINTER)
        bindings.wasmtime_store_epoch_deadline_callback(store.ptr(), pointer, None, ctypes.cast(0, _FINALIZER))
        store.set_epoch_deadline(1)

    @contextmanager
    def watching(self, store: Store, control: CallControl) -> Iterator[None]:
        """While inside, the guest is ended when `control` says so."""
        outer, self.control = self.control, control
        store.set_epoch_deadline(1)
        try:
            with ticker.running(store.engine):
                yield
        finally:
            self.control = outer

    def sleep(self, seconds: float) -> None:
        """Sleep so long, at most to the end of the call that runs (see `wasi.CallClock`)."""
        if self.control is not None:
            self.control.sleep(seconds)

    def _on_epoch(self, context: Any, data: Any, delta: Any, kind: Any) -> int:
        """Called by wasmtime in the guest's thread: an error ends the guest, 0 lets it go on to the next tick."""
        delta[0], kind[0] = 1, _CONTINUE
        ending = None if self.control is None else self.control.ending
        return 0 if ending is None else _new_error(ending.value)

    def _on_stop(self, kind: Any, error: BaseException, traceback: Any) -> int:
        """Called where that raised, which only a signal handler can have done: it is raised again when the guest has returned."""
        self.stopped_by = error
        return _new_error(Ending.STOPPED.value)

    def take_stop(self) -> BaseException | None:
        """What a signal handler raised while the guest ran, once."""
        stopped_by, self.stopped_by = self.stopped_by, None
        return stopped_by


def _new_error(message: str) -> int:
    """An error that wasmtime takes over."""
    return ctypes.cast(bindings.wasmtime_error_new(message.encode()), ctypes.c_void_p).value or 0
