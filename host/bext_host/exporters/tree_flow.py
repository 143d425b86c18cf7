"""Puts pieces of text on lines. On a terminal no line gets wider than it may be; elsewhere nothing is cut and no piece is broken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from rich.text import Text

from .tree_surface import Surface

HANGING: Final = "  "
"""How far the further lines of an event or a link hang in."""


def cut(text: Text, surface: Surface, width: int) -> Text:
    """`text`, on a terminal shortened to `width` columns with an ellipsis at its end."""
    if not surface.is_terminal or text.cell_len <= width:
        return text
    ellipsis = surface.glyphs.ellipsis[: max(width, 0)]
    shortened = text.copy()
    shortened.truncate(max(width - len(ellipsis), 0), overflow="crop")
    return shortened.append(ellipsis)


def flow(pieces: Iterable[Text], surface: Surface, width: int, gap: str = "  ", hanging: str = "") -> Iterator[Text]:
    """Pieces side by side, with `gap` between them, as long as they fit; the others on further lines that begin with `hanging`."""
    line = Text()
    for piece in pieces:
        if line and line.cell_len + len(gap) + piece.cell_len > width:
            yield cut(line, surface, width)
            line = Text(hanging).append_text(piece)
        else:
            line.append(gap if line else "").append_text(piece)
    if line:
        yield cut(line, surface, width)
