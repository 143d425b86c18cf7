"""Test doubles for people who embed bext-tracer or write a tracer. Product code: they implement the contract in full."""

from __future__ import annotations

import itertools
from typing import Any

from bext_abi import AttrValue, SpanEvent, SpanHandle, SpanStart, SpanStatus


class RecordingTracer:
    """A TracerPlugin that lists every call: `calls` holds (operation, argument, ...) in order. Its ids count up from 1."""

    name = "recording"

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self._ids = itertools.count(1)

    def start_span(self, span: SpanStart) -> SpanHandle:
        """List the start; the handle is in the parent's trace, else in a new one."""
        number = next(self._ids)
        handle = SpanHandle(number if span.parent is None else span.parent.trace_id, number)
        self.calls.append(("start_span", span, handle))
        return handle

    def set_attribute(self, span: SpanHandle, key: str, value: AttrValue) -> None:
        """List it."""
        self.calls.append(("set_attribute", span, key, value))

    def set_status(self, span: SpanHandle, status: SpanStatus) -> None:
        """List it."""
        self.calls.append(("set_status", span, status))

    def add_event(self, span: SpanHandle, event: SpanEvent) -> None:
        """List it."""
        self.calls.append(("add_event", span, event))

    def end_span(self, span: SpanHandle, end_time_unix_nanos: int | None = None) -> None:
        """List it."""
        self.calls.append(("end_span", span, end_time_unix_nanos))

    def flush(self) -> None:
        """List it."""
        self.calls.append(("flush",))
