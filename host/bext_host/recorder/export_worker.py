"""ExportWorker: one exporter, called from one thread of its own, so that a slow exporter delays nobody but itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import SimpleQueue

from .exporter import SpanExporter
from .span import FinishedSpan

_Job = tuple["Future[None]", Callable[[], None]]


class ExportWorker:
    """A queue of batches before one exporter. The thread starts with the first batch and dies with the process."""

    def __init__(self, exporter: SpanExporter, name: str, at_most_spans: int) -> None:
        self.name = name
        self._exporter = exporter
        self._at_most_spans = at_most_spans
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Forget what waits, and the thread: in a forked child neither exists."""
        self._lock = threading.Lock()
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._waiting_spans = 0

    def export(self, batch: Sequence[FinishedSpan], deadline: float) -> Future[None]:
        """Queue a batch. The future fails with the exporter's error, or at once where too much waits already."""
        with self._lock:
            fits = self._waiting_spans + len(batch) <= self._at_most_spans or not self._waiting_spans
            self._waiting_spans += len(batch) if fits else 0
        if not fits:
            full: Future[None] = Future()
            full.set_exception(BufferError(f"{self._waiting_spans} spans wait for it already"))
            return full
        future = self._submit(lambda: self._exporter.export(batch, deadline))
        future.add_done_callback(lambda _: self._done(len(batch)))
        return future

    def shutdown(self, deadline: float) -> Future[None]:
        """Queue the exporter's shutdown, and the end of the thread."""
        future = self._submit(lambda: self._exporter.shutdown(deadline))
        self._jobs.put(None)
        return future

    def _submit(self, call: Callable[[], None]) -> Future[None]:
        future: Future[None] = Future()
        with self._lock:
            self._jobs.put((future, call))
            if self._thread is None:
                self._thread = threading.Thread(target=_work, args=(self._jobs,), name=f"bext-export-{self.name}", daemon=True)
                self._thread.start()
        return future

    def _done(self, spans: int) -> None:
        with self._lock:
            self._waiting_spans -= spans


def _work(jobs: SimpleQueue[_Job | None]) -> None:
    while (job := jobs.get()) is not None:
        future, call = job
        try:
            call()
        except BaseException as error:  # noqa: BLE001  # whatever an exporter raises is the flush's to report
            future.set_exception(error)
        else:
            future.set_result(None)
