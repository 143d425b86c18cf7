"""Deadlines: wherever a guest loops for ever, its call ends when its time or its fuel is over, and the next one is served."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import pytest

from bext_host import CallCancelled, CallInterrupted, DeadlineExceeded, FuelExhausted, HookFailed, Plugin, PluginError, PluginLimits
from bext_host.runtime.call_control import Ending
from bext_host.runtime.hook_span import CallContext
from support.plugin_host import Hosting
from support.raw_guest import ENGINES
from support.wat import ALLOC, Guest, guest, hook, note

FOREVER = "(loop $again (br $again))"
SHORT = 0.1
PLENTY = 2**62
UNBOUNDED = dict.fromkeys(("on_server_start", "on_reload", "on_request_complete", "cleanup", "priority"), PLENTY)


def limits(seconds: float = SHORT, **options: Any) -> PluginLimits:
    """Fuel without end, and little time."""
    return PluginLimits(fuel=UNBOUNDED, timeout_seconds=seconds, **options)


@pytest.fixture(params=ENGINES)
def hosting(request: pytest.FixtureRequest) -> Hosting:
    return Hosting(engine=request.param)


def in_threads(number: int, work: Any) -> list[BaseException | None]:
    """What `work` raised in each of so many threads."""
    raised: list[BaseException | None] = []

    def run() -> None:
        try:
            work()
        except PluginError as error:
            raised.append(error)
        else:
            raised.append(None)

    threads = [threading.Thread(target=run, daemon=True) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    return raised


# --- Wherever the guest loops ---

AT_START = {
    "start section": f"(func $begin {FOREVER}) (start $begin)",
    "_initialize": hook("_initialize", FOREVER),
    "priority": hook("priority", FOREVER, "(i32.const 1)", gives="i32"),
    "on_server_start": ALLOC + hook("on_server_start", FOREVER, takes="i32 i32"),
}


@pytest.mark.parametrize("where", AT_START)
@pytest.mark.parametrize(
    ("limit", "error"), [(limits(), DeadlineExceeded), (PluginLimits(fuel={"on_server_start": 10_000}), FuelExhausted)]
)
def test_a_start_up_without_end_refuses_the_plugin(hosting, where, limit, error):
    module = guest(AT_START[where], hook("on_reload"))
    with hosting.host, pytest.raises(error):
        hosting.load(module, limits=limit)
    assert hosting.host.plugins == ()
    assert hosting.recorder.open_spans == 0


IN_CALLS = {
    "bext_alloc": hook("bext_alloc", FOREVER, "(i32.const 0)", takes="i32", gives="i32") + hook("on_request_complete", takes="i32 i32"),
    "bext_free": ALLOC + hook("bext_free", FOREVER, takes="i32 i32") + hook("on_request_complete", takes="i32 i32"),
    "the hook": ALLOC + hook("on_request_complete", FOREVER, takes="i32 i32"),
}


@pytest.mark.parametrize("where", IN_CALLS)
@pytest.mark.parametrize(
    ("limit", "error"), [(limits(), DeadlineExceeded), (PluginLimits(fuel={"on_request_complete": 10_000}), FuelExhausted)]
)
def test_a_call_without_end_is_ended_and_the_next_one_is_served(hosting, where, limit, error):
    plugin = hosting.load(guest(IN_CALLS[where], hook("on_reload")), limits=limit)
    for _ in range(2):
        with pytest.raises(error):
            plugin.call("on_request_complete", "text")
        assert hosting.last().attributes["bext.plugin.outcome"] == error.outcome
        plugin.call("on_reload")
    assert plugin.all_stats.errors == {error.outcome: 2}
    assert plugin.all_stats.calls == {"on_request_complete": 2, "on_reload": 2}


# --- Starting anew after a trap ---


class Switch:
    """A sampler that can be switched, which a guest sees by its handles."""

    on = False

    def should_sample(self, trace_id: int) -> bool:
        return self.on


def restarting(*when_sampled: str) -> bytes:
    """Traps in on_reload; its on_server_start does this where a span that it starts is sampled."""
    build = Guest()
    start = build.start(1, "starting") + "(if (i64.ne (i64.load (i32.const 32)) (i64.const 0)) (then " + " ".join(when_sampled) + "))"
    trap = hook("on_reload", "unreachable")
    return build.module(ALLOC, hook("on_server_start", start, "(i32.const 0)", takes="i32 i32", gives="i32"), trap, hook("cleanup"))


def test_a_replacement_that_never_starts_ends_the_call_and_the_one_after_it_tries_again():
    switch = Switch()
    hosting = Hosting(sampler=switch)
    with hosting.host:
        plugin = hosting.load(restarting(FOREVER), limits=limits())
        with pytest.raises(PluginError):
            plugin.call("on_reload")
        switch.on = True
        for _ in range(2):
            with pytest.raises(DeadlineExceeded) as raised:
                plugin.call("cleanup")
            assert raised.value.hook == "on_server_start"
        switch.on = False
        plugin.call("cleanup")
    assert {span.attributes["bext.abandoned"] for span in hosting.spans() if span.name == "starting"} == {"deadline_exceeded"}


def test_a_replacement_whose_start_fails_is_not_used():
    switch = Switch()
    hosting = Hosting(sampler=switch)
    with hosting.host:
        plugin = hosting.load(restarting("(return (i32.const 3))"))
        with pytest.raises(PluginError):
            plugin.call("on_reload")
        switch.on = True
        for _ in range(2):  # the second call must not find the instance that refused to start
            with pytest.raises(HookFailed, match="returned 3"):
                plugin.call("cleanup")
        assert plugin.all_stats.instances == 0
        switch.on = False
        plugin.call("cleanup")


def test_an_interrupt_ends_the_start_of_a_replacement():
    switch = Switch()
    hosting = Hosting(sampler=switch)
    with hosting.host:
        plugin = hosting.load(restarting(FOREVER), limits=limits(30))
        with pytest.raises(PluginError):
            plugin.call("on_reload")
        switch.on = True
        threading.Thread(target=interrupt_when, args=(hosting, lambda: hosting.recorder.open_spans >= 3), daemon=True).start()
        with pytest.raises(CallInterrupted):
            plugin.call("cleanup")
        switch.on = False


def interrupt_when(hosting: Hosting, condition: Any) -> None:
    while not condition():
        pass
    hosting.host.interrupt()


def test_a_start_that_takes_longer_than_the_call_may_costs_that_call_and_no_later_one(hosting):
    """The start has its own time. Were the instance let go, a plugin that starts slowly would never run again."""
    count = (
        "(local $i i32) (loop $again (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 300000000))))"
    )
    starts = ALLOC + f'(func (export "on_server_start") (param i32 i32) {count})'
    times = PluginLimits(fuel=UNBOUNDED, hook_timeout_seconds={"on_reload": 0.02, "on_server_start": 60})
    with hosting.host:
        plugin = hosting.load(guest(starts, hook("on_reload"), hook("cleanup", "unreachable")), limits=times)
        with pytest.raises(PluginError):
            plugin.call("cleanup")
        with pytest.raises(DeadlineExceeded):
            plugin.call("on_reload")
        plugin.call("on_reload")
        assert plugin.all_stats.calls["on_server_start"] == 2


# --- Waiting for an instance ---


def test_a_call_that_waits_is_over_at_its_deadline_and_is_told_of(hosting):
    plugin = hosting.load(guest(hook("on_reload", FOREVER), hook("cleanup", FOREVER)), limits=limits(0.3))
    raised = in_threads(8, lambda: plugin.call("on_reload"))
    assert {type(error) for error in raised} == {DeadlineExceeded}
    assert sum("no instance became free" in str(error) for error in raised) >= 1  # some may get it for a moment
    spans = hosting.spans()
    assert [span.attributes["bext.plugin.outcome"] for span in spans] == ["deadline_exceeded"] * 8
    stats = plugin.all_stats
    assert (stats.calls, stats.errors) == ({"on_reload": 8}, {"deadline_exceeded": 8})
    assert min(span.end_time_unix_nanos - span.start_time_unix_nanos for span in spans) >= 250_000_000


def test_a_call_whose_time_is_over_when_it_gets_an_instance_leaves_that_alone(hosting):
    build = Guest()
    plugin = hosting.load(build.module(hook("on_reload", build.start(1, "kept open")), hook("cleanup")))
    plugin.call("on_reload")
    for ending in (Ending.DEADLINE, Ending.CANCELLED):
        control = plugin._new_control("cleanup")
        control.end(ending)
        with pytest.raises((DeadlineExceeded, CallCancelled)):
            plugin._call("cleanup", [], CallContext(), control)
    assert plugin.stats.abandoned == 0
    assert plugin.all_stats.open_spans == 1


def test_an_interrupt_ends_those_that_wait_as_well(hosting):
    build = Guest()
    plugin = hosting.load(build.module(hook("on_reload", build.start(1, "running"), FOREVER)), limits=limits(30))
    interrupter = threading.Thread(target=interrupt_when, args=(hosting, lambda: len(plugin._pool._waiters) == 5), daemon=True)
    interrupter.start()
    raised = in_threads(6, lambda: plugin.call("on_reload"))
    interrupter.join(10)
    assert [type(error) for error in raised] == [CallInterrupted] * 6
    assert plugin.all_stats.errors == {"interrupted": 6}


def test_calls_come_and_go_while_others_interrupt(hosting):
    plugin: Plugin = hosting.load(guest(hook("on_reload", note("n"))), instances=2)
    done = threading.Event()

    def interrupt() -> None:
        while not done.is_set():
            hosting.host.interrupt()

    interrupter = threading.Thread(target=interrupt, daemon=True)
    interrupter.start()
    raised = in_threads(8, lambda: [_call_quietly(plugin) for _ in range(100)])
    done.set()
    interrupter.join(10)
    assert raised == [None] * 8
    stats = plugin.all_stats
    assert stats.calls["on_reload"] == 800
    assert set(stats.errors) <= {"interrupted"}
    assert len(hosting.spans()) == 800


def _call_quietly(plugin: Plugin) -> None:
    with contextlib.suppress(CallInterrupted):
        plugin.call("on_reload")
