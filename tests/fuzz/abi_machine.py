"""Guests that make any host call, and a host that does what hosts do, beside the model of ABI.md: after every step both hold the same.

Two scopes share one tracer, one of them with an instance in a second store as well. Handles go into one pool, so that each guest tries
those of the other, of the host, forged and ended ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random as Rng
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bext_abi import AttrValue, SpanEvent, SpanHandle, SpanStart, SpanStatus, StatusCode, codec
from bext_abi.constants import FUEL_PER_CALL
from bext_host import FinishedSpan, Limits, SpanRecorder
from bext_host.exporters import MemoryExporter
from fuzz import abi_payloads as given
from fuzz.abi_model import HANDLE_BYTES, HostCall, Recorded, RecorderModel, ScopeModel
from support.raw_guest import HANDLE_OUT, PAYLOAD, RawGuest
from support.recording import assert_well_formed

FORGED = (
    SpanHandle.INVALID,
    SpanHandle(0, 5),
    SpanHandle(7, 0),
    SpanHandle(1, 1),
    SpanHandle(2**64, 2**63),
    SpanHandle(2**128 - 1, 2**64 - 1),
)
MUCH_FUEL = 2**62
INSTRUCTIONS = 16
"""What a pass-through of raw_abi costs at most, in fuel."""

GUESTS = st.sampled_from([0, 1] * 6 + [2])
"""The instances of the first scope and of the second, and, now and then, the first scope's in another store."""
SCOPES = st.integers(0, 1)
SEEDS = st.integers(0, 2**32 - 1)


class PassedOn:
    """A recorder as a tracer that is nobody's own: the native engine calls it through Python."""

    name = "passed on"

    def __init__(self, recorder: SpanRecorder) -> None:
        self._recorder = recorder

    def start_span(self, span: SpanStart) -> SpanHandle:
        return self._recorder.start_span(span)

    def set_attribute(self, span: SpanHandle, key: str, value: AttrValue) -> None:
        self._recorder.set_attribute(span, key, value)

    def set_status(self, span: SpanHandle, status: SpanStatus) -> None:
        self._recorder.set_status(span, status)

    def add_event(self, span: SpanHandle, event: SpanEvent) -> None:
        self._recorder.add_event(span, event)

    def end_span(self, span: SpanHandle, end_time_unix_nanos: int | None = None) -> None:
        self._recorder.end_span(span, end_time_unix_nanos)

    def flush(self) -> None:
        self._recorder.flush()

    def record_host(self, span: SpanHandle, **facts: Mapping[str, Any] | Sequence[SpanEvent] | SpanStatus | None) -> None:
        self._recorder.record_host(span, **facts)

    def now(self, span: SpanHandle) -> int:
        return self._recorder.now(span)

    def add_dropped(self, span: SpanHandle, **counts: int) -> None:
        self._recorder.add_dropped(span, **counts)


class BoundaryMachine(RuleBasedStateMachine):
    """One run: `boundary` and `recorder` are the engines; with `is_passed_on` the recorder is reached through Python."""

    boundary: ClassVar[str] = "reference"
    recorder_engine: ClassVar[str] = "reference"
    is_passed_on: ClassVar[bool] = False

    @initialize(
        policies=st.tuples(*[st.sampled_from(["link", "continue", "ignore"])] * 2),
        limits=st.tuples(*[st.sampled_from([given.TIGHT, given.TIGHT, Limits()])] * 2),
        samples_roots=st.sampled_from([True] * 7 + [False]),
        has_fuel=st.booleans(),
    )
    def begin(self, policies: tuple[str, str], limits: tuple[Limits, Limits], samples_roots: bool, has_fuel: bool) -> None:
        self.has_fuel = has_fuel
        self.exporter = MemoryExporter()
        sampler = "always_on" if samples_roots else "always_off"
        self.recorder = SpanRecorder(self.exporter, sampler=sampler, engine=self.recorder_engine)
        self.recorded = RecorderModel(samples_roots=samples_roots)
        tracer = PassedOn(self.recorder) if self.is_passed_on else self.recorder
        self.scopes = [ScopeModel(self.recorded, limits[i], policies[i], f"plugin {i}") for i in range(2)]
        self.guests = [
            RawGuest(
                tracer,
                engine=self.boundary,
                limits=scope.limits,
                fuel=MUCH_FUEL if has_fuel else None,
                remote_parents=scope.policy,
                plugin_name=scope.name,
            )
            for scope in self.scopes
        ]
        self.guests.append(self.guests[0].in_another_store())
        self.models = [*self.scopes, self.scopes[0]]
        self.managers: list[list[Any]] = [[], []]
        self.handles: list[SpanHandle] = []
        self.steps = 0
        self.hosts_own: list[SpanHandle] = []
        self.seen = 0
        for who in range(2):
            self.start_with(who, codec.encode_span_start(SpanStart("first")), HANDLE_OUT)

    # --- Chance ---

    def rng(self, seed: int) -> Rng:
        """Other numbers at each step, though hypothesis likes to give the same seeds again."""
        self.steps += 1
        return Rng(seed << 16 | self.steps)

    def any_handle(self, rng: Rng) -> SpanHandle:
        """Anybody's, of whatever kind; the newest more often, and now and then a forged one."""
        roll = rng.random()
        if roll < 0.12 or not self.handles:
            return rng.choice(FORGED)
        return rng.choice(self.handles[-6:] if roll < 0.5 else self.handles)

    def handle_for(self, which: int, rng: Rng) -> SpanHandle:
        """Mostly one that this guest may change, where there is any."""
        scope = self.scopes[which]
        touchable = [*scope.open, *(handle for handle, _ in scope.current[-1:])]
        return rng.choice(touchable) if touchable and rng.random() < 0.75 else self.any_handle(rng)

    def call_of(self, who: int) -> HostCall:
        return HostCall(who, self.guests[who].snapshot())

    def make(self, who: int, name: str, *arguments: int, payload_bytes: int = 0) -> Any:
        """Make a host call, which costs what ABI.md says, and the few instructions round it."""
        guest = self.guests[who]
        before = guest.store.get_fuel() if self.has_fuel else 0
        answer = guest.call(name, *arguments)
        spent = before - guest.store.get_fuel() if self.has_fuel else FUEL_PER_CALL + payload_bytes
        assert 0 <= spent - FUEL_PER_CALL - payload_bytes <= INSTRUCTIONS
        return answer

    # --- Host calls ---

    @rule(who=GUESTS, seed=SEEDS)
    def start(self, who: int, seed: int) -> None:
        rng = self.rng(seed)
        self.start_with(who, given.start(rng, lambda: self.handle_for(who % 2, rng)), given.out(rng))

    @rule(which=SCOPES, seed=SEEDS)
    def start_plainly(self, which: int, seed: int) -> None:
        rng = self.rng(seed)
        span = given.plain_start(rng, lambda: self.handle_for(which, rng))
        self.start_with(which, codec.encode_span_start(span), HANDLE_OUT)

    @rule(who=GUESTS, seed=SEEDS)
    def start_wildly(self, who: int, seed: int) -> None:
        rng = self.rng(seed)
        self.start_anywhere(who, given.offset(rng), given.length(rng), given.out(rng))

    def start_with(self, who: int, payload: bytes, out: int) -> None:
        self.guests[who].write(PAYLOAD, payload)
        self.start_anywhere(who, PAYLOAD, len(payload), out)

    def start_anywhere(self, who: int, at: int, length: int, out: int) -> None:
        guest, call = self.guests[who], self.call_of(who)
        self.make(who, "start_span", at, length, out, payload_bytes=length)
        handle = SpanHandle.from_bytes(guest.read(out, HANDLE_BYTES)) if call.has(out, HANDLE_BYTES) else None
        assert guest.snapshot() == self.models[who].start_span(call, at, length, out, handle)
        if handle in self.recorded.spans and handle not in self.handles:
            self.handles += [SpanHandle(handle.trace_id, handle.span_id ^ 1), handle]

    @rule(who=GUESTS, operation=st.sampled_from(given.OPERATIONS), seed=SEEDS)
    def record(self, who: int, operation: str, seed: int) -> None:
        rng = self.rng(seed)
        self.record_with(who, operation, self.handle_for(who % 2, rng), given.record(rng, operation))

    def record_with(self, who: int, operation: str, handle: SpanHandle, payload: bytes) -> None:
        self.guests[who].write(PAYLOAD, payload)
        self.record_anywhere(who, operation, handle, PAYLOAD, len(payload))

    @rule(which=SCOPES, operation=st.sampled_from(given.OPERATIONS), seed=SEEDS)
    def record_plainly(self, which: int, operation: str, seed: int) -> None:
        """On the span that was started first of those that are open, so that its limits are met."""
        handle = next(iter(self.scopes[which].open), SpanHandle.INVALID)
        self.record_with(which, operation, handle, given.plain_record(self.rng(seed), operation))

    @rule(who=GUESTS, operation=st.sampled_from(given.OPERATIONS), seed=SEEDS)
    def record_wildly(self, who: int, operation: str, seed: int) -> None:
        rng = self.rng(seed)
        self.record_anywhere(who, operation, self.handle_for(who % 2, rng), given.offset(rng), given.length(rng))

    def record_anywhere(self, who: int, operation: str, handle: SpanHandle, at: int, length: int) -> None:
        guest, call = self.guests[who], self.call_of(who)
        self.make(who, operation, *handle.to_parts(), at, length, payload_bytes=length)
        self.models[who].record(call, operation, handle, at, length)
        assert guest.snapshot() == call.memory

    @rule(who=GUESTS, seed=SEEDS)
    def end(self, who: int, seed: int) -> None:
        rng = self.rng(seed)
        guest, call, handle, time = self.guests[who], self.call_of(who), self.handle_for(who % 2, rng), given.time(rng)
        self.make(who, "end_span", *handle.to_parts(), time)
        self.models[who].end_span(call, handle, time)
        assert guest.snapshot() == call.memory

    @rule(who=GUESTS, seed=SEEDS)
    def current(self, who: int, seed: int) -> None:
        guest, call, out = self.guests[who], self.call_of(who), given.out(self.rng(seed))
        answer = self.make(who, "current_span", out)
        assert (answer, guest.snapshot()) == self.models[who].current_span(call, out)

    @rule(who=GUESTS, pages=st.sampled_from([0, 1, 1, 2, 100]))
    def grow(self, who: int, pages: int) -> None:
        """Memory may move. A guest that wants too much gets nothing."""
        self.guests[who].call("grow", pages)

    # --- The host ---

    @rule(which=SCOPES, seed=SEEDS)
    def surround(self, which: int, seed: int) -> None:
        """The span that surrounds the calls is mostly one of the host's own."""
        rng = self.rng(seed)
        handle = rng.choice(self.hosts_own) if self.hosts_own and rng.random() < 0.6 else self.any_handle(rng)
        manager = self.guests[which].scope.current(handle)
        manager.__enter__()
        self.managers[which].append(manager)
        self.scopes[which].push(handle)

    @rule(which=SCOPES)
    def surround_no_more(self, which: int) -> None:
        if self.managers[which]:
            self.managers[which].pop().__exit__(None, None, None)
            self.scopes[which].pop()

    @rule(which=SCOPES, seed=SEEDS)
    def grant(self, which: int, seed: int) -> None:
        handle = self.any_handle(self.rng(seed))
        self.guests[which].scope.grant(handle)
        self.scopes[which].granted.add(handle)

    @precondition(lambda self: self.steps % 8 == 7)
    @rule(which=SCOPES)
    def expire(self, which: int) -> None:
        self.guests[which].scope.expire(0)
        self.scopes[which].expire()

    @precondition(lambda self: self.steps > 60)
    @rule(which=SCOPES, reason=st.sampled_from(["closed", "trap"]))
    def close(self, which: int, reason: str) -> None:
        self.guests[which].scope.close(reason)
        self.scopes[which].close(reason)

    @rule(seed=SEEDS)
    def host_starts(self, seed: int) -> None:
        rng = self.rng(seed)
        span = given.plain_start(rng, lambda: self.any_handle(rng))
        handle = self.recorder.start_span(span)
        is_sampled = self.recorded.samples(span) and not (span.parent is not None and span.parent.is_invalid)
        assert handle.is_invalid != is_sampled
        if is_sampled:
            self.recorded.start(span, handle)
            self.hosts_own.append(handle)
            self.handles.append(handle)

    @precondition(lambda self: self.hosts_own)
    @rule(seed=SEEDS, time=st.sampled_from([None, 1, 5]))
    def host_ends(self, seed: int, time: int | None) -> None:
        handle = self.rng(seed).choice(self.hosts_own)
        self.recorder.end_span(handle, time)
        self.recorded.end(handle, time)

    @precondition(lambda self: self.hosts_own)
    @rule(seed=SEEDS, key=st.sampled_from(["a", "host"]), value=st.integers(0, 3))
    def host_records(self, seed: int, key: str, value: int) -> None:
        handle = self.rng(seed).choice(self.hosts_own)
        self.recorder.set_attribute(handle, key, value)
        self.recorded.set_attribute(handle, key, value)

    @rule()
    def flush(self) -> None:
        self.recorder.flush()
        self.compare_finished()

    # --- What must be true after every step ---

    @invariant()
    def counters_are_the_models(self) -> None:
        for guest, model in zip(self.guests, self.scopes, strict=False):
            stats = guest.scope.stats
            for name in ("calls", "recorded", "dropped", "unsampled", "ignored", "abandoned"):
                assert _met(getattr(stats, name)) == _met(getattr(model, name)), name
            assert (guest.scope.open_spans, guest.scope.closed) == (len(model.open), model.is_closed)
            traffic = guest.scope.traffic
            assert (traffic.calls, traffic.payload_bytes) == (sum(model.calls.values()), model.payload_bytes)

    @invariant()
    def every_span_is_open_or_ended_once(self) -> None:
        stats, spans = self.recorder.stats, self.recorded.spans.values()
        assert stats.started == len(spans)
        assert stats.ended == sum(span.is_ended for span in spans)
        assert self.recorder.open_spans == stats.started - stats.ended
        assert not any(stats.dropped.values())

    def compare_finished(self) -> None:
        """What came out since the last time is what the model holds: of this span, and by nobody but those who may."""
        fresh = self.exporter.spans[self.seen :]
        self.seen = len(self.exporter.spans)
        assert self.seen == sum(span.is_ended for span in self.recorded.spans.values())
        assert len({span.handle for span in self.exporter.spans}) == self.seen
        for span in fresh:
            assert_well_formed(span)
            assert_is(span, self.recorded.spans[span.handle])

    def teardown(self) -> None:
        if not hasattr(self, "guests"):
            return
        for which in range(2):
            while self.managers[which]:
                self.surround_no_more(which)
            self.close(which, "the end")
        for handle in self.hosts_own:
            self.recorder.end_span(handle)
            self.recorded.end(handle, None)
        self.counters_are_the_models()
        self.every_span_is_open_or_ended_once()
        assert self.recorder.open_spans == 0
        self.flush()
        self.recorder.close()


def _met(counters: Any) -> Any:
    """Of counters, those that are not 0."""
    return {key: count for key, count in counters.items() if count} if isinstance(counters, Counter) else counters


def assert_is(span: FinishedSpan, model: Recorded) -> None:
    """The finished span is what the model says."""
    start = model.start
    assert (span.name, span.kind, span.scope_name) == (start.name, start.kind, start.scope_name)
    assert (span.parent, span.parent_is_remote, span.trace_state) == (start.parent, start.parent_is_remote, model.trace_state)
    assert repr(span.links) == repr(start.links)
    assert repr(span.attributes) == repr(model.attributes)
    _assert_events(span, model)
    if model.is_abandoned:
        assert span.status.code is StatusCode.ERROR
    else:
        assert span.status == model.status
    dropped = (span.dropped_attributes_count, span.dropped_events_count, span.dropped_links_count)
    assert dropped == (model.dropped_attributes, model.dropped_events, start.dropped_links_count)
    _assert_times(span, model)


def _assert_events(span: FinishedSpan, model: Recorded) -> None:
    events = list(span.events)
    if model.is_abandoned:
        assert events.pop().name == "exception"
    times = [event.time_unix_nanos for event in model.events]
    assert all(time in (None, event.time_unix_nanos) for time, event in zip(times, events, strict=True))
    timeless = [replace(event, time_unix_nanos=None) for event in events]
    assert repr(timeless) == repr([replace(event, time_unix_nanos=None) for event in model.events])


def _assert_times(span: FinishedSpan, model: Recorded) -> None:
    given_start = model.start.start_time_unix_nanos
    assert given_start in (None, span.start_time_unix_nanos)
    if model.end_time is not None:
        assert span.end_time_unix_nanos == max(model.end_time, span.start_time_unix_nanos)
