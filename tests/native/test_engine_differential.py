"""Both engines, driven by the same random calls of a real guest: the tracer sees the same, memory and counters hold the same."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bext_abi import SpanEvent, SpanHandle, SpanLink, SpanStart, SpanStatus, StatusCode, codec
from bext_host import Limits, engine
from native import payloads
from support.raw_guest import HANDLE_OUT, PAGE, PAYLOAD, RawGuest
from support.tracers import HostRecordingTracer

pytestmark = pytest.mark.skipif(engine != "native", reason="this installation has no native engine")

TIGHT = Limits(
    payload_bytes=200, span_attributes=3, span_events=2, span_links=2, event_attributes=2, link_attributes=1,
    span_bytes=300, scope_open_spans=4, scope_bytes=700, scope_ended_parents=3,
)  # fmt: skip
OFFSETS = st.one_of(st.sampled_from([0, HANDLE_OUT, PAYLOAD, PAGE - 24, PAGE - 23, PAGE, 2**31, 2**32 - 1]), st.integers(0, PAGE))
NUMBERS = st.integers(0, 7)
TIMES = st.sampled_from([0, 1, 2**63 - 1, 2**63, 2**64 - 1])

RANDOMS = st.randoms(use_true_random=False)
KEYS = st.sampled_from(["a", "b", "c", "d", "bext.e", "long key " * 5])
ATTRIBUTES = st.dictionaries(KEYS, st.one_of(st.integers(0, 300), st.text(max_size=60), st.lists(st.booleans(), max_size=3)), max_size=5)


def handle_of(number: int) -> SpanHandle:
    """A handle that the tracer gave or will give, or none of it."""
    return SpanHandle.INVALID if number == 7 else SpanHandle(number + 1, number + 1)


def odd(name: str) -> st.SearchStrategy[bytes]:
    """Payloads of good and bad parts."""
    return RANDOMS.map(lambda rng: payloads.well_framed(rng, name))


HANDLES = NUMBERS.map(handle_of)
STARTS = st.builds(
    SpanStart,
    name=st.sampled_from(["s", "long name " * 9]),
    parent=st.one_of(st.none(), HANDLES),
    parent_is_remote=st.booleans(),
    parent_flags=st.sampled_from([0, 1, 257]),
    trace_state=st.sampled_from(["", "a=b", "not valid"]),
    attributes=ATTRIBUTES,
    links=st.lists(st.builds(SpanLink, HANDLES, ATTRIBUTES), max_size=3).map(tuple),
).map(codec.encode_span_start)
EVENTS = st.builds(SpanEvent, st.just("e"), ATTRIBUTES, st.sampled_from([None, 5])).map(codec.encode_span_event)
STATUSES = st.builds(SpanStatus, st.sampled_from(StatusCode), st.text(max_size=40)).map(codec.encode_span_status)
PAIRS = st.tuples(KEYS, st.one_of(st.integers(0, 300), st.text(max_size=60))).map(lambda pair: codec.encode_attribute(*pair))

COMMANDS = st.one_of(
    st.tuples(st.just("start_span"), st.one_of(STARTS, STARTS, odd("span_start")), st.one_of(st.just(HANDLE_OUT), OFFSETS)),
    st.tuples(st.just("set_attribute"), NUMBERS, st.one_of(PAIRS, PAIRS, odd("attribute"))),
    st.tuples(st.just("set_status"), NUMBERS, st.one_of(STATUSES, odd("span_status"))),
    st.tuples(st.just("add_event"), NUMBERS, st.one_of(EVENTS, odd("span_event"))),
    st.tuples(st.just("end_span"), NUMBERS, TIMES),
    st.tuples(st.just("current_span"), OFFSETS),
    st.tuples(st.sampled_from(["push", "grant"]), NUMBERS),
    st.tuples(st.sampled_from(["pop", "grow", "close"])),
    st.tuples(st.sampled_from(["pass", "expire"]), NUMBERS),
    st.tuples(st.just("wild"), st.sampled_from(["set_attribute", "set_status", "add_event"]), NUMBERS, OFFSETS, OFFSETS),
)


class Driven:
    """A guest on one engine, and the host spans round it."""

    def __init__(self, name: str, policy: str) -> None:
        self.tracer = HostRecordingTracer()
        self.tracer.now = lambda span: 7  # type: ignore[method-assign]
        self.guest = RawGuest(self.tracer, engine=name, limits=TIGHT, remote_parents=policy, measure_host_time=True)
        self.current: list[object] = []
        self.millis = 1

    def run(self, command: tuple[object, ...]) -> object:
        kind, *rest = command
        return getattr(self, f"_{kind}", lambda *arguments: self._record(kind, *arguments))(*rest)

    def _start_span(self, payload: bytes, handle_out: int) -> None:
        self.guest.write(PAYLOAD, payload)
        self.guest.call("start_span", PAYLOAD, len(payload), handle_out)

    def _record(self, operation: str, number: int, payload: bytes) -> None:
        self.guest.write(PAYLOAD, payload)
        self.guest.call(operation, *handle_of(number).to_parts(), PAYLOAD, len(payload))

    def _wild(self, operation: str, number: int, offset: int, length: int) -> None:
        self.guest.call(operation, *handle_of(number).to_parts(), offset, length)

    def _end_span(self, number: int, time: int) -> None:
        self.guest.call("end_span", *handle_of(number).to_parts(), time)

    def _current_span(self, handle_out: int) -> object:
        return self.guest.call("current_span", handle_out)

    def _push(self, number: int) -> None:
        manager = self.guest.scope.current(handle_of(number))
        manager.__enter__()
        self.current.append(manager)

    def _pop(self) -> None:
        if self.current:
            self.current.pop().__exit__(None, None, None)  # type: ignore[attr-defined]

    def _grant(self, number: int) -> None:
        self.guest.scope.grant(handle_of(number))

    def _grow(self) -> object:
        return self.guest.call("grow", 1)

    def _pass(self, millis: int) -> None:
        self.millis += millis
        self.guest.scope._calls.mark_time(self.millis)

    def _expire(self, millis: int) -> list[SpanHandle]:
        return self.guest.scope._calls.take_started_before(self.millis - millis)

    def _close(self) -> int:
        return self.guest.scope.close()

    def seen(self) -> tuple[object, ...]:
        scope = self.guest.scope
        traffic = replace(scope.traffic, nanos=None)  # how long it took is each engine's own
        return self.tracer.calls, scope.open_spans, asdict(scope.stats), traffic, self.guest.snapshot()


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["link", "continue", "ignore"]), st.lists(COMMANDS, max_size=40))
def test_both_engines_do_the_same(policy, commands):
    reference, native = Driven("reference", policy), Driven("native", policy)
    for command in commands:
        assert reference.run(command) == native.run(command), command
        assert repr(reference.seen()) == repr(native.seen()), command
