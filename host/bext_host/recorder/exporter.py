"""SpanExporter: what takes finished spans out of the process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from .span import FinishedSpan


@runtime_checkable
class SpanExporter(Protocol):
    """Takes finished spans to a back-end. Each exporter is called from one thread at a time.

    `deadline` is a time of `time.monotonic()` by which the call should return. An exception means that the batch was not taken: its
    spans count as `export_failed`, and `flush` reports it under the exporter's name.
    """

    name: str

    def export(self, batch: Sequence[FinishedSpan], deadline: float) -> None:
        """Hand over a batch; the spans are shared with other exporters and must not be changed."""
        ...

    def shutdown(self, deadline: float) -> None:
        """Hand over what is still held back, and let go of all resources. Called once."""
        ...
