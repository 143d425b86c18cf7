"""What the guests of the model pass: payloads of good and bad parts, and numbers at every edge. All choices come from the `rng`."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from bext_abi import SpanEvent, SpanHandle, SpanKind, SpanLink, SpanStart, SpanStatus, StatusCode, codec
from bext_host import Limits
from native import payloads
from support.raw_guest import HANDLE_OUT, PAGE, PAYLOAD

Rng = random.Random
Pick = Callable[[], SpanHandle]
"""Gives a handle: of an open span, an ended, another's, a forged one."""

TIGHT = Limits(
    payload_bytes=300, span_attributes=3, span_events=2, span_links=2, event_attributes=2, link_attributes=1,
    span_bytes=400, scope_open_spans=4, scope_bytes=900, scope_ended_parents=3,
)  # fmt: skip
"""So small that each is met within a few calls."""

EDGES = (0, 8, HANDLE_OUT, PAYLOAD, PAGE - 24, PAGE - 23, PAGE, 2 * PAGE - 24, 2**31 - 1, 2**31, 2**32 - 24, 2**32 - 1)
LENGTHS = (0, 1, 24, 300, 301, PAGE, 2**31, 2**32 - 1)
TIMES = (0, 0, 0, 1, 5, 2**63 - 1, 2**63, 2**64 - 1)
KEYS = ("a", "b", "c", "d", "e", "bext.e", "long key " * 5)
VALUES = (0, -1, 300, 2**63 - 1, -(2**63), "", "text", "é" * 20, True, 1.5, float("nan"), -0.0, (), (True, False), ("a", "b"), (1.0, 2.0))
TRACE_STATES = ("", "a=b", "not valid")
FLAGS = (0, 1, 1, 1, 256, 257, 2**64 - 1)
OPERATIONS = ("set_attribute", "set_status", "add_event")

_CORPUS = payloads.vector_payloads(longest=200)


def offset(rng: Rng) -> int:
    """A pointer: at an edge, or anywhere."""
    return rng.choice(EDGES) if rng.random() < 0.6 else rng.randrange(2 * PAGE)


def out(rng: Rng) -> int:
    """Where a handle is to go; now and then into the payload."""
    roll = rng.random()
    return HANDLE_OUT if roll < 0.6 else PAYLOAD + rng.randrange(4) if roll < 0.7 else offset(rng)


def length(rng: Rng) -> int:
    """A length: at an edge, or short."""
    return rng.choice(LENGTHS) if rng.random() < 0.5 else rng.randrange(300)


def time(rng: Rng) -> int:
    """An end time, as the 64 bits that the guest passes."""
    return rng.choice(TIMES)


def _attributes(rng: Rng) -> dict[str, Any]:
    return {rng.choice(KEYS): rng.choice(VALUES) for _ in range(rng.choice((0, 0, 0, 1, 2, 3, 5)))}


def plain_start(rng: Rng, pick: Pick) -> SpanStart:
    """A root or a child, and nothing else."""
    return SpanStart("s", parent=pick() if rng.random() < 0.7 else None)


def _full_start(rng: Rng, pick: Pick) -> SpanStart:
    links = tuple(SpanLink(pick(), _attributes(rng)) for _ in range(rng.choice((0, 0, 1, 2, 3))))
    return SpanStart(
        name=rng.choice(("s", "", "long name " * 9)),
        kind=rng.choice(list(SpanKind)),
        parent=pick() if rng.random() < 0.7 else None,
        parent_is_remote=rng.random() < 0.4,
        parent_flags=rng.choice(FLAGS),
        trace_state=rng.choice(TRACE_STATES),
        attributes=_attributes(rng),
        links=links,
        start_time_unix_nanos=rng.choice((None, None, 1, 5, 2**63 - 1)),
    )


def start(rng: Rng, pick: Pick) -> bytes:
    """A payload for `start_span`, mostly a good one."""
    roll = rng.random()
    if roll < 0.4:
        return codec.encode_span_start(plain_start(rng, pick))
    return codec.encode_span_start(_full_start(rng, pick)) if roll < 0.85 else _odd(rng, "span_start")


def record(rng: Rng, operation: str) -> bytes:
    """A payload for one of the three calls on a span, mostly a good one."""
    if rng.random() < 0.3:
        return _odd(rng, {"set_attribute": "attribute", "set_status": "span_status", "add_event": "span_event"}[operation])
    return plain_record(rng, operation)


def plain_record(rng: Rng, operation: str) -> bytes:
    """A payload that decodes."""
    if operation == "set_attribute":
        return codec.encode_attribute(rng.choice(KEYS), rng.choice(VALUES))
    if operation == "set_status":
        return codec.encode_span_status(SpanStatus(rng.choice(list(StatusCode)), rng.choice(("", "why", "long " * 20))))
    return codec.encode_span_event(SpanEvent(rng.choice(("e", "event " * 9)), _attributes(rng), rng.choice((None, 5))))


def _odd(rng: Rng, name: str) -> bytes:
    roll = rng.random()
    if roll < 0.3:
        return rng.choice(_CORPUS)
    fresh = payloads.well_framed(rng, name)
    return fresh if roll < 0.7 else payloads.edited(rng, fresh, _CORPUS)
