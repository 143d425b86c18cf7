"""RecorderCore: what keeps a recorder's spans. There is one in Python and one in C, and both behave alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bext_abi import AttrValue, BextTracerError, DropReason, SpanEvent, SpanHandle, SpanStart, SpanStatus

from .intake import Drops
from .span import FinishedSpan


@dataclass(slots=True)
class Batch:
    """Spans that are handed over together, and what they weigh in payload bytes."""

    spans: Sequence[FinishedSpan]
    payload_bytes: int


@dataclass(slots=True)
class CoreCounters:
    """What a core started, ended and dropped."""

    started: int = 0
    ended: int = 0
    unsampled: int = 0
    dropped: Counter[DropReason] = field(default_factory=Counter)


class NoMemoryForBatches(BextTracerError, MemoryError):
    """So many of the finished spans could not be made a batch, and are lost and counted; `batches` are those before them."""

    def __init__(self, batches: list[Batch], lost: int) -> None:
        super().__init__(f"{lost} spans are lost: there is no memory for a batch")
        self.batches = batches


class RecorderCore(Protocol):
    """Open spans, and the queue of finished ones. Safe to use from many threads.

    It is given what was checked (`intake`). Calls on a span that is not open do nothing, and count nothing. `drops` is what was dropped
    of a call before; it counts where the rest of the call is kept.
    """

    native: Any
    """The recorder in C, for engines that call it there; None for a core in Python."""

    def start_span(self, span: SpanStart, trace_id: int, drops: Drops) -> SpanHandle:
        """Start a span in this trace; INVALID where it does not fit."""
        ...

    def set_attribute(self, span: SpanHandle, key: str, value: AttrValue) -> None:
        """Add or overwrite an attribute."""
        ...

    def set_status(self, span: SpanHandle, status: SpanStatus) -> None:
        """Set the status by OpenTelemetry's rules."""
        ...

    def add_event(self, span: SpanHandle, event: SpanEvent, drops: Drops) -> None:
        """Add an event."""
        ...

    def end_span(self, span: SpanHandle, end_time_unix_nanos: int | None) -> None:
        """End a span."""
        ...

    def record_host(
        self, span: SpanHandle, attributes: Mapping[str, AttrValue], events: Sequence[SpanEvent], verdict: SpanStatus | None, drops: Drops
    ) -> None:
        """The host's own facts and its verdict."""
        ...

    def add_dropped(self, span: SpanHandle, attributes: int, events: int, reason: DropReason | None = None) -> None:
        """Count what was dropped of a span, on the span and, with a reason, in the counters."""
        ...

    def now(self, span: SpanHandle) -> int:
        """The time by the clock of the span's trace, by the wall clock where it is not open."""
        ...

    def count_unsampled(self) -> None:
        """Count a span that was not sampled."""
        ...

    def count_drop(self, reason: DropReason, count: int = 1) -> None:
        """Count what was dropped of no open span."""
        ...

    def counters(self) -> CoreCounters:
        """The counters as they stand."""
        ...

    @property
    def open_spans(self) -> int:
        """How many spans have started and not ended."""
        ...

    @property
    def queued_spans(self) -> int:
        """How many finished spans wait for a flush."""
        ...

    def wait_for_spans(self, at_least: int, seconds: float) -> bool:
        """Wait until so many finished spans wait for a flush; false where that does not happen in time. For one thread at a time."""
        ...

    def take_batches(self, at_most_spans: int, at_most_bytes: int) -> list[Batch]:
        """Empty the queue, cut into batches; a span larger than a batch gets one of its own."""
        ...

    def after_fork_in_child(self) -> None:
        """Start with nothing: the parent keeps its spans and sends them itself."""
        ...
