"""What Python code may give as an attribute or a text, made what a guest could have sent: nothing malformed reaches a tracer."""

from __future__ import annotations

import re
from typing import Final

from .errors import MalformedPayload
from .reasons import Rejection
from .types import AttrValue

_SURROGATES: Final = re.compile("[\ud800-\udfff]")
_INT64_MIN: Final = -(2**63)
_INT64_MAX: Final = 2**63 - 1


def well_formed(text: str) -> str:
    """`text` with U+FFFD for each lone surrogate, so that it has a UTF-8 form."""
    return _SURROGATES.sub("\ufffd", text)


def _scalar(value: object) -> str | bool | int | float:
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        if not _INT64_MIN <= value <= _INT64_MAX:
            raise MalformedPayload(Rejection.OUT_OF_RANGE, "an int attribute must fit in 64 bits with a sign")
        return int(value)
    if isinstance(value, float):
        return float(value)
    raise MalformedPayload(Rejection.WRONG_TYPE, f"an attribute cannot be {type(value).__name__}")


def checked_value(value: object) -> AttrValue:
    """`value` as an AttrValue with tuples for arrays. Raises MalformedPayload for what no attribute can be."""
    if not isinstance(value, (list, tuple)):
        return _scalar(value)
    items = tuple(map(_scalar, value))
    if len(set(map(type, items))) > 1:
        raise MalformedPayload(Rejection.MIXED_ARRAY, "an array attribute")
    return items  # type: ignore[return-value]  # homogeneous, as checked


def checked_key(key: object) -> str:
    """`key` as an attribute key. Raises MalformedPayload where it is no str or empty."""
    if not isinstance(key, str):
        raise MalformedPayload(Rejection.WRONG_TYPE, f"an attribute key cannot be {type(key).__name__}")
    if not key:
        raise MalformedPayload(Rejection.EMPTY_KEY, "an attribute key")
    return well_formed(key)
