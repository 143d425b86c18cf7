"""How durations, keys and values read in a tree. Text only, no layout; everything it gives back is safe to show."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from bext_abi import AttrValue

from .tree_surface import Surface

_UNITS: Final = ((1, "ns"), (1_000, "us"), (1_000_000, "ms"), (1_000_000_000, "s"))
_BARE_VALUE: Final = re.compile(r'[^\s"\\,\[\]]+')
_BARE_KEY: Final = re.compile(r'[^\s"\\=]+')
_LOOKS_LIKE_ANOTHER_TYPE: Final = re.compile(r"[-+]?([0-9]+\.?[0-9]*(e[-+]?[0-9]+)?|inf|nan)|true|false", re.IGNORECASE)


def duration(nanos: int, surface: Surface) -> str:
    """Nanoseconds in the unit that suits them, to three digits: `850 ns`, `1.2 ms`, `48.2 ms`, `605 s`."""
    for scale, unit in _UNITS:
        if abs(nanos) < 999.5 * scale:  # from there on three digits would round to 1000
            return f"{nanos / scale:.3g} {unit.replace('u', surface.glyphs.micro)}"
    return f"{nanos / 1e9:.0f} s"


def offset(nanos: int, surface: Surface) -> str:
    """A duration with its sign."""
    return f"{'+' if nanos >= 0 else ''}{duration(nanos, surface)}"


def plural(count: int, noun: str) -> str:
    """`1 span`, `2 spans`, `1,204 spans`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def pairs(attributes: Mapping[str, AttrValue], surface: Surface) -> Iterator[tuple[str, str]]:
    """Each attribute as its key and its value, to be joined by an equals sign."""
    for key, value in attributes.items():
        yield _text(key, _BARE_KEY, surface), _value(value, surface)


def _value(value: AttrValue, surface: Surface) -> str:
    """A value such that its type can be told: `true`, `7`, `7.0`, `seven`, `"7"`, `[1, 2]`."""
    if isinstance(value, str):
        return text_value(value, surface)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    return f"[{', '.join(_value(item, surface) for item in value)}]"


def text_value(text: str, surface: Surface) -> str:
    """A string, quoted where it could be read as something else or its end could be mistaken."""
    if _LOOKS_LIKE_ANOTHER_TYPE.fullmatch(text):
        return f'"{surface.safe(text)}"'
    return _text(text, _BARE_VALUE, surface)


def _text(text: str, bare: re.Pattern[str], surface: Surface) -> str:
    if bare.fullmatch(text) and text.isprintable():
        return surface.safe(text)
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{surface.safe(quoted)}"'
