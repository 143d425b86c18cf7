"""The bars of a tree: where a span lies within the time of its trace. Arithmetic on whole numbers; it never fails on odd times."""

from __future__ import annotations

from collections.abc import Sequence

from bext_host.recorder.span import FinishedSpan

from .tree_surface import Glyphs


class Waterfall:
    """The time from the first start to the last end of some spans, laid out on columns. A bar is exact to half a column."""

    def __init__(self, spans: Sequence[FinishedSpan]) -> None:
        self._start = min(span.start_time_unix_nanos for span in spans)
        self.nanos = max(span.end_time_unix_nanos for span in spans) - self._start

    def bar(self, span: FinishedSpan, columns: int, glyphs: Glyphs) -> str:
        """The span's bar with the space before it. However short a span is, half a column is drawn, and never one outside."""
        if columns <= 0:
            return ""
        halves = 2 * columns
        left = min(self._place(span.start_time_unix_nanos, halves), halves - 1)
        right = max(self._place(span.end_time_unix_nanos, halves), left + 1)
        opening = glyphs.bar_right_half if left % 2 else ""
        closing = glyphs.bar_left_half if right % 2 else ""
        whole = right // 2 - (left + 1) // 2
        return " " * (left // 2) + opening + glyphs.bar * whole + (closing if whole >= 0 else "")

    def _place(self, time: int, halves: int) -> int:
        """The half column nearest to a time."""
        if self.nanos == 0:
            return 0
        return ((time - self._start) * halves + self.nanos // 2) // self.nanos
