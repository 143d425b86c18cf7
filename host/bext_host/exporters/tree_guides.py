"""The lines at the left of a tree. Where the nesting is too deep to show, only the innermost levels are, after a count of the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .assembly import Row
from .tree_surface import Glyphs

_COLUMNS_PER_LEVEL: Final = 3
_LEVELS_FOR_THE_COUNT: Final = 2


class Guides:
    """Follows the rows of a tree from the top down; `columns` is about what the guides may take at most."""

    def __init__(self, rows: Sequence[Row], glyphs: Glyphs, columns: int) -> None:
        self._glyphs = glyphs
        self._goes_on: list[bool] = []  # for each level of the current row whether a sibling follows
        self._deepest = max(row.depth for row in rows)
        levels = max(columns // _COLUMNS_PER_LEVEL, 1)
        self._shown = levels if self._deepest <= levels else max(levels - _LEVELS_FOR_THE_COUNT, 1)

    def enter(self, row: Row) -> tuple[str, str]:
        """Go on to the next row; give what stands before its name, and what stands before the lines under it."""
        del self._goes_on[row.depth :]
        self._goes_on.append(not row.is_last)
        # Level 0 has no guides: the tops of a trace are not joined to one another.
        above = [self._line(goes_on) for goes_on in self._goes_on[max(row.depth - self._shown, 0) + 1 :]]
        branch = self._glyphs.last_branch if row.is_last else self._glyphs.branch
        hidden = self._hidden(row.depth)
        before_name = hidden + "".join(above[:-1]) + branch if row.depth else ""
        return before_name, hidden + "".join(above) + self._line(row.has_children)

    def _line(self, goes_on: bool) -> str:
        return self._glyphs.line if goes_on else self._glyphs.blank

    def _hidden(self, depth: int) -> str:
        """How many levels are not shown, in the same width on every row that needs it."""
        hidden = depth - self._shown
        if hidden <= 0:
            return ""
        return f"{self._glyphs.ellipsis}{hidden:>{len(str(self._deepest - self._shown))}} "
