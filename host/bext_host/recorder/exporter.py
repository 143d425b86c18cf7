"""SpanExporter: what takes finished spans out of the process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol, runtime_checkable

from bext_abi import BextTracerError

from .span import FinishedSpan


@runtime_checkable
class SpanExporter(Protocol):
    """Takes finished spans to a back-end. Each exporter is called from one thread at a time.

    `deadline` is a time of `time.monotonic()` by which the call should return. An exception means that the batch was not taken: its
    spans count as `export_failed`, and `flush` reports it under the exporter's name. SpansLost says that only some of them were not.
    """

    name: str

    def export(self, batch: Sequence[FinishedSpan], deadline: float) -> None:
        """Hand over a batch; the spans are shared with other exporters and must not be changed."""
        ...

    def shutdown(self, deadline: float) -> None:
        """Hand over what is still held back, and let go of all resources. Called once."""
        ...


_REASONS_SHOWN: Final = 5


class SpansLost(BextTracerError, RuntimeError):
    """Raised by an exporter that took a batch but for some spans: only these count as lost.

    `reasons` gives for each reason how many spans it cost, `count` is their sum. `unencodable` of these could not be encoded at all and
    count as such, the others as `export_failed`.
    """

    def __init__(self, reasons: Mapping[str, int], *, unencodable: int = 0) -> None:
        self.reasons = dict(reasons)
        self.count = sum(self.reasons.values())
        self.unencodable = unencodable
        shown = [f"{count} ({reason})" for reason, count in list(self.reasons.items())[:_REASONS_SHOWN]]
        others = len(self.reasons) - len(shown)
        more = f" and {others} more reasons" if others else ""
        super().__init__(f"{self.count} span{'' if self.count == 1 else 's'} lost: {', '.join(shown)}{more}")
