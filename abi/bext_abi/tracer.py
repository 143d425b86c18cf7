"""TracerPlugin: what a tracing back-end implements. Every method but `flush` is infallible: drop silently, report at `flush`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from .handle import SpanHandle
from .types import AttrValue, SpanEvent, SpanStart, SpanStatus


@runtime_checkable
class TracerPlugin(Protocol):
    """A back-end for spans. Called from several threads; a handle it does not know is a no-op, never an error.

    A method that raises all the same is contained by the host: counted as `tracer_error`, logged once, unseen by the guest.
    """

    name: str

    def start_span(self, span: SpanStart) -> SpanHandle:
        """Start a span and name it; `SpanHandle.INVALID` says that it is not sampled."""
        ...

    def set_attribute(self, span: SpanHandle, key: str, value: AttrValue) -> None:
        """Add the attribute, or overwrite the one with this key."""
        ...

    def set_status(self, span: SpanHandle, status: SpanStatus) -> None:
        """Set the status; OpenTelemetry's rules decide whether it replaces the one before."""
        ...

    def add_event(self, span: SpanHandle, event: SpanEvent) -> None:
        """Add an event; without a time it is stamped with the tracer's clock."""
        ...

    def end_span(self, span: SpanHandle, end_time_unix_nanos: int | None = None) -> None:
        """End the span, now or at the given nanosecond since the Unix epoch."""
        ...

    def flush(self) -> None:
        """Hand over what is buffered; the only place with I/O. Raises FlushError naming what could not be handed over."""
        ...


@runtime_checkable
class HostTracerPlugin(TracerPlugin, Protocol):
    """What a tracer may offer the host beyond TracerPlugin. Without it the host uses the plain methods.

    The runtime's own facts about a span (how a call ended, what it cost) stand outside the guest's limits, and its verdict
    overrides a status that the guest made final (ABI.md, "Status").
    """

    def record_host(
        self,
        span: SpanHandle,
        *,
        attributes: Mapping[str, AttrValue] | None = None,
        events: Sequence[SpanEvent] = (),
        status: SpanStatus | None = None,
    ) -> None:
        """Record the host's own attributes and events, outside every limit, and a status that overrides."""
        ...

    def now(self, span: SpanHandle) -> int:
        """Nanoseconds since the Unix epoch by the clock that stamps this span, for spans that the host ends together."""
        ...

    def add_dropped(self, span: SpanHandle, *, attributes: int = 0, events: int = 0) -> None:
        """Count what the boundary dropped of an open span, for the back-end's dropped counts."""
        ...
