"""The spans that wait for their parent, counted by number and by size. It decides nothing: `assembly` does."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

from bext_abi import AttrValue
from bext_host.recorder.span import FinishedSpan

_SPAN_OVERHEAD: Final = 64
_NUMBER_SIZE: Final = 8


class HeldSpans:
    """Spans by trace, the oldest trace first, and in a trace by their parent's span id."""

    def __init__(self) -> None:
        self.spans = 0
        self.characters = 0
        # Ordered, because a plain dict scans all that was deleted before it finds its first key.
        self._traces: OrderedDict[int, dict[int, list[FinishedSpan]]] = OrderedDict()

    def hold(self, span: FinishedSpan, parent_id: int) -> None:
        """Keep a span until its parent takes it."""
        children = self._traces.setdefault(span.handle.trace_id, {})
        children.setdefault(parent_id, []).append(span)
        self.spans += 1
        self.characters += characters_of(span)

    def take(self, trace_id: int, parent_id: int) -> list[FinishedSpan]:
        """The spans that wait for this parent, by their start; they are held no more, so nothing can be taken twice."""
        children = self._traces.get(trace_id)
        taken = children.pop(parent_id, None) if children else None
        if children is None or taken is None:
            return []
        if not children:
            del self._traces[trace_id]
        self.spans -= len(taken)
        self.characters -= sum(map(characters_of, taken))
        return sorted(taken, key=lambda span: span.start_time_unix_nanos)

    def oldest_trace(self) -> int | None:
        """The trace whose first held span came before that of all others, or None where nothing is held."""
        return next(iter(self._traces), None)

    def awaits(self, trace_id: int, parent_id: int) -> bool:
        """True where a held span of this trace waits for this parent."""
        return parent_id in self._traces.get(trace_id, ())

    def parent_ids(self, trace_id: int) -> list[int]:
        """The parents that spans of this trace wait for, in the order in which they were first named."""
        return list(self._traces.get(trace_id, ()))

    def parents_by_child(self, trace_id: int) -> dict[int, int]:
        """For each held span of this trace its parent's span id."""
        children = self._traces.get(trace_id, {})
        return {span.handle.span_id: parent_id for parent_id, spans in children.items() for span in spans}


def characters_of(span: FinishedSpan) -> int:
    """About how much a span weighs: its text in characters, and a flat sum for what stands round it."""
    own = len(span.name) + len(span.status.message) + len(span.trace_state) + _attributes(span.attributes)
    events = sum(_SPAN_OVERHEAD + len(event.name) + _attributes(event.attributes) for event in span.events)
    links = sum(_SPAN_OVERHEAD + len(link.trace_state) + _attributes(link.attributes) for link in span.links)
    return _SPAN_OVERHEAD + own + events + links


def _attributes(attributes: Mapping[str, AttrValue]) -> int:
    return sum(len(key) + _value(value) for key, value in attributes.items())


def _value(value: AttrValue) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, (int, float)):
        return _NUMBER_SIZE
    return sum(map(_value, value))
