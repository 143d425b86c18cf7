"""Spans of every shape, for hypothesis, and how each is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import strategies as st

from bext_abi import SpanEvent, SpanHandle, SpanKind, SpanLink, SpanStart, SpanStatus, StatusCode
from bext_host import Limits, SpanRecorder

LARGE = Limits(
    payload_bytes=2**28, span_bytes=2**28, queue_bytes=2**30, batch_bytes=2**30, batch_spans=100_000, queue_spans=100_000,
    span_attributes=10_000, span_events=1000, span_links=1000, event_attributes=1000, link_attributes=1000,
)  # fmt: skip

U63 = st.integers(1, 2**63 - 1)
TEXTS = st.one_of(st.text(max_size=20), st.sampled_from(["x" * length for length in (31, 127, 128, 16_384)]))
INTS = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-200, 300))
SCALARS = st.one_of(TEXTS, st.booleans(), INTS, st.floats())
ARRAYS = st.one_of(*[st.lists(items, max_size=4).map(tuple) for items in (TEXTS, st.booleans(), INTS, st.floats())])
ATTRIBUTES = st.dictionaries(st.text(min_size=1, max_size=12), st.one_of(SCALARS, ARRAYS), max_size=5)
COUNTS = st.sampled_from([0, 0, 1, 200, 2**32 - 1, 2**32, 2**40])
HANDLES = st.builds(SpanHandle, st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1))
EVENTS = st.builds(SpanEvent, TEXTS, ATTRIBUTES, U63, COUNTS)
LINKS = st.builds(SpanLink, HANDLES, ATTRIBUTES, st.sampled_from(["", "a=b", "v@x=1,w=2"]), COUNTS)
STATUSES = st.builds(SpanStatus, st.sampled_from(StatusCode), TEXTS)


@dataclass(frozen=True)
class Recorded:
    """A span with what is recorded on it after its start."""

    start: SpanStart
    events: Sequence[SpanEvent] = ()
    status: SpanStatus = field(default_factory=SpanStatus)
    end: int | None = None
    more: tuple[int, int] = (0, 0)

    def record(self, recorder: SpanRecorder) -> None:
        handle = recorder.start_span(self.start)
        for event in self.events:
            recorder.add_event(handle, event)
        recorder.set_status(handle, self.status)
        recorder.add_dropped(handle, attributes=self.more[0], events=self.more[1])
        recorder.end_span(handle, self.end)


STARTS = st.builds(
    SpanStart,
    name=TEXTS,
    kind=st.sampled_from(SpanKind),
    parent=st.one_of(st.none(), HANDLES),
    parent_is_remote=st.booleans(),
    trace_state=st.sampled_from(["", "a=b"]),
    attributes=ATTRIBUTES,
    links=st.lists(LINKS, max_size=3).map(tuple),
    start_time_unix_nanos=st.one_of(st.none(), U63),
    scope_name=st.sampled_from(["", "a", "b", "a long plugin name " * 3]),
    scope_version=st.sampled_from(["", "1.0", "2"]),
    dropped_attributes_count=COUNTS,
    dropped_links_count=COUNTS,
)
SPANS = st.builds(
    Recorded, STARTS, st.lists(EVENTS, max_size=3), STATUSES, st.one_of(st.none(), U63), st.tuples(st.sampled_from([0, 3]), COUNTS)
)
