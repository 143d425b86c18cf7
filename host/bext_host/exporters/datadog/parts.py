"""A body for the agent, read again: how many chunks it has, its halves, and the name of a span in it. For bodies that were kept."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgpack

from bext_host.exporters.http.delivery import shown_span

_Chunk: TypeAlias = list[dict[str, Any]]


def chunk_count(body: bytes) -> int:
    """How many chunks of traces are in a body."""
    unpacker = msgpack.Unpacker()
    unpacker.feed(body[:5])  # the longest header of an array
    return int(unpacker.read_array_header())


def halves(body: bytes) -> tuple[bytes, bytes, int] | None:
    """Two bodies with the spans of this one, and how many are in the first; None where it has no two.

    Of a chunk that is cut the second part says itself what stands on the first span for all.
    """
    chunks: list[_Chunk] = msgpack.unpackb(body)
    spans = sum(map(len, chunks))
    middle = spans // 2
    if not middle:
        return None
    first: list[_Chunk] = []
    second: list[_Chunk] = []
    left = middle
    for chunk in chunks:
        first += [chunk[:left]] if left else []
        second += [_rest(chunk, left)] if left < len(chunk) else []
        left = max(0, left - len(chunk))
    return msgpack.packb(first), msgpack.packb(second), middle


def _rest(chunk: _Chunk, start: int) -> _Chunk:
    rest = chunk[start:]
    if start:
        rest[0]["meta"].setdefault("_dd.p.tid", chunk[0]["meta"]["_dd.p.tid"])
        rest[0]["metrics"].setdefault("_sampling_priority_v1", chunk[0]["metrics"]["_sampling_priority_v1"])
    return rest


def shown_first(body: bytes) -> str:
    """The first span of a body, for people."""
    span: dict[str, Any] = msgpack.unpackb(body)[0][0]
    return shown_span(span["resource"], f"{span['span_id']:016x}", span["meta"].get("otel.trace_id", "unknown"))
