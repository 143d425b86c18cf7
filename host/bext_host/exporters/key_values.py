"""Lists like `key1=value1,key2=value2` in environment variables, percent-encoded as in W3C Baggage."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

_BROKEN_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


def key_values(text: str) -> dict[str, str]:
    """The pairs, decoded; the last of equal keys counts. Raises ValueError that names the place and not the value, which may be a key."""
    found: dict[str, str] = {}
    for number, member in enumerate(text.split(","), 1):
        if not member.strip():
            continue  # a comma at the end
        key, equals, value = member.partition("=")
        if not equals or not key.strip():
            raise ValueError(f"item {number} is not key=value")
        found[_decoded(key.strip(), number)] = _decoded(value.strip(), number)
    return found


def _decoded(text: str, number: int) -> str:
    if _BROKEN_PERCENT.search(text):
        raise ValueError(f"item {number} has a % that begins no percent-encoding")
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise ValueError(f"item {number} is no UTF-8 when percent-decoded") from None
