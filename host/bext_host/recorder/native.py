"""NativeCore: a recorder's spans in C (host/native/recorder.h), where the native engine records without the interpreter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from bext_abi import AttrValue, DropReason, SpanEvent, SpanHandle, SpanLink, SpanStart, SpanStatus, codec
from bext_host.extension import load_extension
from bext_host.limits import Limits

from .core import Batch, CoreCounters, NoMemoryForBatches
from .intake import Drops
from .native_batch import NativeSpans
from .sampler import Sampler, sampled_below

_extension: Final = load_extension()
ffi: Final[Any] = _extension.ffi
lib: Final[Any] = _extension.lib

_REASONS: Final = dict(enumerate(DropReason, 1))
_NUMBERS: Final = {reason: number for number, reason in _REASONS.items()}
_U64: Final = 2**64 - 1
_LONGEST_WAIT: Final = 1e9


def _sampler(sampler: Sampler) -> tuple[bool, int]:
    """The sampler for C. One of somebody's own is never asked there: see `SpanRecorder.native_recorder`."""
    below = sampled_below(sampler) or 0
    return below > _U64, min(below, _U64)


class NativeCore:
    """A RecorderCore in C. What comes from Python arrives there in the payloads that a guest would send."""

    def __init__(self, limits: Limits, sampler: Sampler) -> None:
        self._span_bytes = limits.span_bytes
        fields = {name: min(getattr(limits, name), _U64 >> 1) for name, _ in ffi.typeof("bext_limits").fields}
        recorder = lib.bext_recorder_new(ffi.new("bext_limits *", fields), _sampler(sampler))
        if recorder == ffi.NULL:
            raise MemoryError("no memory for a recorder")
        self.native: Any = ffi.gc(recorder, lib.bext_recorder_release)

    def after_fork_in_child(self) -> None:
        """Start with nothing: the parent keeps its spans and sends them itself. The locks are C's own affair (host/native/forks.h)."""
        lib.bext_recorder_forget_spans(self.native)

    def start_span(self, span: SpanStart, trace_id: int, drops: Drops) -> SpanHandle:
        """Start a span in this trace; INVALID where it does not fit."""
        payload = codec.encode_span_start(replace(span, attributes={}))
        if len(payload) > self._span_bytes:
            self.count_drop(DropReason.MEMORY_LIMIT)
            return SpanHandle.INVALID
        name, version = span.scope_name.encode(), span.scope_version.encode()
        hi, lo = trace_id >> 64, trace_id & _U64
        dropped = _u64(span.dropped_attributes_count), _u64(span.dropped_links_count)
        parts = lib.bext_recorder_open_payload(self.native, hi, lo, payload, len(payload), name, len(name), version, len(version), *dropped)
        for link in span.links:
            self._add_link(parts, link)
        handle = SpanHandle.from_parts(parts.trace_id_hi, parts.trace_id_lo, parts.span_id)
        for key, value in span.attributes.items():
            self.set_attribute(handle, key, value)
        if not handle.is_invalid:
            self._count_all(drops)
        return handle

    def _add_link(self, parts: Any, link: SpanLink) -> None:
        attributes, trace_state = codec.encode_span_event(SpanEvent("", link.attributes)), link.trace_state.encode()
        dropped = _u64(link.dropped_attributes_count)
        lib.bext_recorder_link_payload(
            self.native, [parts], [link.handle.to_parts()], trace_state, len(trace_state), attributes, len(attributes), dropped
        )

    def set_attribute(self, span: SpanHandle, key: str, value: AttrValue) -> None:
        """Add or overwrite an attribute."""
        payload = codec.encode_attribute(key, value)
        lib.bext_recorder_attribute_payload(self.native, [span.to_parts()], payload, len(payload), False)

    def set_status(self, span: SpanHandle, status: SpanStatus) -> None:
        """Set the status by OpenTelemetry's rules."""
        self._set_status(span, status, is_verdict=False)

    def _set_status(self, span: SpanHandle, status: SpanStatus, *, is_verdict: bool) -> None:
        payload = codec.encode_span_status(status)
        lib.bext_recorder_status_payload(self.native, [span.to_parts()], payload, len(payload), is_verdict)

    def add_event(self, span: SpanHandle, event: SpanEvent, drops: Drops) -> None:
        """Add an event."""
        if self._add_event(span, event, is_host=False):
            self._count_all(drops)

    def _add_event(self, span: SpanHandle, event: SpanEvent, *, is_host: bool) -> bool:
        payload, dropped = codec.encode_span_event(event), _u64(event.dropped_attributes_count)
        return bool(lib.bext_recorder_event_payload(self.native, [span.to_parts()], payload, len(payload), dropped, is_host))

    def end_span(self, span: SpanHandle, end_time_unix_nanos: int | None) -> None:
        """End a span."""
        lib.bext_recorder_end(self.native, [span.to_parts()], end_time_unix_nanos or 0)

    def record_host(
        self, span: SpanHandle, attributes: Mapping[str, AttrValue], events: Sequence[SpanEvent], verdict: SpanStatus | None, drops: Drops
    ) -> None:
        """The host's own facts and its verdict."""
        if not lib.bext_recorder_is_open(self.native, [span.to_parts()]):
            return
        self._count_all(drops)
        for key, value in attributes.items():
            payload = codec.encode_attribute(key, value)
            lib.bext_recorder_attribute_payload(self.native, [span.to_parts()], payload, len(payload), True)
        for event in events:
            self._add_event(span, event, is_host=True)
        if verdict is not None:
            self._set_status(span, verdict, is_verdict=True)

    def add_dropped(self, span: SpanHandle, attributes: int, events: int, reason: DropReason | None = None) -> None:
        """Count what was dropped of a span, on the span and, with a reason, in the counters."""
        if lib.bext_recorder_add_dropped(self.native, [span.to_parts()], _u64(attributes), _u64(events)) and reason is not None:
            self.count_drop(reason)

    def now(self, span: SpanHandle) -> int:
        """The time by the clock of the span's trace, by the wall clock where it is not open."""
        return int(lib.bext_recorder_now(self.native, [span.to_parts()]))

    def count_unsampled(self) -> None:
        """Count a span that was not sampled."""
        lib.bext_recorder_count_unsampled(self.native)

    def count_drop(self, reason: DropReason, count: int = 1) -> None:
        """Count what was dropped of no open span."""
        lib.bext_recorder_count_drops(self.native, _NUMBERS[reason], count)

    def _count_all(self, drops: Drops) -> None:
        for reason, count in drops.items():
            self.count_drop(reason, count)

    def counters(self) -> CoreCounters:
        """The counters as they stand."""
        found = ffi.new("bext_recorder_counters *")
        lib.bext_recorder_counters_of(self.native, found)
        counters = CoreCounters(found.started, found.ended, found.unsampled)
        counters.dropped.update({reason: found.dropped[number] for number, reason in _REASONS.items()})
        return counters

    @property
    def open_spans(self) -> int:
        """How many spans have started and not ended."""
        return int(lib.bext_recorder_open_spans(self.native))

    @property
    def queued_spans(self) -> int:
        """How many finished spans wait for a flush."""
        return int(lib.bext_recorder_queued_spans(self.native))

    def wait_for_spans(self, at_least: int, seconds: float) -> bool:
        """Wait until so many finished spans wait for a flush; false where that does not happen in time."""
        return bool(lib.bext_recorder_wait(self.native, min(at_least, _U64), int(min(seconds, _LONGEST_WAIT) * 1e9)))

    def take_batches(self, at_most_spans: int, at_most_bytes: int) -> list[Batch]:
        """Empty the queue, cut into batches; a span larger than a batch gets one of its own."""
        batches: list[Batch] = []
        waiting = ffi.gc(ffi.new("bext_waiting *"), lib.bext_waiting_free)
        lib.bext_recorder_take(self.native, waiting)
        while waiting.count:
            cut = lib.bext_batch_cut(waiting, min(at_most_spans, _U64), min(at_most_bytes, _U64))
            if cut == ffi.NULL:
                self.count_drop(DropReason.EXPORT_FAILED, waiting.count)
                raise NoMemoryForBatches(batches, waiting.count)
            batches.append(Batch(NativeSpans(ffi, ffi.gc(cut, lib.bext_batch_free)), cut.payload_bytes))
        return batches


def _u64(count: int) -> int:
    """A count as C can hold it; larger ones are no counts of anything."""
    return min(count, _U64 >> 8)
