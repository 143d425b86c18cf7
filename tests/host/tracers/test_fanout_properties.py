"""Any sequence of calls to a FanoutTracer, against what each of three children saw: only its own handles, each span ended once."""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from bext_abi import SpanEvent, SpanHandle, SpanLink, SpanStart, SpanStatus
from bext_host import FanoutTracer
from bext_host.testing import RecordingTracer

MAX_OPEN = 6
STRANGERS = [SpanHandle(2**100 + number, number) for number in range(1, 3)]
INVALID = SpanHandle.INVALID

ANSWERS = st.sampled_from(["own", "own", "own", "invalid", "raise", "garbage", "twice"])
"""What a child does with a start; `twice` gives out a handle that is open already, where there is one."""


class MoodyTracer(RecordingTracer):
    """A child whose ids are its own (or, for `number` 0, those that the next child uses as well), and that does as it is told."""

    def __init__(self, first_id: int) -> None:
        super().__init__()
        self.mood = "own"
        self.open: set[SpanHandle] = set()
        self.known: set[SpanHandle] = set()
        self.faults: list[str] = []
        self._ids = iter(range(first_id, 2**63))

    def start_span(self, span: SpanStart) -> SpanHandle:
        for handle in [span.parent] * (span.parent is not None) + [link.handle for link in span.links]:
            if handle not in self.known and handle not in STRANGERS:
                self.faults.append(f"{handle!r} is not this child's")
        if self.mood == "raise":
            raise ValueError("moody")
        if self.mood == "garbage":
            return None  # type: ignore[return-value]  # what a faulty tracer answers
        if self.mood == "invalid":
            return INVALID
        if self.mood == "twice" and self.open:
            return min(self.open, key=lambda handle: handle.span_id)
        handle = super().start_span(span)
        self.open.add(handle)
        self.known.add(handle)
        return handle

    def _own(self, operation: str, span: SpanHandle) -> None:
        if span not in self.open:
            self.faults.append(f"{operation} of {span!r}, which is not open")
        if self.mood == "raise":
            raise ValueError("moody")

    def set_attribute(self, span: SpanHandle, key: str, value: object) -> None:
        self._own("set_attribute", span)

    def set_status(self, span: SpanHandle, status: SpanStatus) -> None:
        self._own("set_status", span)

    def add_event(self, span: SpanHandle, event: SpanEvent) -> None:
        self._own("add_event", span)

    def end_span(self, span: SpanHandle, end_time_unix_nanos: int | None = None) -> None:
        self.calls.append(("end_span", span, end_time_unix_nanos))
        try:
            self._own("end_span", span)
        finally:
            self.open.discard(span)


class Fanouts(RuleBasedStateMachine):
    """Two of the children count from the same number, so that their handles clash and differ."""

    spans = Bundle("spans")
    any_span = st.one_of(spans, st.sampled_from([*STRANGERS, INVALID]))

    def __init__(self) -> None:
        super().__init__()
        self.children = [MoodyTracer(1), MoodyTracer(1), MoodyTracer(1000)]
        self.fanout = FanoutTracer(self.children, max_open_spans=MAX_OPEN)
        self.open: dict[SpanHandle, list[SpanHandle]] = {}
        self.started = 0

    @rule(
        target=spans,
        parent=st.one_of(st.none(), any_span),
        remote=st.booleans(),
        links=st.lists(any_span, max_size=2),
        moods=st.tuples(ANSWERS, ANSWERS, ANSWERS),
    )
    def start(self, parent, remote, links, moods):
        self._set_moods(moods)
        before = [set(child.open) for child in self.children]
        room = len(self.open) < MAX_OPEN
        is_remote = remote and parent in STRANGERS
        span = SpanStart("s", parent=parent, parent_is_remote=is_remote, links=tuple(map(SpanLink, links)))
        public = self.fanout.start_span(span)
        fresh = [next(iter(child.open - old), INVALID) for child, old in zip(self.children, before, strict=True)]
        if public.is_invalid:
            assert fresh == [INVALID] * 3
            return multiple()
        assert room
        assert public not in self.open
        first = next(handle for handle in fresh if not handle.is_invalid)
        assert public == first or (first in self.open and public.trace_id == first.trace_id)
        self.open[public] = fresh
        self.started += 1
        return public

    @rule(
        span=any_span, moods=st.tuples(ANSWERS, ANSWERS, ANSWERS), operation=st.sampled_from(["set_attribute", "set_status", "add_event"])
    )
    def record(self, span, moods, operation):
        self._set_moods(moods)
        arguments = {"set_attribute": ("k", 1), "set_status": (SpanStatus(),), "add_event": (SpanEvent("e"),)}[operation]
        getattr(self.fanout, operation)(span, *arguments)

    @rule(span=any_span, moods=st.tuples(ANSWERS, ANSWERS, ANSWERS))
    def end(self, span, moods):
        self._set_moods(moods)
        expected = self.open.pop(span, [INVALID] * 3)
        before = [len(child.calls) for child in self.children]
        self.fanout.end_span(span, 9)
        for child, length, handle in zip(self.children, before, expected, strict=True):
            assert child.calls[length:] == ([] if handle.is_invalid else [("end_span", handle, 9)])

    def _set_moods(self, moods):
        for child, mood in zip(self.children, moods, strict=True):
            child.mood = mood

    @invariant()
    def every_child_sees_its_own_alone(self):
        for number, child in enumerate(self.children):
            assert child.faults == []
            assert child.open == {handles[number] for handles in self.open.values()} - {INVALID}

    @invariant()
    def the_counts_are_exact(self):
        assert self.fanout.open_spans == len(self.open)
        assert self.fanout.stats.started == self.started
        assert self.fanout.stats.ended == self.started - len(self.open)

    def teardown(self):
        self._set_moods(["own"] * 3)
        for span in list(self.open):
            self.fanout.end_span(span)
        for child in self.children:
            started = Counter(call[2] for call in child.calls if call[0] == "start_span")
            ended = Counter(call[1] for call in child.calls if call[0] == "end_span")
            assert started == ended
            assert set(started.values()) <= {1}


TestFanouts = Fanouts.TestCase
TestFanouts.settings = settings(stateful_step_count=40)
