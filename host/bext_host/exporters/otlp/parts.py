"""An ExportTraceServiceRequest cut in two, and the name of a span in one: for bodies that were kept, whose spans are gone.

    ExportTraceServiceRequest   1 resource_spans: ResourceSpans {1 resource, 2 scope_spans: ScopeSpans {1 scope, 2 spans: Span}}
    Span                        1 trace_id, 2 span_id, 5 name

Everything but the spans is in both halves, as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Final

from bext_host.exporters.http.delivery import shown_span

from .wire import bytes_field, fields

_PATH: Final = (1, 2, 2)
"""The fields on the way to a span, from the request on."""


def halves(body: bytes) -> tuple[bytes, bytes, int] | None:
    """Two requests with the spans of this one, and how many are in the first; None where it has no two, or is none of ours."""
    try:
        spans = sum(1 for _ in _spans(body))
        middle = spans // 2
        first, second = _cut(body, range(middle)), _cut(body, range(middle, spans))
    except (ValueError, IndexError):
        return None
    return (first, second, middle) if first and second else None


def shown_first(body: bytes) -> str:
    """The first span of a request, for people."""
    try:
        span = dict(fields(next(_spans(body), b"")))
    except (ValueError, IndexError):
        return "a span"
    name, span_id, trace_id = (_bytes(span.get(number, b"")) for number in (5, 2, 1))
    return shown_span(name.decode("utf-8", "replace"), span_id.hex(), trace_id.hex())


def _spans(message: bytes, depth: int = 0) -> Iterator[bytes]:
    for number, value in fields(message):
        if number != _PATH[depth]:
            continue
        if depth == len(_PATH) - 1:
            yield _bytes(value)
        else:
            yield from _spans(_bytes(value), depth + 1)


def _cut(body: bytes, wanted: range) -> bytes:
    """The request with the spans of these numbers alone; empty where there is none."""
    numbers = count()

    def cut(message: bytes, depth: int) -> bytes:
        kept, has_spans = [], False
        for number, value in fields(message):
            inner = _bytes(value)
            if number == _PATH[depth]:
                is_span = depth == len(_PATH) - 1
                inner = (inner if next(numbers) in wanted else b"") if is_span else cut(inner, depth + 1)
                if not inner:
                    continue
                has_spans = True
            kept.append(bytes_field(number, inner))
        return b"".join(kept) if has_spans else b""

    return cut(body, 0)


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number where a message should be")  # noqa: TRY004  # of the bytes, not of the caller
    return value
