"""A PluginHost whose spans are at hand."""

from __future__ import annotations

from typing import Any

from bext_abi import SpanEvent
from bext_host import FinishedSpan, Plugin, PluginHost, SpanRecorder
from bext_host.exporters import MemoryExporter


class Hosting:
    """A PluginHost on a SpanRecorder (or on another tracer), and what was exported."""

    def __init__(self, tracer: Any = None, *, sampler: Any = "always_on", **options: Any) -> None:
        self.exporter = MemoryExporter()
        self.recorder = SpanRecorder(self.exporter, sampler=sampler)
        self.host = PluginHost(self.recorder if tracer is None else tracer, **options)

    def load(self, wasm: bytes, name: str = "guest", **options: Any) -> Plugin:
        """Load a plugin."""
        return self.host.load(wasm, name, **options)

    def spans(self) -> list[FinishedSpan]:
        """All finished spans so far, in the order in which they ended."""
        self.recorder.flush()
        return list(self.exporter.spans)

    def span(self, name: str) -> FinishedSpan:
        """The one span with this name."""
        (span,) = [span for span in self.spans() if span.name == name]
        return span

    def last(self) -> FinishedSpan:
        """The span that ended last: that of the last call."""
        return self.spans()[-1]

    def notes(self) -> list[tuple[str, int, int]]:
        """What the guest noted on the last call's span, in order (see `support.wat.note`)."""
        return [_note(event) for event in self.last().events if len(event.name) == 1]


def _note(event: SpanEvent) -> tuple[str, int, int]:
    return event.name, event.attributes["a"], event.attributes["b"]  # type: ignore[return-value]
