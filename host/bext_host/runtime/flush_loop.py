"""FlushLoop: flushes a tracer on an interval, and earlier where many spans wait, in a thread of its own. No call waits for it."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Final
from weakref import WeakSet, ref

from bext_abi import FlushError
from bext_host.logs import log_safely
from bext_host.starting import start_if_needed

logger = logging.getLogger("bext_host.runtime")

_LOOK_SECONDS: Final = 0.5
"""How often a thread that waits looks whether it is to stop, or its host is gone."""

_loops: Final[WeakSet[FlushLoop]] = WeakSet()

WaitForSpans = Callable[[int, float], bool]
"""SpanRecorder.wait_until_queued."""


class _Due:
    """When a flush is due. It knows nothing of the host, so that waiting for it keeps no forgotten host alive."""

    def __init__(self, tracer: object, seconds: float) -> None:
        self._seconds = seconds
        self._spans = max(1, getattr(tracer, "max_queue", 0) // 2)
        wait = getattr(tracer, "wait_until_queued", None)
        self._wait_for_spans: WaitForSpans | None = wait if callable(wait) else None

    def wait(self, stop: threading.Event, is_wanted: Callable[[], object]) -> None:
        """Wait until a flush is due, or nobody wants one any more."""
        due = time.monotonic() + self._seconds
        while not stop.is_set() and is_wanted() and (left := due - time.monotonic()) > 0:
            at_most = min(left, _LOOK_SECONDS)
            if self._wait_for_spans is None:
                stop.wait(at_most)
            elif self._wait_for_spans(self._spans, at_most):
                break


class FlushLoop:
    """Starts with `keep_running`, when a plugin is loaded or called; a forked child starts its own.

    `flush` is the tracer's, `each` what else is due on the interval. A failed flush is counted, and logged the first time of its kind.
    """

    def __init__(self, tracer: object, seconds: float, flush: Callable[[], None], each: Callable[[], None]) -> None:
        self.flushes = 0
        self.errors = 0
        self._due = _Due(tracer, seconds)
        prepare = getattr(tracer, "start_exporting", None)
        self._prepare: Callable[[], object] | None = prepare if callable(prepare) else None
        self._flush = flush
        self._each = each
        self._logged: set[str] = set()
        self._renew()
        _loops.add(self)

    def _renew(self) -> None:
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_running = False

    def keep_running(self) -> None:
        """Start the thread where there is none. Where the system has no room for it, that is logged once, and tried again next time."""
        if self._is_running or self._stop.is_set():
            return
        try:
            with self._lock:
                if not self._is_running and not self._stop.is_set():
                    self._start()
                    self._is_running = True
        except RuntimeError as error:
            if "start" not in self._logged:
                self._logged.add("start")
                log_safely(logger, logging.ERROR, "nothing is flushed on the interval: %s; it is tried again at every call", error)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=_run, args=(ref(self), self._due, self._stop), name="bext-flush", daemon=True)
        start_if_needed(self._thread)
        if self._prepare is not None:  # for the flush at the end of the process, when no thread can be started any more
            self._prepare()

    def stop(self) -> None:
        """No flush begins any more. Does not wait for one that runs."""
        with self._lock:
            self._stop.set()

    def flush_once(self) -> None:
        """Do what is due."""
        self.flushes += 1
        try:
            self._each()
            self._flush()
        except Exception as error:  # noqa: BLE001  # a tracer may raise anything; the loop goes on
            self.errors += 1
            kind = ", ".join(sorted(error.failures)) if isinstance(error, FlushError) else type(error).__name__
            if kind not in self._logged:
                self._logged.add(kind)
                log_safely(logger, logging.ERROR, "flush failed: %s; further failures of this kind are only counted", error)

    @classmethod
    def after_fork_in_child(cls) -> None:
        """There is no thread; the next call of a plugin starts one."""
        for loop in list(_loops):
            if not loop._stop.is_set():  # noqa: SLF001  # its own class
                loop._renew()  # noqa: SLF001  # as above


def _run(loop: ref[FlushLoop], due: _Due, stop: threading.Event) -> None:
    """Goes on while somebody has the loop: a host that was forgotten is not kept alive by its thread, and ends it."""
    while True:
        due.wait(stop, loop)
        held = loop()
        if held is None or stop.is_set():
            return
        held.flush_once()
        del held


os.register_at_fork(after_in_child=FlushLoop.after_fork_in_child)
