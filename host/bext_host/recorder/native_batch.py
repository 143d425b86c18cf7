"""NativeSpans: finished spans as the native recorder packed them, read when somebody asks for objects.

An exporter that wants bytes asks for `packed`, and no object is ever built. The bytes are the recorder's own (host/native/finished.h), so a
general unpacker may read them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any, overload

import msgpack

from bext_abi import SpanEvent, SpanHandle, SpanKind, SpanLink, SpanStatus, StatusCode

from .span import FinishedSpan


def _event(fields: tuple[Any, ...]) -> SpanEvent:
    return SpanEvent(*fields)


def _link(fields: tuple[Any, ...]) -> SpanLink:
    handle, attributes, trace_state, dropped = fields
    return SpanLink(SpanHandle.from_parts(*handle), attributes, trace_state, dropped)


def unpack_span(packed: Any) -> FinishedSpan:
    """The span of these bytes."""
    (
        name, kind, handle, parent, parent_is_remote, start, trace_state, scope_name, scope_version, links, attributes, events,
        code, message, end, dropped_attributes, dropped_events, dropped_links,
    ) = msgpack.unpackb(packed, use_list=False)  # fmt: skip
    return FinishedSpan(
        name=name,
        kind=SpanKind(kind),
        handle=SpanHandle.from_parts(*handle),
        parent=None if parent is None else SpanHandle.from_parts(*parent),
        parent_is_remote=parent_is_remote,
        trace_state=trace_state,
        start_time_unix_nanos=start,
        end_time_unix_nanos=end,
        attributes=attributes,
        events=tuple(map(_event, events)),
        links=tuple(map(_link, links)),
        status=SpanStatus(StatusCode(code), message),
        dropped_attributes_count=dropped_attributes,
        dropped_events_count=dropped_events,
        dropped_links_count=dropped_links,
        scope_name=scope_name,
        scope_version=scope_version,
    )


class NativeSpans(Sequence[FinishedSpan]):
    """The spans of one batch. `batch` is the bext_batch in C, and frees itself with this object."""

    def __init__(self, ffi: Any, batch: Any) -> None:
        self.batch = batch
        self._ffi = ffi
        self._count: int = batch.count
        self._lock = threading.Lock()
        self._unpacked: list[FinishedSpan] | None = None

    def packed(self) -> Iterator[Any]:
        """The msgpack of each span, as a buffer that lives as long as this object."""
        spans = self.batch.spans
        for number in range(self._count):
            span = spans[number]
            yield self._ffi.buffer(span.bytes, span.size)

    def _spans(self) -> list[FinishedSpan]:
        with self._lock:  # each exporter has a thread of its own; the spans are built once for all of them
            if self._unpacked is None:
                self._unpacked = [unpack_span(packed) for packed in self.packed()]
            return self._unpacked

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> FinishedSpan: ...
    @overload
    def __getitem__(self, index: slice) -> list[FinishedSpan]: ...
    def __getitem__(self, index: int | slice) -> FinishedSpan | list[FinishedSpan]:
        return self._spans()[index]

    def __iter__(self) -> Iterator[FinishedSpan]:
        return iter(self._spans())
