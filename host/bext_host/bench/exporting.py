"""How much exporting slows recording: spans are recorded in this thread while another one hands over what is finished, all the time.

The exporter has its own thread, as always; what it sends goes to a receiver in a second process. What is measured is recording alone: what
is still to be sent when it ends, is sent before the next contender's turn.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Final

from bext_abi import FlushError
from bext_host.exporters.otlp import OtlpSpanExporter
from bext_host.exporters.otlp.config import OtlpConfig
from bext_host.extension import NATIVE
from bext_host.limits import Limits
from bext_host.recorder import SpanExporter, SpanRecorder

from .ours import RESOURCE, Drain, Guest
from .receiver import running_receiver
from .rounds import Measured, Progress, in_turn, require, timed
from .targets import LARGE_CALLS, LARGE_CALLS_SENT, SMALL_CALLS, SMALL_CALLS_SENT

_SPANS: Final = 20_000
_SMALL: Final = 10
_LARGE: Final = 1_000
_BATCH: Final = Limits().batch_spans
_ROOMY: Final = Limits(queue_spans=100 * _SPANS, queue_bytes=2**32)
_LOOK_SECONDS: Final = 0.05
_DRAIN_SECONDS: Final = 60.0


class Exporting:
    """Records in calls of so many spans each, while its recorder is flushed by another thread whenever there is a batch."""

    def __init__(self, name: str, exporter: SpanExporter, spans_per_call: int) -> None:
        self.name = name
        self._spans_per_call = spans_per_call
        self._recorder = SpanRecorder(exporter, sampler="always_on", engine=NATIVE, limits=_ROOMY)
        self._guest = Guest(self._recorder, NATIVE)
        self._done = 0

    def measured(self, spans: int) -> float:
        """Record them; the nanoseconds that recording one took."""
        stopping = threading.Event()
        flushing = threading.Thread(target=self._flush_until, args=(stopping,))
        flushing.start()
        try:
            return timed(lambda: self._record(spans)) / spans
        finally:
            stopping.set()
            flushing.join()
            self._flush()

    def _record(self, spans: int) -> None:
        for _ in range(spans // self._spans_per_call):
            self._guest.call("spans", self._spans_per_call)
        self._done += spans

    def _flush_until(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            if self._recorder.wait_until_queued(_BATCH, _LOOK_SECONDS):
                self._flush()

    def _flush(self) -> None:
        with contextlib.suppress(FlushError):  # `check` says how much is missing
            self._recorder.flush(_DRAIN_SECONDS)

    def check(self) -> None:
        """Raise BenchInvalid where a span was lost, and let go of the exporter."""
        stats = self._recorder.stats
        dropped = stats.dropped.total() + self._guest.scope.stats.dropped.total()
        require(self.name, {"exported": stats.exported.total(), "dropped": dropped}, {"exported": self._done, "dropped": 0})
        self._recorder.close(_DRAIN_SECONDS)


def measure_exporting(part: int, rounds: int, progress: Progress) -> Measured:
    """What recording a span takes beside an exporter that sends, and beside one that drops. Raises BenchInvalid where any was lost."""
    progress("starting a receiver")
    with running_receiver() as url:
        contenders = list(_contenders(url))
        measured = Measured({contender.name: [] for contender in contenders})
        for contender in contenders:
            contender.measured(_LARGE)
        for number in range(rounds):
            for contender in in_turn(contenders, number):
                progress(f"round {number + 1} of {rounds}: {contender.name}")
                measured.nanos[contender.name].append(contender.measured(_SPANS // part))
        for contender in contenders:
            contender.check()
    return measured


def _contenders(url: str) -> Iterator[Exporting]:
    for spans, dropped, sent in ((_SMALL, SMALL_CALLS, SMALL_CALLS_SENT), (_LARGE, LARGE_CALLS, LARGE_CALLS_SENT)):
        yield Exporting(dropped, Drain(), spans)
        yield Exporting(sent, OtlpSpanExporter(config=OtlpConfig(url), resource=RESOURCE), spans)
