"""MemoryExporter: keeps finished spans in a list, for tests and for looking around."""

from __future__ import annotations

from collections.abc import Sequence

from bext_host.recorder.span import FinishedSpan


class MemoryExporter:
    """Keeps every finished span in `spans`, oldest first. It grows without bound: call `clear` between uses."""

    name = "memory"

    def __init__(self) -> None:
        self.spans: list[FinishedSpan] = []

    def export(self, batch: Sequence[FinishedSpan], deadline: float) -> None:
        """Append the batch."""
        self.spans.extend(batch)

    def shutdown(self, deadline: float) -> None:
        """Nothing is held back."""

    def clear(self) -> None:
        """Forget all spans."""
        self.spans.clear()
