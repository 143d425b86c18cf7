"""Puts the spans of a trace back together, so that a person can be shown a tree instead of a stream.

Spans finish children first. They are held back until the topmost span of their trace in this process has come, and leave together
with it as a `TraceTree`. One trace may have several such local roots; each takes with it the spans that hang on it.

It holds back a bounded number of spans, never recurses and never loops, whatever parents the spans name; it knows nothing of drawing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from bext_abi import SpanHandle
from bext_host.recorder.span import FinishedSpan

from .held_spans import HeldSpans

MAX_HELD_SPANS: Final = 16_384
MAX_HELD_CHARACTERS: Final = 64 * 1024 * 1024
MAX_REMEMBERED_SPANS: Final = 16_384


class Absence(Enum):
    """Why a parent is not in a tree. The value is what people are told."""

    UNKNOWN = "still open or lost"
    PRINTED = "printed above"
    LOOP = "parents form a loop"


@dataclass(frozen=True, slots=True)
class Placeholder:
    """Stands for a parent that is not in the tree, above the spans that name it."""

    handle: SpanHandle
    absence: Absence


Content: TypeAlias = FinishedSpan | Placeholder


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a tree. `depth` is 0 at the top; `is_last` tells that no sibling follows."""

    content: Content
    depth: int
    is_last: bool
    has_children: bool


@dataclass(frozen=True, slots=True)
class TraceTree:
    """Spans of one trace, in the order in which a tree shows them: a parent before its children, siblings by their start.

    There is at least one span among the rows.
    """

    trace_id: int
    rows: list[Row]

    @property
    def spans(self) -> list[FinishedSpan]:
        """The spans among the rows, without the placeholders."""
        return [row.content for row in self.rows if isinstance(row.content, FinishedSpan)]

    @property
    def is_incomplete(self) -> bool:
        """True where a parent is missing that was not printed before."""
        placeholders = (row.content for row in self.rows if isinstance(row.content, Placeholder))
        return any(placeholder.absence is not Absence.PRINTED for placeholder in placeholders)


class TraceAssembler:
    """Takes finished spans in any order and gives back trees.

    At most `max_spans` spans of together about `max_characters` characters are held back; beyond either, the oldest incomplete trace
    is given out as it is. The ids of the last `max_remembered` spans that left are kept, to tell a parent that was printed from one
    that never came.
    """

    def __init__(
        self,
        max_spans: int = MAX_HELD_SPANS,
        max_characters: int = MAX_HELD_CHARACTERS,
        max_remembered: int = MAX_REMEMBERED_SPANS,
    ) -> None:
        self._held = HeldSpans()
        self._max_spans = max_spans
        self._max_characters = max_characters
        self._printed = _RecentSpans(max_remembered)

    @property
    def held_spans(self) -> int:
        """How many spans are held back at present."""
        return self._held.spans

    def add(self, batch: Sequence[FinishedSpan]) -> list[TraceTree]:
        """Take a batch; give the trees that it completed, the late children of spans that left before, and what no longer fits."""
        arrivals: dict[int, _Arrivals] = {}
        for span in batch:  # all of them before any tree is built: a child may stand behind its root
            arrived = arrivals.setdefault(span.handle.trace_id, _Arrivals([], {}))
            if span.parent is None or span.is_local_root:
                arrived.roots.append(span)
            else:
                self._held.hold(span, span.parent.span_id)
                arrived.parent_ids[span.parent.span_id] = None
        trees = [TraceTree(trace_id, self._completed(trace_id, arrived)) for trace_id, arrived in arrivals.items()]
        return [tree for tree in trees if tree.rows] + list(self._overflow())

    def drain(self) -> Iterator[TraceTree]:
        """Give everything that is still held back, the oldest trace first, under placeholders for the parents that never came."""
        while (trace_id := self._held.oldest_trace()) is not None:
            yield TraceTree(trace_id, self._remains(trace_id))

    def _overflow(self) -> Iterator[TraceTree]:
        while self._holds_too_much and (trace_id := self._held.oldest_trace()) is not None:
            yield TraceTree(trace_id, self._remains(trace_id))

    @property
    def _holds_too_much(self) -> bool:
        return self._held.spans > self._max_spans or self._held.characters > self._max_characters

    def _completed(self, trace_id: int, arrived: _Arrivals) -> list[Row]:
        rows: list[Row] = []
        for root in sorted(arrived.roots, key=lambda span: span.start_time_unix_nanos):
            rows += self._branch(trace_id, root)
        # Only parents named in this batch can be late: when a span leaves, it takes all that waited for it.
        late = [parent_id for parent_id in arrived.parent_ids if (trace_id, parent_id) in self._printed]
        return rows + self._under_placeholders(trace_id, late, Absence.PRINTED)

    def _remains(self, trace_id: int) -> list[Row]:
        parents = self._held.parents_by_child(trace_id)
        awaited = self._held.parent_ids(trace_id)
        missing = [parent_id for parent_id in awaited if parent_id not in parents]
        rows = self._under_placeholders(trace_id, missing, Absence.UNKNOWN)
        for parent_id in awaited:  # what hung on no missing parent is still held: it hangs on a loop
            if self._held.awaits(trace_id, parent_id):
                rows += self._under_placeholders(trace_id, [_in_loop(parents, parent_id)], Absence.LOOP)
        return rows

    def _under_placeholders(self, trace_id: int, parent_ids: Iterable[int], absence: Absence) -> list[Row]:
        rows: list[Row] = []
        for parent_id in parent_ids:
            branch = self._branch(trace_id, Placeholder(SpanHandle(trace_id, parent_id), absence))
            rows += branch if branch[0].has_children else []
        return rows

    def _branch(self, trace_id: int, top: Content) -> list[Row]:
        """`top` and all that hangs on it. Children are taken out as they are reached, so a loop of parents ends here by itself."""
        rows: list[Row] = []
        waiting: list[tuple[Content, int, bool]] = [(top, 0, True)]
        while waiting:
            content, depth, is_last = waiting.pop()
            children = self._held.take(trace_id, content.handle.span_id)
            rows.append(Row(content, depth, is_last, bool(children)))
            if isinstance(content, FinishedSpan):
                self._printed.add(trace_id, content.handle.span_id)
            last = len(children) - 1
            waiting.extend((children[index], depth + 1, index == last) for index in range(last, -1, -1))
        return rows


@dataclass(frozen=True, slots=True)
class _Arrivals:
    """What one batch brought of one trace: its local roots, and the parents that the other spans name (an ordered set)."""

    roots: list[FinishedSpan]
    parent_ids: dict[int, None]


class _RecentSpans:
    """A set of the ids of the last so many spans that were added."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._ids: OrderedDict[tuple[int, int], None] = OrderedDict()

    def __contains__(self, ids: tuple[int, int]) -> bool:
        return ids in self._ids

    def add(self, trace_id: int, span_id: int) -> None:
        self._ids[trace_id, span_id] = None
        if len(self._ids) > self._size:
            self._ids.popitem(last=False)


def _in_loop(parents: dict[int, int], span_id: int) -> int:
    """Some member of the loop that the way from `span_id` up ends in."""
    passed = set()
    while span_id not in passed:
        passed.add(span_id)
        span_id = parents[span_id]
    return span_id
