"""What a stream can show: its width, whether it is a terminal, and which characters its encoding has."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final, TextIO

from bext_host.escape import escape

PIPE_WIDTH: Final = 100
"""The width that a drawing is laid out for where the output is no terminal."""

_FALLBACK_TERMINAL_WIDTH: Final = 80


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The characters that a tree is drawn with. `bar`, `bar_left_half` and `bar_right_half` take one column each."""

    branch: str = "├─ "
    last_branch: str = "└─ "
    line: str = "│  "
    blank: str = "   "
    bar: str = "━"
    bar_left_half: str = "╸"
    bar_right_half: str = "╺"
    ok: str = "✔"
    error: str = "✘"
    link: str = "→"
    ellipsis: str = "…"
    micro: str = "µ"

    def all(self) -> str:
        """Every character in use, in one string."""
        return "".join(getattr(self, name) for name in self.__slots__)


UNICODE: Final = Glyphs()
ASCII: Final = Glyphs("|- ", "`- ", "|  ", "   ", "=", "=", "=", "[ok]", "[error]", "->", "...", "u")


@dataclass(frozen=True, slots=True)
class Surface:
    """Where a tree is drawn. On a terminal no line may be longer than `width`; elsewhere nothing is cut."""

    width: int
    is_terminal: bool
    encoding: str
    glyphs: Glyphs

    @classmethod
    def of(cls, stream: TextIO) -> Surface:
        """The surface of a stream as it is now: a terminal may have been resized since the last time."""
        terminal = is_terminal(stream)
        encoding = _encoding(stream)
        glyphs = UNICODE if _has(encoding, UNICODE.all()) else ASCII
        return cls(_terminal_width(stream) if terminal else PIPE_WIDTH, terminal, encoding, glyphs)

    def safe(self, text: str) -> str:
        """`text` without anything that a terminal would interpret or that the encoding does not have."""
        escaped = escape(text)
        if escaped.isascii():
            return escaped
        return escaped.encode(self.encoding, "backslashreplace").decode(self.encoding)


def is_terminal(stream: TextIO) -> bool:
    """True where a person looks at the stream; never raises, whatever stands in for a stream."""
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):  # no such method; a closed stream
        return False


def _encoding(stream: TextIO) -> str:
    """The stream's encoding. In-memory streams have none and take everything."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        round_trips = "a".encode(encoding).decode(encoding) == "a"
    except (LookupError, UnicodeError):
        return "ascii"
    return encoding if round_trips else "ascii"


def _has(encoding: str, characters: str) -> bool:
    try:
        characters.encode(encoding)
    except UnicodeError:
        return False
    return True


def _terminal_width(stream: TextIO) -> int:
    """COLUMNS where it is set, as everywhere, then what the terminal says."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and 0 < int(columns) < 10_000:
        return int(columns)
    try:
        return os.get_terminal_size(stream.fileno()).columns or _FALLBACK_TERMINAL_WIDTH
    except (AttributeError, ValueError, OSError):  # a stream without a file descriptor, or one that is no terminal after all
        return _FALLBACK_TERMINAL_WIDTH
