"""Two tenants on one tracer, each with every handle of the other: nothing of it can be changed, ended, had as a parent, or read.

What ABI.md leaves a plugin is a link: a link names a span in the linking span's own data, as it may name any 24 bytes, known or not.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from bext_abi import SpanEvent, SpanHandle, SpanLink, SpanStart, SpanStatus, StatusCode, codec
from bext_host import FinishedSpan, GuestTrap, PluginHost, SpanRecorder
from bext_host.exporters import MemoryExporter
from fuzz.seeds import for_each_seed
from support.raw_guest import ENGINES, HANDLE_OUT, RawGuest, span_payload
from support.wat import Guest, hook

TRACERS = ["recorder", "python"]
TOUCHES: dict[str, bytes] = {
    "set_attribute": codec.encode_attribute("touched", 1),
    "set_status": codec.encode_span_status(SpanStatus(StatusCode.ERROR, "touched")),
    "add_event": codec.encode_span_event(SpanEvent("touched")),
}


@dataclass
class Pair:
    """A victim and a hostile plugin of two tenants, on one tracer. `finished` gives the spans that a recorder has."""

    victim: RawGuest
    hostile: RawGuest
    exporter: MemoryExporter
    recorder: SpanRecorder

    def finished(self) -> dict[SpanHandle, FinishedSpan]:
        self.recorder.flush()
        return {span.handle: span for span in self.exporter.spans}


class PassedOn:
    """The recorder as somebody's own tracer, which the native engine calls through Python."""

    name = "passed on"

    def __init__(self, recorder: SpanRecorder) -> None:
        for method in ("start_span", "set_attribute", "set_status", "add_event", "end_span", "flush", "record_host", "now", "add_dropped"):
            setattr(self, method, getattr(recorder, method))


@pytest.fixture(params=[(engine, tracer) for engine in ENGINES for tracer in TRACERS], ids="-".join)
def make_pair(request: pytest.FixtureRequest) -> Callable[[], Pair]:
    engine, kind = request.param

    def make() -> Pair:
        exporter = MemoryExporter()
        recorder = SpanRecorder(exporter, sampler="always_on")
        tracer = recorder if kind == "recorder" else PassedOn(recorder)
        guests = [RawGuest(tracer, engine=engine, plugin_name=name) for name in ("victim", "hostile")]
        return Pair(*guests, exporter, recorder)

    return make


@pytest.fixture
def pair(make_pair) -> Pair:
    return make_pair()


def touch_in_every_way(guest: RawGuest, span: SpanHandle) -> None:
    for operation, payload in TOUCHES.items():
        guest.record(operation, span, payload)
    guest.end(span)
    guest.end(span, 1)


def test_a_span_whose_handle_is_known_is_not_changed_and_not_ended(pair):
    span = pair.victim.start(span_payload("mine"))
    touch_in_every_way(pair.hostile, span)
    assert pair.hostile.drops == {"unknown_handle": 5}
    assert pair.victim.scope.open_spans == 1
    pair.victim.set_attribute(span, "own", 2)
    pair.victim.end(span)
    found = pair.finished()[span]
    assert (found.attributes, found.events, found.status) == ({"own": 2}, (), SpanStatus())
    touch_in_every_way(pair.hostile, span)
    assert pair.finished()[span] == found


def test_a_child_of_it_is_a_root_of_its_own(pair):
    """Open or ended: in no trace of the victim's, and nothing of the parent is copied."""
    span = pair.victim.start(span_payload("mine"))
    while_open = pair.hostile.start(span_payload("child", parent=span))
    pair.victim.end(span)
    afterwards = pair.hostile.start(span_payload("child", parent=span))
    for child in (while_open, afterwards):
        pair.hostile.end(child)
        found = pair.finished()[child]
        assert found.parent is None
        assert found.handle.trace_id != span.trace_id
        assert found.links == ()


def test_under_each_policy_a_remote_parent_reaches_only_the_own_span(pair):
    """`link` is the default: what the victim recorded is what it is without."""
    span = pair.victim.start(span_payload("mine"))
    child = pair.hostile.start(span_payload("child", parent=span, parent_is_remote=True))
    pair.hostile.end(child)
    pair.victim.end(span)
    found = pair.finished()
    assert found[child].parent is None
    assert [link.handle for link in found[child].links] == [span]
    assert (found[span].links, found[span].attributes, found[span].events) == ((), {}, ())


def test_a_link_names_it_in_the_own_span_alone(pair):
    span = pair.victim.start(span_payload("mine"))
    linking = pair.hostile.start(span_payload("links", links=(SpanLink(span, {"k": 1}),)))
    pair.hostile.end(linking)
    pair.victim.end(span)
    found = pair.finished()
    assert [link.handle for link in found[linking].links] == [span]
    assert found[linking].handle.trace_id != span.trace_id
    assert found[span].links == ()


def test_current_span_gives_the_own_calls_span_also_while_another_call_runs(pair):
    hosts = [SpanHandle(0xA, 0xB), SpanHandle(0xC, 0xD)]
    with pair.victim.scope.current(hosts[0]):
        assert pair.hostile.current() is None
        touch_in_every_way(pair.hostile, hosts[0])
        with pair.hostile.scope.current(hosts[1]):
            assert (pair.victim.current(), pair.hostile.current()) == (hosts[0], hosts[1])
            touch_in_every_way(pair.hostile, hosts[0])
    assert pair.hostile.drops == {"unknown_handle": 10}


def test_nothing_of_a_span_can_be_read_back(pair):
    """No import writes anything but a handle: with the victim's handle, every byte of the hostile guest's memory stays what it was."""
    span = pair.victim.start(span_payload("secret", attributes={"token": "secret"}))
    for operation, payload in TOUCHES.items():
        pair.hostile.write(1024, payload)
        before = pair.hostile.snapshot()
        pair.hostile.call(operation, *span.to_parts(), 1024, len(payload))
        assert pair.hostile.snapshot() == before
    before = pair.hostile.snapshot()
    pair.hostile.call("end_span", *span.to_parts(), 0)
    assert pair.hostile.call("current_span", HANDLE_OUT) == 0
    assert pair.hostile.snapshot() == before


def test_a_closed_scope_takes_its_spans_with_it_and_no_others(pair):
    own, others = pair.hostile.start(), pair.victim.start()
    pair.hostile.scope.close("trap")
    touch_in_every_way(pair.hostile, own)
    touch_in_every_way(pair.hostile, others)
    assert pair.hostile.drops == {"scope_closed": 10}
    assert pair.victim.scope.open_spans == 1
    found = pair.finished()
    assert found[own].attributes == {"bext.abandoned": "trap"}
    assert others not in found


# --- Through a host: after a trap ---


def trapping_module() -> bytes:
    """Starts a span and traps; `cleanup` then tries what it can with the handle in slot 2."""
    build = Guest()
    first = build.start(1, "of the first instance") + "unreachable"
    again = build.attribute(2, "touched", 1) + build.status(2, SpanStatus(StatusCode.OK)) + build.end(2)
    child = build.start(3, "below", 2) + build.end(3)
    return build.module(hook("on_reload", first), hook("on_server_stop"), hook("cleanup", again + child))


@pytest.mark.parametrize("engine", ENGINES)
def test_after_a_trap_the_next_instance_has_nothing_of_the_last_one(engine):
    """Its memory is new, and a handle of the old one, which the embedder may have kept and given to it, is unknown there."""
    exporter = MemoryExporter()
    recorder = SpanRecorder(exporter, sampler="always_on")
    host = PluginHost(recorder, engine=engine, flush_seconds=3600)
    plugin = host.load(trapping_module(), "guest")
    with pytest.raises(GuestTrap):
        plugin.call("on_reload")
    recorder.flush()
    (abandoned,) = [span for span in exporter.spans if span.scope_name == "guest"]
    assert abandoned.attributes == {"bext.abandoned": "trap"}
    plugin.call("on_server_stop")
    (instance,) = plugin._pool.instances
    assert instance._memory.read(instance._store, 32, 56) == bytes(24)  # slot 1, where the first instance had its handle
    instance._memory.write(instance._store, abandoned.handle.to_bytes(), 64)
    plugin.call("cleanup")
    assert plugin.stats.dropped["unknown_handle"] == 3
    host.close()
    recorder.flush()
    assert [span for span in exporter.spans if span.handle == abandoned.handle] == [abandoned]
    (below,) = [span for span in exporter.spans if span.name == "below"]
    assert below.parent is None
    assert below.handle.trace_id != abandoned.handle.trace_id


# --- A random walk ---


@dataclass
class Owner:
    """A tenant as the model knows it: its open spans with what is to be on them, those that ended, and what surrounds its call."""

    guest: RawGuest
    open: dict[SpanHandle, dict[str, Any]] = field(default_factory=dict)
    ended: list[SpanHandle] = field(default_factory=list)
    current: list[SpanHandle] = field(default_factory=list)
    granted: list[SpanHandle] = field(default_factory=list)
    closed: bool = False

    def knows(self, parent: SpanHandle) -> bool:
        return parent in self.open or parent in self.ended or parent in self.granted or parent == (self.current or [None])[-1]


class Walk:
    """Steps of both tenants, of the host round them, and of a model that says whose is what."""

    def __init__(self, pair: Pair, rng: Random) -> None:
        self.pair = pair
        self.rng = rng
        self.owners = [Owner(pair.victim), Owner(pair.hostile)]
        self.handles: list[SpanHandle] = [SpanHandle(1, 1), SpanHandle(2**128 - 1, 2**64 - 1)]
        self.expected: dict[SpanHandle, tuple[SpanHandle | None, dict[str, Any]]] = {}
        self.on_hosts: dict[SpanHandle, dict[str, Any]] = {}
        self.number = 0
        self.calls = ExitStack()

    def step(self) -> None:
        self.number += 1
        owner = self.rng.choice(self.owners)
        kinds = [(self.start, 6), (self.touch, 8), (self.end, 5), (self.ask, 2), (self.enter, 1), (self.grant, 1), (self.close, 0.05)]
        self.rng.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])[0](owner)

    def start(self, owner: Owner) -> None:
        parent = self.rng.choice([None, *self.handles])
        handle = owner.guest.start(span_payload(str(self.number), parent=parent))
        if owner.closed:
            assert handle.is_invalid
            return
        assert handle not in self.handles
        known = parent if parent is not None and owner.knows(parent) else None
        assert (handle.trace_id == known.trace_id) if known else all(handle.trace_id != other.trace_id for other in self.handles)
        self.handles.append(handle)
        owner.open[handle] = {}
        self.expected[handle] = known, owner.open[handle]

    def touch(self, owner: Owner) -> None:
        span, key = self.rng.choice(self.handles), f"k{self.rng.randrange(5)}"
        owner.guest.set_attribute(span, key, self.number)
        if owner.closed:
            return
        if span in owner.open:
            owner.open[span][key] = self.number
        elif owner.current and span == owner.current[-1]:
            self.on_hosts[span][key] = self.number

    def end(self, owner: Owner) -> None:
        span = self.rng.choice(self.handles)
        before = [len(other.open) for other in self.owners]
        owner.guest.end(span)
        if span in owner.open and not owner.closed:
            del owner.open[span]
            owner.ended.append(span)
            before[self.owners.index(owner)] -= 1
        assert [other.guest.scope.open_spans for other in self.owners] == before

    def ask(self, owner: Owner) -> None:
        expected = owner.current[-1] if owner.current and not owner.closed else None
        assert owner.guest.current() == expected

    def enter(self, owner: Owner) -> None:
        """The host calls one of them, within what runs already, or all calls are over."""
        if owner.current and self.rng.random() < 0.5:
            self.calls.close()
            for other in self.owners:
                other.current.clear()
            return
        span = self.pair.recorder.start_span(SpanStart("host"))
        self.handles.append(span)
        self.on_hosts[span] = {}
        self.calls.enter_context(owner.guest.scope.current(span))
        owner.current.append(span)

    def grant(self, owner: Owner) -> None:
        span = self.rng.choice(self.handles)
        if not owner.closed:
            owner.guest.scope.grant(span)
            owner.granted.append(span)

    def close(self, owner: Owner) -> None:
        if owner.closed:
            return
        assert owner.guest.scope.close("trap") == len(owner.open)
        for attributes in owner.open.values():
            attributes["bext.abandoned"] = "trap"
        owner.open, owner.closed = {}, True

    def check(self) -> None:
        """Every span has what its owner put there, and nothing else."""
        self.calls.close()
        for owner in self.owners:
            self.close(owner)
        for span in self.on_hosts:
            self.pair.recorder.end_span(span)
        found = self.pair.finished()
        assert set(found) == set(self.expected) | set(self.on_hosts)
        for handle, (parent, attributes) in self.expected.items():
            assert (found[handle].parent, found[handle].attributes) == (parent, attributes)
        for handle, attributes in self.on_hosts.items():
            assert found[handle].attributes == attributes
        for owner in self.owners:
            assert owner.guest.scope.open_spans == 0


def test_a_random_walk_of_both_leaves_to_each_what_is_its_own(make_pair):
    def check(_: int, rng: Random) -> None:
        walk = Walk(make_pair(), rng)
        for _ in range(250):
            walk.step()
        walk.check()

    for_each_seed(6, check)
