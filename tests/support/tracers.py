"""Tracers for tests, beside the RecordingTracer that the product ships."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from bext_abi import SpanHandle, SpanStart, SpanStatus
from bext_host.testing import RecordingTracer


class HostRecordingTracer(RecordingTracer):
    """A RecordingTracer that is a HostTracerPlugin as well."""

    def record_host(self, span, *, attributes=None, events=(), status=None) -> None:
        self.calls.append(("record_host", span, dict(attributes or {}), tuple(events), status))

    def now(self, span) -> int:
        return time.time_ns()

    def add_dropped(self, span, *, attributes=0, events=0) -> None:
        self.calls.append(("add_dropped", span, attributes, events))


class FaultyTracer(RecordingTracer):
    """A RecordingTracer that raises `error` in the methods named, which may be those of a HostTracerPlugin."""

    def now(self, span) -> int:
        return time.time_ns()

    def __init__(self, error: BaseException | type[BaseException], *methods: str) -> None:
        super().__init__()
        for method in methods:
            setattr(self, method, self._raising(error))

    def _raising(self, error: BaseException | type[BaseException]) -> Callable[..., None]:
        def method(*arguments: Any, **named: Any) -> None:
            raise error

        return method


class AnsweringTracer(RecordingTracer):
    """A RecordingTracer whose start_span gives the answers listed, and its own handles when they are used up."""

    def __init__(self, *answers: Any) -> None:
        super().__init__()
        self.answers = list(answers)

    def start_span(self, span: SpanStart) -> SpanHandle:
        handle = super().start_span(span)
        return self.answers.pop(0) if self.answers else handle


class HookedTracer(RecordingTracer):
    """A RecordingTracer that calls `hook(method, argument)` before it lists a start or a status."""

    def __init__(self, hook: Callable[[str, Any], None]) -> None:
        super().__init__()
        self.hook = hook

    def start_span(self, span: SpanStart) -> SpanHandle:
        self.hook("start_span", span)
        return super().start_span(span)

    def set_status(self, span: SpanHandle, status: SpanStatus) -> None:
        self.hook("set_status", status)
        super().set_status(span, status)
