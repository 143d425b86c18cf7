"""Texts that break programs: controls, markup, what looks like something else, and lengths at which buffers end."""

from __future__ import annotations

from random import Random
from typing import Final

HOSTILE_TEXTS: Final = (
    "",
    " ",
    "\0",
    "a\0b",
    "\x1b[31mred\x1b]0;title\x07",
    "\r\n\r\n",
    "\u202eevil\u2066",
    "\u2028\u2029\ufeff",
    "\ud800",  # the host passes it as U+FFFD
    "e" + "\u0301" * 300,
    "👩\u200d👩\u200d👧\u200d👦" * 20,
    "<script>alert(1)</script>",
    "'; DROP TABLE spans; --",
    "%s%n%x{}{0}${HOME}",
    "../../../../etc/passwd",
    '{"a":1}',
    '"',
    "\\",
    '\\"\\u0000',
    "[/red]",
    "null",
    "NaN",
    "-0",
    "1e999",
    "9" * 400,
    "bext.plugin.name",
)

_EDGES: Final = (1, 15, 16, 31, 32, 63, 64, 127, 128, 255, 256, 1023, 1024, 4095, 4096, 16_384, 65_535, 65_536)
_HUGE: Final = (131_072, 1_048_576)
_ALPHABETS: Final = ("a", "az09 /-_.", 'é漢🙂"\\', "\0\x1b\x7f\x9f")


def text(rng: Random) -> str:
    """Any text; huge ones are rare, since copying them is all that a case would do."""
    kind = rng.random()
    if kind < 0.5:
        return rng.choice(HOSTILE_TEXTS)
    if kind < 0.8:
        return "".join(rng.choices(rng.choice(_ALPHABETS), k=rng.randrange(20)))
    if kind < 0.99:
        return rng.choice(_ALPHABETS)[0] * (rng.choice(_EDGES) + rng.choice((-1, 0, 1)))
    return "h" * rng.choice(_HUGE)
