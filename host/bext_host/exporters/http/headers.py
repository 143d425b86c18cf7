"""Headers that somebody gives: checked when a sender is made, so that none fails while spans are sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SHORTEST_SECRET: Final = 8
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


def checked_headers(given: Mapping[str, str]) -> dict[str, str]:
    """The headers with lower-case names. Raises ValueError that names the header, never with its value, which may be a key."""
    for name, value in given.items():
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a header")
        if not _VALUE.fullmatch(value):
            raise ValueError(f"the value of the header {name!r} has characters that no header may have")
    return {name.lower(): value for name, value in given.items()}


def without_values(text: str, headers: Mapping[str, str]) -> str:
    """A receiver's text without what our headers say, which may be a key that it repeats. Words shorter than 8 characters stay.

    What else may be a key is given as a header, too.
    """
    for value in headers.values():
        for word in value.split():
            if len(word) >= _SHORTEST_SECRET:
                text = text.replace(word, "***")
    return text
