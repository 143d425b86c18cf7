"""FinishedQueue: finished spans that wait for a flush, bounded in number and bytes; what comes beyond is dropped, the newest first."""

from __future__ import annotations

from .core import Batch
from .span import FinishedSpan


class FinishedQueue:
    """Not locked: its recorder's lock guards it."""

    def __init__(self, at_most_spans: int, at_most_bytes: int) -> None:
        self._at_most_spans = at_most_spans
        self._at_most_bytes = at_most_bytes
        self._spans: list[tuple[FinishedSpan, int]] = []
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._spans)

    def put(self, span: FinishedSpan, payload_bytes: int) -> bool:
        """Take a span; False where it does not fit."""
        if len(self._spans) >= self._at_most_spans or self._bytes + payload_bytes > self._at_most_bytes:
            return False
        self._spans.append((span, payload_bytes))
        self._bytes += payload_bytes
        return True

    def take_batches(self, at_most_spans: int, at_most_bytes: int) -> list[Batch]:
        """Empty the queue, cut into batches; a span larger than a batch gets one of its own."""
        taken, self._spans, self._bytes = self._spans, [], 0
        batches: list[Batch] = []
        spans: list[FinishedSpan] = []
        for span, payload_bytes in taken:
            last = batches[-1] if batches else None
            if last is None or len(spans) >= at_most_spans or last.payload_bytes + payload_bytes > at_most_bytes:
                spans, last = [], Batch([], 0)
                last.spans = spans
                batches.append(last)
            spans.append(span)
            last.payload_bytes += payload_bytes
        return batches
