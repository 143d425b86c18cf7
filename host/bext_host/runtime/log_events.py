"""LogEvents: what a plugin logs, as events on the host's span round the call. They count in that span's limits like a guest's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bext_abi import SpanEvent, SpanHandle
from bext_host.boundary.contained import ContainedTracer

EVENT_NAME = "log"


class LogEvents:
    """The events of one plugin instance."""

    def __init__(self, tracer: ContainedTracer) -> None:
        self._tracer = tracer
        self._span = SpanHandle.INVALID

    @contextmanager
    def on(self, span: SpanHandle) -> Iterator[None]:
        """While inside, lines become events on `span`; INVALID takes none."""
        outer, self._span = self._span, span
        try:
            yield
        finally:
            self._span = outer

    def add(self, level: str, text: str) -> None:
        """Add a line."""
        if not self._span.is_invalid:
            self._tracer.add_event(self._span, SpanEvent(EVENT_NAME, {"log.level": level, "log.message": text}))
