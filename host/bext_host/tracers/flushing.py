"""ChildFlush: one child's flushes, each in a thread, so that a child which hangs keeps no other from its flush."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from inspect import signature
from typing import Final

from bext_abi import FlushError

_MARGIN_SECONDS: Final = 0.5


class ChildFlush:
    """Runs `call(timeout)` for those who ask, one at a time; who asks while one runs shares the next, so that no more than two exist.

    The thread lasts as long as there is something to do and never keeps the process alive.
    """

    def __init__(self, name: str, call: Callable[..., object]) -> None:
        self.name = name
        self._call = call
        self._takes_timeout = _takes_timeout(call)
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """In a forked child nothing runs."""
        self._lock = threading.Lock()
        self._runs = False
        self._next: tuple[Future[None], float] | None = None

    def ask(self, timeout: float) -> Future[None]:
        """A future of a flush that starts from now on."""
        with self._lock:
            if self._next is not None:
                return self._next[0]
            future: Future[None] = Future()
            self._next = future, timeout
            if self._runs:
                return future
            self._runs = True
        self._start()
        return future

    def _start(self) -> None:
        thread = threading.Thread(target=self._work, name=f"bext-flush-{self.name}", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter is ending and starts none: better late than lost
            self._work()

    def _work(self) -> None:
        while (job := self._take()) is not None:
            future, timeout = job
            try:
                self._call(**self._with_timeout(timeout))
            except BaseException as error:  # noqa: BLE001  # whatever it is, it is the flush's to report
                future.set_exception(error)
            else:
                future.set_result(None)

    def _with_timeout(self, timeout: float) -> dict[str, float]:
        """A child that takes a timeout gets a little less, so that it can say itself what is late with it."""
        return {"timeout": timeout - min(timeout / 10, _MARGIN_SECONDS)} if self._takes_timeout else {}

    def _take(self) -> tuple[Future[None], float] | None:
        with self._lock:
            job, self._next = self._next, None
            self._runs = job is not None
            return job


def _takes_timeout(call: Callable[..., object]) -> bool:
    """Whether it has a parameter `timeout`, as SpanRecorder's flush and close have; TracerPlugin asks for none."""
    try:
        return "timeout" in signature(call).parameters
    except (TypeError, ValueError):
        return False


def failures_of(name: str, future: Future[None]) -> dict[str, str]:
    """What went wrong with a child's flush, by child, or by `child/exporter` where it says so."""
    if not future.done():
        return {name: "did not answer in time"}
    error = future.exception()
    if error is None:
        return {}
    if isinstance(error, FlushError):
        return {name if part in (name, "tracer") else f"{name}/{part}": text for part, text in error.failures.items()} or {name: str(error)}
    return {name: f"{type(error).__name__}: {error}"}
