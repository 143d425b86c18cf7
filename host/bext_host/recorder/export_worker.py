"""ExportWorker: one exporter, called from one thread of its own, so that a slow exporter delays nobody but itself."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Final, cast
from weakref import finalize, ref

from bext_host.starting import start_if_needed

from .core import Batch
from .exporter import ResendingExporter, SpanExporter
from .outcome import Outcome, Settlement, readable

logger = logging.getLogger("bext_host.recorder")

_Job = tuple["Future[Outcome]", Callable[[], Outcome]]

_IDLE_SECONDS: Final = 10.0
"""How long an exporter may send again what waits, where nothing else is to be done; a new batch ends that after the request under way."""

_SHORTEST_PAUSE_SECONDS: Final = 0.05
_LONGEST_PAUSE_SECONDS: Final = 3600.0


class ExportWorker:
    """A bounded queue of batches before one exporter.

    The thread starts with the first batch, never keeps the process alive, and ends when nobody has the worker any more. Between jobs it
    lets a ResendingExporter send again what waits, when that says it is time; what is lost in doing so is told by the next flush.

    `on_done(name, settlement)` is called for each call that the exporter has ended, and at once for a batch that does not fit: from the
    worker's thread, or the caller's.
    """

    def __init__(
        self,
        exporter: SpanExporter,
        name: str,
        at_most_spans: int,
        at_most_bytes: int,
        on_done: Callable[[str, Settlement], None],
    ) -> None:
        self.name = name
        self._exporter = exporter
        self._resending = cast(ResendingExporter, exporter) if callable(getattr(exporter, "resend", None)) else None
        self._at_most_spans = at_most_spans
        self._at_most_bytes = at_most_bytes
        self._on_done = on_done
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Forget what waits, and the thread: in a forked child neither exists."""
        self._lock = threading.Lock()
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._waiting_spans = 0
        self._waiting_bytes = 0
        self._kept_spans = 0
        self._untold = Outcome()

    @property
    def waiting_spans(self) -> int:
        """How many spans it has been given and has not taken, or not failed to take."""
        return self._waiting_spans

    def export(self, batches: Sequence[Batch], deadline: float, *, resend: bool = True) -> list[Future[Outcome]]:
        """Queue batches, and with `resend` before them what the exporter has kept; one more future for each batch that does not fit."""
        futures, fitting = [], []
        for batch in batches:
            if self._reserve(batch):
                fitting.append(batch)
            else:
                futures.append(self._refuse(batch))
        if fitting or (resend and self._may_resend()):
            futures.append(self._submit(lambda: self._export_all(fitting, deadline, resend=resend)))
        return futures

    def _may_resend(self) -> bool:
        """Whether the exporter may have something to send again, or to tell of that; the thread asks it, where there is one."""
        return self._resending is not None and (self._thread is not None or self.resend_at() is not None)

    def _refuse(self, batch: Batch) -> Future[Outcome]:
        refused = _failed(BufferError(f"{self._waiting_spans} spans wait for it already"))
        self._on_done(self.name, Settlement(lost=len(batch.spans)))
        return refused

    def shutdown(self, deadline: float) -> Future[Outcome]:
        """Queue the exporter's shutdown, and the end of the thread."""
        future = self._submit(lambda: self._shut_down(deadline))
        self._jobs.put(None)
        return future

    def _shut_down(self, deadline: float) -> Outcome:
        outcome = self._untold.take_news()
        outcome.add(self._call(lambda: self._exporter.shutdown(deadline)))
        return outcome

    def _reserve(self, batch: Batch) -> bool:
        """Make room for a batch; before an idle exporter there is always room for one."""
        with self._lock:
            spans, payload_bytes = self._waiting_spans + len(batch.spans), self._waiting_bytes + batch.payload_bytes
            fits = not self._waiting_spans or (spans <= self._at_most_spans and payload_bytes <= self._at_most_bytes)
            if fits:
                self._waiting_spans, self._waiting_bytes = spans, payload_bytes
            return fits

    def _has_room(self) -> bool:
        """Whether there is time for what the exporter has kept: new batches that wait much longer would not fit."""
        return 2 * self._waiting_spans <= self._at_most_spans and 2 * self._waiting_bytes <= self._at_most_bytes

    def _export_all(self, batches: list[Batch], deadline: float, *, resend: bool) -> Outcome:
        """Export them one by one; one that fails keeps no other from it."""
        outcome = self._untold.take_news()
        if resend:
            outcome.add(self._resend(deadline, self._has_room))
        batches.reverse()
        while batches:  # taken out, so that each is gone when the exporter has let go of it
            outcome.add(self._export(batches.pop(), deadline))
        return outcome

    def _export(self, batch: Batch, deadline: float) -> BaseException | None:
        try:
            return self._call(lambda: self._exporter.export(batch.spans, deadline), len(batch.spans))
        finally:
            with self._lock:
                self._waiting_spans -= len(batch.spans)
                self._waiting_bytes -= batch.payload_bytes

    def _resend(self, deadline: float, is_wanted: Callable[[], bool]) -> BaseException | None:
        resending = self._resending
        if resending is None or self.resend_at() is None:
            return None
        return self._call(lambda: resending.resend(deadline, is_wanted))

    def resend_at(self) -> float | None:
        """When the exporter wants to send again what waits; None, too, where it says what is no time."""
        try:
            at = None if self._resending is None else self._resending.resend_at
            return None if at is None or math.isnan(at) else float(at)
        except BaseException:  # noqa: BLE001  # an exporter's fault ends no thread
            return None

    def resend_idle(self, is_wanted: Callable[[], bool]) -> None:
        """Send again what waits, since nothing else is to be done."""
        self._untold.add(self._resend(time.monotonic() + _IDLE_SECONDS, is_wanted))

    def _call(self, call: Callable[[], None], given: int = 0) -> BaseException | None:
        """Call the exporter, and settle what that did."""
        error: BaseException | None = None
        try:
            call()
        except BaseException as raised:  # noqa: BLE001  # whatever an exporter raises is the flush's to report
            error = readable(raised)
        settled = Settlement.of(given, self._kept_spans, error)
        self._kept_spans += settled.kept
        self._on_done(self.name, settled)
        return error

    def _submit(self, call: Callable[[], Outcome]) -> Future[Outcome]:
        future: Future[Outcome] = Future()
        with self._lock:
            self._jobs.put((future, call))
            try:
                self._keep_thread()
            except RuntimeError as error:  # the system has no room for a thread; what is queued waits for the next try
                return _failed(error)
        return future

    def start(self) -> None:
        """Start the thread now, and not with the first batch."""
        with self._lock:
            self._keep_thread()

    def _keep_thread(self) -> None:
        """Start the thread. Raises RuntimeError where the system has none to give; jobs wait for the next time this is asked for."""
        if self._thread is None:
            finalize(self, self._jobs.put, None).atexit = False  # a recorder that was forgotten leaves no thread behind
            self._thread = threading.Thread(target=_work, args=(self._jobs, ref(self)), name=f"bext-export-{self.name}", daemon=True)
        start_if_needed(self._thread)


def _failed(error: Exception) -> Future[Outcome]:
    failed: Future[Outcome] = Future()
    outcome = Outcome()
    outcome.add(error)
    failed.set_result(outcome)
    return failed


def _work(jobs: SimpleQueue[_Job | None], worker: ref[ExportWorker]) -> None:
    while (job := _next(jobs, worker)) is not None:
        future, call = job
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001  # of ours, since exporters' are caught; the thread goes on
            future.set_exception(error)
        del job, future, call  # a worker that waits holds no batch


def _next(jobs: SimpleQueue[_Job | None], worker: ref[ExportWorker]) -> _Job | None:
    """The next job. Until it comes the exporter may send again; the worker is held only for that."""
    while True:
        held = worker()
        pause = None if held is None else _pause(held.resend_at())
        del held
        try:
            return jobs.get(timeout=pause)
        except Empty:
            held = worker()
            if held is not None and (held.resend_at() or 0.0) <= time.monotonic():
                held.resend_idle(jobs.empty)
            del held


def _pause(resend_at: float | None) -> float | None:
    if resend_at is None:
        return None
    return min(max(resend_at - time.monotonic(), _SHORTEST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)
