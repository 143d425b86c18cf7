"""Attribute values as Datadog's tags: `meta` holds text, `metrics` holds 64-bit floats, and there is nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from bext_abi import AttrValue

EXACT_INTS: Final = 2**53
"""Up to here, in both directions, a float holds every int."""

_NOT_FINITE: Final = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def flattened(key: str, value: AttrValue) -> Iterator[tuple[str, str | float]]:
    """The tags of one attribute: a float for `metrics`, a str for `meta`.

    An array is one tag for each item (`key.0`, `key.1`, ...), and an empty one is the text `[]`. A bool is `true` or `false`. An int that a
    float cannot hold exactly is text, with all its digits; so is a float that is no finite number, which JSON has no number for.
    """
    if isinstance(value, (str, int, float)):  # a bool is an int
        yield key, _scalar(value)
    elif value:
        items: Sequence[str | float] = value
        for index, item in enumerate(items):
            yield f"{key}.{index}", _scalar(item)
    else:
        yield key, "[]"


def as_text(value: str | float) -> str:
    """A flattened value as text; a whole number is written without a fraction."""
    if isinstance(value, str):
        return value
    return str(int(value)) if value.is_integer() else repr(value)


def flattened_text(attributes: Mapping[str, AttrValue]) -> dict[str, str]:
    """Attributes where only text can be, as in links."""
    return {key: as_text(item) for name, value in attributes.items() for key, item in flattened(name, value)}


def as_json(value: AttrValue) -> Any:
    """The value as JSON has it; what is no finite number becomes text."""
    if isinstance(value, (str, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else _NOT_FINITE[str(value)]
    return [as_json(item) for item in value]


def _scalar(value: str | float) -> str | float:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return float(value) if -EXACT_INTS <= value <= EXACT_INTS else str(value)
    return value if math.isfinite(value) else _NOT_FINITE[str(value)]
