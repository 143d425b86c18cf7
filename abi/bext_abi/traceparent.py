"""The two W3C Trace Context headers: `traceparent` is parsed, `tracestate` is only judged (ABI.md, "Remote parents")."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from .constants import MAX_TRACE_STATE_BYTES, MAX_TRACE_STATE_MEMBERS

_TRACEPARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_KEY: Final = r"(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})"
_VALUE: Final = r"[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
_MEMBER: Final = re.compile(rf"({_KEY})={_VALUE}")


class TraceParent(NamedTuple):
    """What a valid traceparent says: never a zero id."""

    trace_id: int
    span_id: int
    flags: int


def parse(text: str) -> TraceParent | None:
    """The parts of a W3C traceparent, or None where it is not valid.

    A version above 00 may carry more fields behind the flags, which are ignored; version ff is not valid.
    """
    match = _TRACEPARENT.fullmatch(text)
    if match is None:
        return None
    version, trace_id, span_id, flags, rest = match.groups()
    if version == "ff" or (version == "00" and rest is not None):
        return None
    parsed = TraceParent(int(trace_id, 16), int(span_id, 16), int(flags, 16))
    return parsed if parsed.trace_id and parsed.span_id else None


def valid_trace_state(text: str) -> str:
    """`text` where it is a valid W3C tracestate of at most 512 bytes, else the empty string."""
    if len(text) > MAX_TRACE_STATE_BYTES or not text.isascii():
        return ""
    members = [member for member in (part.strip(" \t") for part in text.split(",")) if member]
    keys = [match.group(1) for match in map(_MEMBER.fullmatch, members) if match is not None]
    well_formed = len(keys) == len(members) and len(set(keys)) == len(keys)
    return text if well_formed and len(keys) <= MAX_TRACE_STATE_MEMBERS else ""
