"""One function that makes any text safe to show. Everything a guest, a module or an event named goes through it.

Terminals interpret control codes, and bidi controls reorder what a person reads; on a pipe the same bytes reach the next terminal.
So nothing of the kind leaves as it came, neither to a terminal nor to a pipe nor to a log.
"""

from __future__ import annotations

import re
from typing import Final

_UNSAFE: Final = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # C0, DEL and C1 controls
    "\u2028\u2029"  # line and paragraph separators
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidi controls
    "\ud800-\udfff"  # lone surrogates, which no stream can encode
    "]"
)
_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _escaped(match: re.Match[str]) -> str:
    character = match.group()
    code = ord(character)
    return _SHORT.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def escape(text: str) -> str:
    r"""`text` with every control, separator, bidi control and lone surrogate shown as `\n`, `\x1b`, `\u202e`, ..."""
    return _UNSAFE.sub(_escaped, text)
