"""ExportWorker: one exporter, called from one thread of its own, so that a slow exporter delays nobody but itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from weakref import finalize

from .core import Batch
from .exporter import SpanExporter

_Job = tuple["Future[None]", Callable[[], None]]


class ExportWorker:
    """A bounded queue of batches before one exporter.

    The thread starts with the first batch, never keeps the process alive, and ends when nobody has the worker any more.

    `on_done(name, spans, error)` is called for each batch when the exporter has taken it or failed, and at once for one that does not
    fit: from the worker's thread, or the caller's.
    """

    def __init__(
        self,
        exporter: SpanExporter,
        name: str,
        at_most_spans: int,
        at_most_bytes: int,
        on_done: Callable[[str, int, BaseException | None], None],
    ) -> None:
        self.name = name
        self._exporter = exporter
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

    @property
    def waiting_spans(self) -> int:
        """How many spans it has been given and has not taken, or not failed to take."""
        return self._waiting_spans

    def export(self, batches: Sequence[Batch], deadline: float) -> list[Future[None]]:
        """Queue batches. One future for all that are queued, which fails with the first error; one for each that does not fit."""
        futures, fitting = [], []
        for batch in batches:
            if self._reserve(batch):
                fitting.append(batch)
            else:
                futures.append(self._refuse(batch))
        if fitting:
            futures.append(self._submit(lambda: self._export_all(fitting, deadline)))
        return futures

    def _refuse(self, batch: Batch) -> Future[None]:
        refused: Future[None] = Future()
        refused.set_exception(BufferError(f"{self._waiting_spans} spans wait for it already"))
        self._on_done(self.name, len(batch.spans), refused.exception())
        return refused

    def shutdown(self, deadline: float) -> Future[None]:
        """Queue the exporter's shutdown, and the end of the thread."""
        future = self._submit(lambda: self._exporter.shutdown(deadline))
        self._jobs.put(None)
        return future

    def _reserve(self, batch: Batch) -> bool:
        """Make room for a batch; before an idle exporter there is always room for one."""
        with self._lock:
            spans, payload_bytes = self._waiting_spans + len(batch.spans), self._waiting_bytes + batch.payload_bytes
            fits = not self._waiting_spans or (spans <= self._at_most_spans and payload_bytes <= self._at_most_bytes)
            if fits:
                self._waiting_spans, self._waiting_bytes = spans, payload_bytes
            return fits

    def _export_all(self, batches: list[Batch], deadline: float) -> None:
        """Export them one by one; one that fails keeps no other from it."""
        first: BaseException | None = None
        batches.reverse()
        while batches:  # taken out, so that each is gone when the exporter has let go of it
            try:
                self._export(batches.pop(), deadline)
            except BaseException as error:  # noqa: BLE001  # as in `_work`
                first = first or error
        if first is not None:
            raise first

    def _export(self, batch: Batch, deadline: float) -> None:
        error: BaseException | None = None
        try:
            self._exporter.export(batch.spans, deadline)
        except BaseException as raised:
            error = raised
            raise
        finally:
            with self._lock:
                self._waiting_spans -= len(batch.spans)
                self._waiting_bytes -= batch.payload_bytes
            self._on_done(self.name, len(batch.spans), error)

    def _submit(self, call: Callable[[], None]) -> Future[None]:
        future: Future[None] = Future()
        with self._lock:
            self._jobs.put((future, call))
            self._keep_thread()
        return future

    def start(self) -> None:
        """Start the thread now, and not with the first batch."""
        with self._lock:
            self._keep_thread()

    def _keep_thread(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=_work, args=(self._jobs,), name=f"bext-export-{self.name}", daemon=True)
            self._thread.start()
            finalize(self, self._jobs.put, None).atexit = False  # a recorder that was forgotten leaves no thread behind


def _work(jobs: SimpleQueue[_Job | None]) -> None:
    while (job := jobs.get()) is not None:
        future, call = job
        try:
            call()
        except BaseException as error:  # noqa: BLE001  # whatever an exporter raises is the flush's to report
            future.set_exception(error)
        else:
            future.set_result(None)
        del job, future, call  # a worker that waits holds no batch
