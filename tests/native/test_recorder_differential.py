"""SpanRecorder in Python and in C, behind either boundary: the same calls give the same spans and counters.

Ids and clocks are each recorder's own. They are compared by what they are: which of the started spans a handle is, and whether a time
was given or taken from the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bext_abi import SpanEvent, SpanHandle, SpanLink, SpanStart, SpanStatus, StatusCode, codec
from bext_host import FinishedSpan, Limits, SpanRecorder, engine
from native import payloads
from support.raw_guest import RawGuest

pytestmark = pytest.mark.skipif(engine != "native", reason="this installation has no native engine")

TIGHT = Limits(
    payload_bytes=240, span_attributes=4, span_events=2, span_links=2, event_attributes=2, link_attributes=1,
    span_bytes=330, scope_open_spans=4, scope_bytes=800, scope_ended_parents=3, queue_spans=6, queue_bytes=1500,
    batch_spans=3, batch_bytes=700,
)  # fmt: skip

PAIRINGS = (("reference", "reference"), ("native", "native"), ("reference", "native"), ("native", "reference"))
"""A boundary and a recorder each. Only where both are native does a call stay in C."""

GIVEN_TIMES = (1, 5, 2**63 - 1)
CLOCK = -1

NUMBERS = st.integers(0, 7)
TIMES = st.sampled_from([0, 0, 1, 2**63 - 1, 2**63, 2**64 - 1])
KEYS = st.sampled_from(["a", "b", "c", "d", "e", "bext.f", "long key " * 5])
TEXTS = st.one_of(st.text(max_size=60), st.sampled_from(["x" * 31, "x" * 32, "y" * 200]))
VALUES = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.integers(-40, 300), TEXTS, st.booleans(), st.floats(width=32),
    st.lists(st.booleans(), max_size=3), st.lists(st.integers(-200, 70000), max_size=3), st.lists(st.text(max_size=5), max_size=3),
)  # fmt: skip
ATTRIBUTES = st.dictionaries(KEYS, VALUES, max_size=6)


def placeholder(number: int) -> SpanHandle:
    """Stands for the span that was started as the `number`th, where there is one; else it is a handle that nobody gave."""
    return SpanHandle.INVALID if number == 7 else SpanHandle(number + 1, number + 1)


HANDLES = NUMBERS.map(placeholder)
EVENTS = st.builds(SpanEvent, st.sampled_from(["e", "event " * 9]), ATTRIBUTES, st.sampled_from([None, 5]))
STATUSES = st.builds(SpanStatus, st.sampled_from(StatusCode), st.text(max_size=40))
STARTS = st.builds(
    SpanStart,
    name=st.sampled_from(["s", "long name " * 9]),
    kind=st.integers(0, 4),
    parent=st.one_of(st.none(), HANDLES),
    parent_is_remote=st.booleans(),
    parent_flags=st.sampled_from([0, 1, 257]),
    trace_state=st.sampled_from(["", "a=b", "not valid"]),
    attributes=ATTRIBUTES,
    links=st.lists(st.builds(SpanLink, HANDLES, ATTRIBUTES), max_size=3).map(tuple),
    start_time_unix_nanos=st.sampled_from([None, None, 1, 5]),
)


def odd(name: str) -> st.SearchStrategy[bytes]:
    """Payloads of good and bad parts."""
    return st.randoms(use_true_random=False).map(lambda rng: payloads.well_framed(rng, name))


COMMANDS = st.one_of(
    st.tuples(st.just("start"), st.one_of(STARTS, STARTS, STARTS, odd("span_start"))),
    st.tuples(st.just("set_attribute"), NUMBERS, st.one_of(st.tuples(KEYS, VALUES), odd("attribute"))),
    st.tuples(st.just("set_attribute"), NUMBERS, st.tuples(KEYS, VALUES)),
    st.tuples(st.just("set_status"), NUMBERS, st.one_of(STATUSES, odd("span_status"))),
    st.tuples(st.just("add_event"), NUMBERS, st.one_of(EVENTS, odd("span_event"))),
    st.tuples(st.just("end"), NUMBERS, TIMES),
    st.tuples(st.sampled_from(["push", "grant"]), NUMBERS),
    st.tuples(st.sampled_from(["pop", "flush", "flush", "close"])),
    st.tuples(st.just("host"), st.just("start_span"), STARTS),
    st.tuples(st.just("host"), st.just("set_attribute"), NUMBERS, KEYS, VALUES),
    st.tuples(st.just("host"), st.just("set_status"), NUMBERS, STATUSES),
    st.tuples(st.just("host"), st.just("add_event"), NUMBERS, EVENTS),
    st.tuples(st.just("host"), st.just("end_span"), NUMBERS, st.sampled_from([None, 1, 5, 2**63 - 1])),
    st.tuples(st.just("verdict"), NUMBERS, ATTRIBUTES, EVENTS, STATUSES),
)


class Collecting:
    """An exporter that keeps the spans, and how they came in batches."""

    name = "collecting"

    def __init__(self) -> None:
        self.batches: list[list[FinishedSpan]] = []

    def export(self, spans: Sequence[FinishedSpan], deadline: float) -> None:
        self.batches.append(list(spans))

    def shutdown(self, deadline: float) -> None:
        pass


class Driven:
    """A guest and a host that record into one recorder."""

    def __init__(self, boundary: str, recorder: str, policy: str) -> None:
        self.exporter = Collecting()
        self.recorder = SpanRecorder(self.exporter, limits=TIGHT, sampler="always_on", engine=recorder)
        self.guest = RawGuest(self.recorder, engine=boundary, limits=TIGHT, remote_parents=policy)
        self.handles: list[SpanHandle] = []
        self.current: list[Any] = []

    # --- From placeholders to handles and back ---

    def real(self, handle: SpanHandle) -> SpanHandle:
        number = handle.span_id - 1
        return self.handles[number] if 0 <= number < len(self.handles) else handle

    def resolved(self, value: Any) -> Any:
        """A struct with the real handles in it."""
        if isinstance(value, SpanStart):
            links = tuple(replace(link, handle=self.real(link.handle)) for link in value.links)
            return replace(value, parent=None if value.parent is None else self.real(value.parent), links=links)
        return value

    def known(self, handle: SpanHandle | None) -> Any:
        """Which of the started spans this is; the placeholder itself where it is none."""
        return self.handles.index(handle) if handle in self.handles else handle

    def started(self, handle: SpanHandle) -> Any:
        if handle.is_invalid:
            return "not started"
        parents = [other.trace_id for other in self.handles]
        self.handles.append(handle)
        return parents.index(handle.trace_id) if handle.trace_id in parents else "a new trace"

    # --- Commands ---

    def run(self, command: tuple[Any, ...]) -> object:
        kind, *rest = command
        answer: object = getattr(self, kind)(*rest)
        return answer

    def start(self, span: SpanStart | bytes) -> object:
        payload = span if isinstance(span, bytes) else codec.encode_span_start(self.resolved(span))
        return self.started(self.guest.start(payload))

    def _record(self, operation: str, number: int, encode: Callable[[Any], bytes], value: Any) -> None:
        payload = value if isinstance(value, bytes) else encode(value)
        self.guest.record(operation, self.real(placeholder(number)), payload)

    def set_attribute(self, number: int, pair: Any) -> None:
        self._record("set_attribute", number, lambda pair: codec.encode_attribute(*pair), pair)

    def set_status(self, number: int, status: Any) -> None:
        self._record("set_status", number, codec.encode_span_status, status)

    def add_event(self, number: int, event: Any) -> None:
        self._record("add_event", number, codec.encode_span_event, event)

    def end(self, number: int, time: int) -> None:
        self.guest.end(self.real(placeholder(number)), time)

    def push(self, number: int) -> None:
        manager = self.guest.scope.current(self.real(placeholder(number)))
        manager.__enter__()
        self.current.append(manager)

    def pop(self) -> None:
        if self.current:
            self.current.pop().__exit__(None, None, None)

    def grant(self, number: int) -> None:
        self.guest.scope.grant(self.real(placeholder(number)))

    def flush(self) -> None:
        self.recorder.flush()

    def close(self) -> int:
        return self.guest.scope.close()

    def host(self, operation: str, *arguments: Any) -> object:
        first, *rest = arguments
        if operation == "start_span":
            return self.started(self.recorder.start_span(self.resolved(first)))
        getattr(self.recorder, operation)(self.real(placeholder(first)), *rest)
        return None

    def verdict(self, number: int, attributes: Any, event: SpanEvent, status: SpanStatus) -> None:
        self.recorder.record_host(self.real(placeholder(number)), attributes=attributes, events=[event], status=status)

    # --- What became of it ---

    def counters(self) -> tuple[object, ...]:
        scope = self.guest.scope
        return asdict(scope.stats), scope.open_spans, asdict(self.recorder.stats), self.recorder.open_spans, self.recorder.queued_spans

    def spans(self) -> list[list[str]]:
        return [[repr(self.comparable(span)) for span in batch] for batch in self.exporter.batches]

    def comparable(self, span: FinishedSpan) -> FinishedSpan:
        assert span.end_time_unix_nanos >= span.start_time_unix_nanos
        ended_at_start = span.end_time_unix_nanos == span.start_time_unix_nanos  # where the guest gave an end before it
        return replace(
            span,
            handle=self.known(span.handle),
            parent=self.known(span.parent),
            start_time_unix_nanos=given_time(span.start_time_unix_nanos),
            end_time_unix_nanos=CLOCK if ended_at_start else given_time(span.end_time_unix_nanos),
            events=tuple(replace(event, time_unix_nanos=given_time(event.time_unix_nanos)) for event in span.events),
            links=tuple(replace(link, handle=self.known(link.handle)) for link in span.links),
        )


def given_time(time: int | None) -> int:
    """A time as somebody gave it, or CLOCK for one that a recorder took."""
    assert time is not None
    return time if time in GIVEN_TIMES else CLOCK


def all_driven(policy: str) -> Iterator[Driven]:
    for boundary, recorder in PAIRINGS:
        yield Driven(boundary, recorder, policy)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["link", "continue", "ignore"]), st.lists(COMMANDS, max_size=30))
def test_all_pairings_record_the_same(policy, commands):
    first, *others = all_driven(policy)
    for command in [*commands, ("close",), ("flush",)]:
        answer = first.run(command)
        for other in others:
            assert other.run(command) == answer, command
            assert other.counters() == first.counters(), command
    for other in others:
        assert other.spans() == first.spans()


def test_the_comparison_sees_a_difference():
    """So that the test above does not pass because nothing is compared."""
    one, other = Driven("native", "native", "link"), Driven("reference", "reference", "link")
    for driven, value in ((one, "x"), (other, "y")):
        driven.start(SpanStart("s"))
        driven.set_attribute(0, ("a", value))
        driven.end(0, 0)
        driven.flush()
    assert one.counters() == other.counters()
    assert one.spans() != other.spans()
