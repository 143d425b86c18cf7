"""Trace and span ids, from the kernel's random generator: a guest must not be able to predict another's."""

from __future__ import annotations

import os


def new_trace_id() -> int:
    """A random 128-bit trace id, never zero."""
    return _random(16)


def new_span_id() -> int:
    """A random 64-bit span id, never zero."""
    return _random(8)


def _random(size: int) -> int:
    while True:
        value = int.from_bytes(os.urandom(size), "big")
        if value:
            return value
