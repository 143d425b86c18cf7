"""A host from start to close: the order of plugins, on_server_start for every instance, on_server_stop and cleanup at the end, dispatch."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import pytest
from wasmtime import FuncType

from bext_abi import FlushError
from bext_host import (
    FuelExhausted,
    GuestTrap,
    HookFailed,
    HookMissing,
    PluginClosed,
    PluginError,
    PluginHost,
    PluginLimits,
    ReentrantCall,
    SpanRecorder,
)
from bext_host.exporters import MemoryExporter
from bext_host.testing import RecordingTracer
from support.plugin_host import Hosting
from support.raw_guest import ENGINES
from support.wat import ALLOC, Guest, guest, hook, tell, wasm

FOREVER = "(loop $again (br $again))"
LIFE = (ALLOC, hook("on_server_start", tell("c"), takes="i32 i32"), hook("on_server_stop"), hook("cleanup"))


@pytest.fixture(params=ENGINES)
def hosting(request: pytest.FixtureRequest) -> Hosting:
    return Hosting(engine=request.param)


def life(hosting: Hosting) -> list[tuple[str, str]]:
    """The calls that there were, by plugin and hook."""
    host_spans = [span for span in hosting.spans() if "bext.plugin.hook" in span.attributes]
    return [(str(span.attributes["bext.plugin.name"]), span.name) for span in host_spans]


# --- The order ---


def exporting(priority: str) -> bytes:
    return guest(priority, hook("on_reload"), *LIFE)


def test_plugins_come_by_priority_and_equal_ones_as_they_were_loaded(hosting):
    hosting.load(exporting(""), "default")
    hosting.load(exporting('(global (export "priority") i32 (i32.const 5))'), "five")
    hosting.load(exporting(hook("priority", "(i32.const -7)", gives="i32")), "minus seven")
    hosting.load(exporting('(global (export "priority") i32 (i32.const 1000))'), "also a thousand")
    hosting.load(exporting('(global (export "priority") i32 (i32.const 1))'), "configured", priority=2000)
    hosting.load(exporting(""), "configured, too", priority=5)
    order = ["minus seven", "five", "configured, too", "default", "also a thousand", "configured"]
    assert [plugin.name for plugin in hosting.host.plugins] == order
    assert list(hosting.host.dispatch("on_reload")) == order
    assert [name for name, _ in life(hosting)] == order


@pytest.mark.parametrize(
    "priority",
    [
        '(global (export "priority") i64 (i64.const 1))',
        '(global (export "priority") f32 (f32.const 1))',
        '(global (export "priority") externref (ref.null extern))',
        '(table (export "priority") 1 funcref)',
        hook("priority", "(i64.const 1)", gives="i64"),
        hook("priority", "(i32.const 1)", takes="i32", gives="i32"),
        hook("priority"),
    ],
    ids=["i64 global", "f32 global", "reference", "table", "i64 function", "function that takes one", "function of nothing"],
)
def test_what_is_no_priority_is_none(hosting, priority):
    plugin = hosting.load(exporting(priority))
    assert plugin.priority is None
    plugin.call("on_reload")


def test_a_priority_that_traps_or_never_returns_refuses_the_plugin_alone(hosting):
    with pytest.raises(GuestTrap):
        hosting.load(exporting(hook("priority", "unreachable", gives="i32")))
    with pytest.raises(FuelExhausted):
        hosting.load(exporting(hook("priority", FOREVER, "(i32.const 1)", gives="i32")), limits=PluginLimits(fuel={"priority": 1000}))
    assert hosting.host.plugins == ()
    hosting.load(exporting("")).call("on_reload")


# --- Start and stop ---


def test_a_host_starts_its_plugins_by_priority_with_their_configuration_and_ends_them_the_last_loaded_first(hosting):
    for name, priority in (("second", 2), ("first", 1)):
        hosting.load(exporting(""), name, priority=priority, config={"name": name})
    with hosting.host:
        hosting.load(exporting(""), "late", config="as it is")
    assert life(hosting) == [
        ("first", "on_server_start"),
        ("second", "on_server_start"),
        ("late", "on_server_start"),
        *((name, name_of_hook) for name in ("late", "first", "second") for name_of_hook in ("on_server_stop", "cleanup")),
    ]
    told = {span.attributes["bext.plugin.name"]: span.attributes.get("c") for span in hosting.spans() if span.name == "on_server_start"}
    assert told == {"first": '{"name":"first"}', "second": '{"name":"second"}', "late": "as it is"}


def test_without_a_configuration_a_plugin_gets_an_empty_table(hosting):
    with hosting.host:
        hosting.load(exporting(""))
    assert hosting.span("on_server_start").attributes["c"] == "{}"


def test_starting_twice_starts_once(hosting):
    hosting.load(exporting(""))
    hosting.host.start()
    hosting.host.start()
    assert life(hosting) == [("guest", "on_server_start")]


def test_a_host_that_never_started_ends_nothing(hosting):
    plugin = hosting.load(exporting(""))
    plugin.call("on_reload")
    hosting.host.close()
    assert life(hosting) == [("guest", "on_reload")]


def test_every_instance_lives_from_start_to_cleanup(hosting):
    inside = threading.Barrier(3)
    hosting.host.define("env", "meet", FuncType([], []), lambda: returning_nothing(inside.wait(20)))
    meet = '(import "env" "meet" (func $meet))'
    text = f'(module {meet} (memory (export "memory") 1) {ALLOC_ALONE} (func (export "on_server_start") (param i32 i32))'
    module = wasm(text + '(func (export "on_reload") (call $meet)) (func (export "on_server_stop")) (func (export "cleanup")))')
    with hosting.host:
        plugin = hosting.load(module, instances=3)
        threads = [threading.Thread(target=plugin.call, args=("on_reload",)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert plugin.all_stats.instances == 3
    calls = plugin.all_stats.calls
    assert calls == {"on_server_start": 3, "on_reload": 3, "on_server_stop": 3, "cleanup": 3}
    assert [name for _, name in life(hosting)][-6:] == ["on_server_stop", "cleanup"] * 3


def returning_nothing(*results: object) -> None:
    """For host functions that are lambdas."""


ALLOC_ALONE = '(func (export "bext_alloc") (param i32) (result i32) (i32.const 1024))'


def test_a_fresh_instance_after_a_trap_is_started_again_with_the_same_configuration(hosting):
    with hosting.host:
        plugin = hosting.load(guest(hook("on_reload", "unreachable"), *LIFE), config={"a": 1})
        for _ in range(2):
            with pytest.raises(GuestTrap):
                plugin.call("on_reload")
        plugin.start()
    names = [name for _, name in life(hosting)]
    assert names == ["on_server_start", "on_reload"] * 2 + ["on_server_start", "on_server_stop", "cleanup"]
    assert {span.attributes["c"] for span in hosting.spans() if span.name == "on_server_start"} == {'{"a":1}'}


FAILING_STARTS = {
    "returns 1": (hook("on_server_start", "(i32.const 1)", takes="i32 i32", gives="i32"), HookFailed),
    "traps": (hook("on_server_start", "unreachable", takes="i32 i32"), GuestTrap),
}


@pytest.mark.parametrize(("start", "error"), FAILING_STARTS.values(), ids=FAILING_STARTS)
def test_a_plugin_that_fails_to_start_keeps_no_other_from_it(hosting, caplog, start, error):
    hosting.load(guest(ALLOC, start, hook("on_server_stop"), hook("on_reload")), "failing", priority=1)
    hosting.load(exporting(""), "fine")
    with caplog.at_level(logging.ERROR), hosting.host:
        assert type(hosting.host.failures["failing"]) is error
        assert set(hosting.host.failures) == {"failing"}
        assert [plugin.name for plugin in hosting.host.plugins] == ["failing", "fine"]
        outcomes = hosting.host.dispatch("on_reload")
        assert (type(outcomes["failing"]), outcomes["fine"]) == (error, None)
    assert "failing: on_server_start" in caplog.text
    assert ("fine", "cleanup") in life(hosting)
    assert ("failing", "on_server_stop") not in life(hosting)  # what never started does not stop


def test_a_plugin_that_failed_to_start_serves_once_it_can(hosting):
    class Switch:
        on = True

        def should_sample(self, trace_id: int) -> bool:
            return self.on

    switch = Switch()
    hosting = Hosting(sampler=switch)
    build = Guest()
    start = build.start(1, "starting") + "(i64.ne (i64.load (i32.const 32)) (i64.const 0))"
    plugin = hosting.load(build.module(ALLOC, hook("on_server_start", start, takes="i32 i32", gives="i32"), hook("on_reload")))
    with hosting.host:
        with pytest.raises(HookFailed):
            plugin.call("on_reload")
        switch.on = False
        plugin.call("on_reload")
        switch.on = True
        plugin.call("on_reload")


@pytest.mark.parametrize("stop", ["unreachable", FOREVER])
def test_a_stop_that_fails_keeps_neither_cleanup_nor_other_plugins_from_theirs(hosting, stop):
    limits = PluginLimits(fuel={"on_server_stop": 1000})
    build = Guest()
    failing = build.module(hook("on_server_stop", build.start(1, "stopping"), stop), hook("cleanup"))
    with hosting.host:
        hosting.load(exporting(""), "fine")
        hosting.load(failing, "failing", limits=limits)
    assert life(hosting)[1:] == [("failing", "on_server_stop"), ("fine", "on_server_stop"), ("fine", "cleanup")]
    assert hosting.recorder.open_spans == 0


def test_a_stop_that_reports_failure_is_followed_by_cleanup(hosting):
    with hosting.host:
        hosting.load(guest(hook("on_server_stop", "(i32.const 1)", gives="i32"), hook("cleanup")))
    assert life(hosting) == [("guest", "on_server_stop"), ("guest", "cleanup")]


# --- Closing while calls run ---


def test_a_call_that_outlasts_the_closing_gives_its_instance_an_end(hosting):
    inside, go_on = threading.Event(), threading.Event()
    hosting.host.define("env", "slow", FuncType([], []), lambda: returning_nothing(inside.set(), go_on.wait(20)))
    text = '(module (import "env" "slow" (func $slow)) (func (export "on_reload") (call $slow)) (func (export "on_server_stop")))'
    limits = PluginLimits(hook_timeout_seconds={"on_server_stop": 0.05})
    with hosting.host:
        plugin = hosting.load(wasm(text), limits=limits)
        thread = threading.Thread(target=plugin.call, args=("on_reload",), daemon=True)
        thread.start()
        assert inside.wait(20)
    assert plugin.all_stats.instances == 1
    go_on.set()
    thread.join(20)
    assert plugin.all_stats.instances == 0
    assert plugin._pool._free == []
    with pytest.raises(PluginClosed):
        plugin.call("on_reload")


def test_those_that_wait_when_a_plugin_is_closed_are_told_at_once(hosting):
    build = Guest()
    plugin = hosting.load(
        build.module(hook("on_reload", build.start(1, "running"), FOREVER)), limits=PluginLimits(fuel={"on_reload": 2**62})
    )
    raised: list[str] = []

    def call() -> None:
        try:
            plugin.call("on_reload")
        except PluginError as error:
            raised.append(type(error).__name__)

    threads = [threading.Thread(target=call, daemon=True) for _ in range(5)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(plugin._pool._waiters) == 4)
    closing = threading.Thread(target=plugin.close, daemon=True)
    closing.start()
    wait_for(lambda: raised == ["PluginClosed"] * 4)
    plugin.interrupt()
    for thread in (*threads, closing):
        thread.join(20)
    assert raised == ["PluginClosed"] * 4 + ["CallInterrupted"]
    assert hosting.span("running").attributes["bext.abandoned"] == "interrupted"
    assert hosting.recorder.open_spans == 0


def wait_for(condition: Any, seconds: float = 20) -> None:
    """Return as soon as it is true."""
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.002)


def test_a_host_that_is_closed_from_inside_a_call_goes_on(hosting):
    raised: list[BaseException] = []

    def close() -> None:
        try:
            hosting.host.close()
        except ReentrantCall as error:
            raised.append(error)

    hosting.host.define("env", "close", FuncType([], []), close)
    plugin = hosting.load(wasm('(module (import "env" "close" (func $close)) (func (export "on_reload") (call $close)))'))
    plugin.call("on_reload")
    assert [type(error) for error in raised] == [ReentrantCall]
    plugin.call("on_reload")
    assert not hosting.host._flush_loop._stop.is_set()


def test_a_flush_that_fails_at_the_end_does_not_keep_the_hosts_own_tracer_open(tmp_path):
    class Unwilling(RecordingTracer):
        closed = False

        def flush(self) -> None:
            raise FlushError("no route")

        def close(self) -> None:
            self.closed = True

    host = PluginHost(Unwilling())
    host._owns_tracer = True
    with pytest.raises(FlushError, match="no route"):
        host.close()
    assert host.tracer.closed  # type: ignore[attr-defined]


# --- Dispatch ---


def test_a_plugin_that_fails_in_the_middle_stops_no_other(hosting):
    def refuse() -> None:
        raise ValueError("not today")

    hosting.host.define("env", "refuse", FuncType([], []), refuse)
    hosting.load(exporting(""), "one", priority=1)
    hosting.load(guest(hook("on_reload", "unreachable")), "two", priority=2)
    hosting.load(wasm('(module (import "env" "refuse" (func $f)) (func (export "on_reload") (call $f)))'), "three", priority=3)
    hosting.load(guest(hook("on_reload", "(i32.const 9)", gives="i32")), "four", priority=4)
    hosting.load(guest(hook("cleanup")), "without", priority=5)
    hosting.load(exporting(""), "six", priority=6)
    outcomes = hosting.host.dispatch("on_reload")
    assert {name: type(error).__name__ for name, error in outcomes.items()} == {
        "one": "NoneType", "two": "GuestTrap", "three": "ValueError", "four": "HookFailed", "six": "NoneType",
    }  # fmt: skip
    assert str(outcomes["three"]) == "not today"


def test_a_dispatch_continues_one_trace_for_all(hosting):
    for name in ("one", "two"):
        hosting.load(exporting(""), name)
    trace = "0af7651916cd43dd8448eb211c80319c"
    hosting.host.dispatch("on_reload", traceparent=f"00-{trace}-b7ad6b7169203331-01", tracestate="a=b")
    assert {(f"{span.handle.trace_id:032x}", span.trace_state) for span in hosting.spans()} == {(trace, "a=b")}


def test_arguments_of_the_wrong_kind_are_refused_before_any_plugin_is_called(hosting):
    with pytest.raises(TypeError):
        hosting.host.dispatch("on_reload", object())  # though no plugin is loaded
    hosting.load(exporting(""))
    assert type(hosting.host.dispatch("on_reload", "too many")["guest"]) is HookMissing
    assert hosting.spans() == []


def test_a_host_at_its_end_reports_what_it_cannot_flush():
    class Unwilling(MemoryExporter):
        def export(self, batch: Any, deadline: float) -> None:
            raise OSError("no route")

    with pytest.raises(FlushError, match="no route"), PluginHost(SpanRecorder(Unwilling())) as host:
        host.load(exporting("")).call("on_reload")
