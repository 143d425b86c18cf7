"""A recorder with its spans at hand, exporters that misbehave, and what must be true of every finished span."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from bext_abi import AttrValue, SpanEvent, SpanHandle, SpanKind, SpanLink, SpanStart, SpanStatus, StatusCode
from bext_abi.values import checked_value
from bext_host import FinishedSpan, SpanRecorder
from bext_host.exporters import MemoryExporter

LAST_TIME = 2**63 - 1


class Recording:
    """A SpanRecorder and what it gave to a MemoryExporter."""

    def __init__(self, **options: Any) -> None:
        self.exporter = MemoryExporter()
        self.recorder = SpanRecorder(self.exporter, **options)

    def start(self, name: str = "s", **fields: Any) -> SpanHandle:
        """Start a span."""
        return self.recorder.start_span(SpanStart(name, **fields))

    def spans(self) -> list[FinishedSpan]:
        """All finished spans so far, in the order in which they ended."""
        self.recorder.flush()
        return list(self.exporter.spans)

    def ended(self, handle: SpanHandle) -> FinishedSpan:
        """End this span, and give it as it was exported."""
        self.recorder.end_span(handle)
        return next(span for span in self.spans() if span.handle == handle)

    @property
    def drops(self) -> dict[str, int]:
        """What was dropped, by reason; reasons that never applied are left out."""
        return {reason: count for reason, count in self.recorder.stats.dropped.items() if count}


class FailingExporter:
    """Raises `error` for each batch."""

    def __init__(self, error: BaseException, name: str = "failing") -> None:
        self.name = name
        self.error = error

    def export(self, batch: Sequence[FinishedSpan], deadline: float) -> None:
        raise self.error

    def shutdown(self, deadline: float) -> None:
        """Nothing is held back."""


class HangingExporter(MemoryExporter):
    """Takes a batch, says so with `entered`, and returns when `release` is set."""

    def __init__(self, name: str = "hanging") -> None:
        super().__init__()
        self.name = name
        self.entered = threading.Event()
        self.release = threading.Event()
        self.shutdowns = 0

    def export(self, batch: Sequence[FinishedSpan], deadline: float) -> None:
        self.entered.set()
        self.release.wait(60)
        super().export(batch, deadline)

    def shutdown(self, deadline: float) -> None:
        self.shutdowns += 1


class BatchExporter:
    """Keeps the batches apart."""

    name = "batches"

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.deadlines: list[float] = []
        self.shutdowns = 0

    def export(self, batch: Sequence[FinishedSpan], deadline: float) -> None:
        self.batches.append([span.name for span in batch])
        self.deadlines.append(deadline)

    def shutdown(self, deadline: float) -> None:
        self.shutdowns += 1


class KeepingExporter:
    """Keeps the batches as they came, unread: those of a recorder in C are no objects yet."""

    name = "keeping"

    def __init__(self) -> None:
        self.batches: list[Sequence[FinishedSpan]] = []

    def export(self, batch: Sequence[FinishedSpan], deadline: float) -> None:
        self.batches.append(batch)

    def shutdown(self, deadline: float) -> None:
        """Nothing is held back."""


def recorded_batch(record: Callable[[SpanRecorder], object], **options: Any) -> Sequence[FinishedSpan]:
    """What a recorder hands over in one batch after `record(recorder)`."""
    exporter = KeepingExporter()
    with SpanRecorder(exporter, sampler="always_on", **options) as recorder:
        record(recorder)
        recorder.flush()
    (batch,) = exporter.batches
    return batch


def assert_well_formed(span: FinishedSpan) -> None:
    """Every type and range that FinishedSpan promises, so that no exporter can stumble over it."""
    _assert_text(span.name, span.trace_state, span.scope_name, span.scope_version)
    assert type(span.kind) is SpanKind
    assert type(span.handle) is SpanHandle
    assert not span.handle.is_invalid
    assert span.parent is None or (type(span.parent) is SpanHandle and not span.parent.is_invalid)
    assert type(span.parent_is_remote) is bool
    _assert_times(span.start_time_unix_nanos, span.end_time_unix_nanos)
    assert span.start_time_unix_nanos <= span.end_time_unix_nanos
    _assert_attributes(span.attributes)
    assert type(span.events) is tuple
    assert type(span.links) is tuple
    for event in span.events:
        _assert_event(event)
    for link in span.links:
        _assert_link(link)
    assert type(span.status) is SpanStatus
    assert type(span.status.code) is StatusCode
    _assert_text(span.status.message)
    _assert_counts(span.dropped_attributes_count, span.dropped_events_count, span.dropped_links_count)


def _assert_event(event: SpanEvent) -> None:
    assert type(event) is SpanEvent
    _assert_text(event.name)
    _assert_attributes(event.attributes)
    assert event.time_unix_nanos is not None
    _assert_times(event.time_unix_nanos)
    _assert_counts(event.dropped_attributes_count)


def _assert_link(link: SpanLink) -> None:
    assert type(link) is SpanLink
    assert type(link.handle) is SpanHandle
    assert not link.handle.is_invalid
    _assert_text(link.trace_state)
    _assert_attributes(link.attributes)
    _assert_counts(link.dropped_attributes_count)


def _assert_attributes(attributes: Any) -> None:
    assert type(attributes) is dict
    for key, value in attributes.items():
        assert key
        _assert_text(key)
        _assert_value(value)


def _assert_value(value: AttrValue) -> None:
    assert checked_value(value) == value or value != value  # noqa: PLR0124  # NaN
    for item in value if isinstance(value, tuple) else (value,):
        assert type(item) in (str, bool, int, float)


def _assert_text(*texts: str) -> None:
    for text in texts:
        assert type(text) is str
        text.encode()


def _assert_times(*times: int) -> None:
    for time in times:
        assert type(time) is int
        assert 0 < time <= LAST_TIME


def _assert_counts(*counts: int) -> None:
    for count in counts:
        assert type(count) is int
        assert count >= 0
