"""Exporting: all exporters of a recorder. Hands batches to each, and says which of them failed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait

from bext_host.distinct import distinct
from bext_host.limits import Limits

from .core import Batch
from .export_worker import ExportWorker
from .exporter import SpanExporter
from .outcome import Outcome, Settlement


class Exporting:
    """`on_done` is called as by ExportWorker."""

    def __init__(
        self,
        exporters: Sequence[SpanExporter],
        limits: Limits,
        on_done: Callable[[str, Settlement], None],
    ) -> None:
        names = distinct([exporter.name for exporter in exporters])
        self._workers = [
            ExportWorker(exporter, name, limits.queue_spans, limits.queue_bytes, on_done)
            for name, exporter in zip(names, exporters, strict=True)
        ]
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """In a forked child: nothing is on its way."""
        self._lock = threading.Lock()
        self._outstanding: list[tuple[ExportWorker, Future[Outcome]]] = []
        for worker in self._workers:
            worker.reset_after_fork()

    def start(self) -> None:
        """Start the exporters' threads now, and not with the first batch."""
        for worker in self._workers:
            worker.start()

    def hand_over(self, batches: Sequence[Batch], deadline: float, *, resend: bool = True) -> None:
        """Queue the batches before each exporter; with `resend` those who keep spans send them again."""
        with self._lock:  # held all along, so that nothing is on its way unseen
            for worker in self._workers:
                self._outstanding += [(worker, future) for future in worker.export(batches, deadline, resend=resend)]

    def shut_down(self, deadline: float) -> None:
        """Queue the shutdown of each exporter, behind its batches."""
        with self._lock:
            self._outstanding += [(worker, worker.shutdown(deadline)) for worker in self._workers]

    def wait(self, deadline: float) -> dict[str, str]:
        """Wait for all that is on its way, whoever handed it over; each exporter that failed or is late, and why."""
        with self._lock:
            pending = list(self._outstanding)
        wait([future for _, future in pending], max(0.0, deadline - time.monotonic()))
        outcomes: dict[str, Outcome] = {}
        failures: dict[str, str] = {}
        for worker, future in pending:
            if future.done():
                outcomes.setdefault(worker.name, Outcome()).follow(_outcome(future))
            else:
                failures[worker.name] = f"did not answer in time, {worker.waiting_spans} spans wait for it"
        with self._lock:
            self._outstanding = [(worker, future) for worker, future in self._outstanding if not future.done()]
        told = {name: words for name, outcome in outcomes.items() if (words := outcome.words()) is not None}
        return {**failures, **told}


def _outcome(future: Future[Outcome]) -> Outcome:
    error = future.exception()
    if error is None:
        return future.result()
    outcome = Outcome()
    outcome.add(error)
    return outcome
