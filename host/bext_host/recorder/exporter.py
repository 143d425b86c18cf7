"""SpanExporter: what takes finished spans out of the process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol, runtime_checkable

from bext_abi import BextTracerError

from .span import FinishedSpan


@runtime_checkable
class SpanExporter(Protocol):
    """Takes finished spans to a back-end. Each exporter is called from one thread at a time.

    `deadline` is a time of `time.monotonic()` by which the call should return. An exception means that the batch was not taken: its
    spans count as `export_failed`, and `flush` reports it under the exporter's name. SpansLost says that only some of them were not,
    SpansWaiting that the exporter has kept them, to send them again.

    What waits is told anew by each call: one that returns, or raises SpansLost without `waiting`, says that nothing waits any more. So
    for each exporter the spans that it was given are those it took, those it lost and those that wait.
    """

    name: str

    def export(self, batch: Sequence[FinishedSpan], deadline: float) -> None:
        """Hand over a batch; the spans are shared with other exporters and must not be changed."""
        ...

    def shutdown(self, deadline: float) -> None:
        """Hand over what is still held back, and let go of all resources. Called once."""
        ...


@runtime_checkable
class ResendingExporter(SpanExporter, Protocol):
    """A SpanExporter that keeps what it could not send, and wants to be called when that may be sent again."""

    @property
    def resend_at(self) -> float | None:
        """When `resend` may help, a time of `time.monotonic()`; None where nothing waits. Asked by the thread that calls the exporter."""
        ...

    def resend(self, deadline: float, is_wanted: Callable[[], bool]) -> None:
        """Send what waits, until `deadline`, or until something else is to be done: it looks at `is_wanted` before each request.

        Raises as `export` does. Called when `resend_at` has come and there is nothing else to do, and by each flush.
        """
        ...


_REASONS_SHOWN: Final = 5


class SpansWaiting(BextTracerError, RuntimeError):
    """Raised by an exporter that has kept spans, to send them again: they are neither taken nor lost.

    `count` is how many wait by now of all that this recorder has given it; `earlier` how many others it found, which a process before
    this one has left. `where` they wait and `why` are for people.
    """

    def __init__(self, count: int, where: str, why: str, *, earlier: int = 0) -> None:
        self.count = count
        self.earlier = earlier
        others = f"{_spans(earlier)} of earlier processes" if earlier else ""
        who = " and ".join(filter(None, [_spans(count) if count or not earlier else "", others]))
        super().__init__(f"{who} {'waits' if count + earlier == 1 else 'wait'} to be sent again ({where}): {why}")


class SpansLost(BextTracerError, RuntimeError):
    """Raised by an exporter that took a batch but for some spans: only these count as lost.

    `reasons` gives for each reason how many spans it cost, `count` is their sum; they may be of earlier batches, which waited.
    `unencodable` of these could not be encoded at all and count as such, the others as `export_failed`. `waiting` tells what waits.
    """

    def __init__(self, reasons: Mapping[str, int], *, unencodable: int = 0, waiting: SpansWaiting | None = None) -> None:
        self.reasons = dict(reasons)
        self.count = sum(self.reasons.values())
        self.unencodable = unencodable
        self.waiting = waiting
        shown = [f"{count} ({reason})" for reason, count in list(self.reasons.items())[:_REASONS_SHOWN]]
        others = len(self.reasons) - len(shown)
        more = f" and {others} more reasons" if others else ""
        super().__init__(f"{_spans(self.count)} lost: {', '.join(shown)}{more}")


def _spans(count: int) -> str:
    return f"{count} span{'' if count == 1 else 's'}"
