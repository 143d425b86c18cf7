"""Plugins and their host from loading to closing, interrupted calls, and calls from many threads."""

from __future__ import annotations

import threading

import pytest

from bext_abi import FlushError
from bext_host import PluginClosed, PluginError, PluginHost, SpanRecorder
from bext_host.exporters import MemoryExporter
from bext_host.testing import RecordingTracer
from support.plugin_host import Hosting
from support.wat import Guest, guest, hook, note

EMPTY = guest(hook("on_reload"), hook("cleanup"))
COUNTER = "(global $calls (mut i32) (i32.const 0))"
COUNT = f"(global.set $calls (i32.add (global.get $calls) (i32.const 1))) {note('c', '(global.get $calls)')}"


@pytest.fixture
def hosting() -> Hosting:
    return Hosting()


# --- Closing ---


def test_closing_a_plugin_abandons_what_is_open(hosting):
    build = Guest()
    plugin = hosting.load(build.module(hook("on_reload", build.start(1, "open"))))
    plugin.call("on_reload")
    plugin.close()
    span = hosting.span("open")
    assert span.attributes["bext.abandoned"] == "closed"
    assert span.status.message == "abandoned: closed"
    assert plugin.stats.abandoned == 1


def test_a_closed_plugin_says_so_and_closing_again_does_nothing(hosting):
    plugin = hosting.load(EMPTY)
    plugin.call("on_reload")
    plugin.close()
    plugin.close()
    with pytest.raises(PluginClosed, match="closed"):
        plugin.call("on_reload")
    assert len(hosting.spans()) == 1
    assert plugin.stats.calls["start_span"] == 0


def test_a_host_closes_its_plugins_the_last_one_first_and_flushes():
    build = Guest()
    module = build.module(hook("on_reload", build.start(1, "open")))
    exporter = MemoryExporter()
    with PluginHost(SpanRecorder(exporter)) as host:
        plugins = [host.load(module, name) for name in ("first", "second")]
        assert host.plugins == tuple(plugins)
        for plugin in plugins:
            plugin.call("on_reload")
    assert [span.scope_name for span in exporter.spans if span.name == "open"] == ["second", "first"]
    assert host.plugins == ()
    with pytest.raises(PluginClosed):
        plugins[0].call("on_reload")
    host.close()


def test_a_host_says_what_its_flush_could_not_hand_over():
    class Unwilling(RecordingTracer):
        def flush(self):
            raise FlushError("no route")

    host = PluginHost(Unwilling())
    plugin = host.load(EMPTY)
    with pytest.raises(FlushError, match="no route"):
        host.close()
    with pytest.raises(PluginClosed):
        plugin.call("on_reload")


def test_a_closed_host_loads_nothing(hosting):
    hosting.host.close()
    with pytest.raises(PluginError):
        hosting.load(EMPTY)


def test_names_are_taken_while_a_plugin_lives(hosting):
    hosting.load(EMPTY, "one")
    with pytest.raises(ValueError, match="'one'"):
        hosting.load(EMPTY, "one")
    hosting.load(EMPTY, "two")


def test_a_closed_plugins_name_is_free_and_its_host_forgets_it(hosting):
    plugin = hosting.load(EMPTY, "one")
    plugin.close()
    assert hosting.host.plugins == ()
    hosting.load(EMPTY, "one").call("on_reload")


def test_counters_are_those_of_all_instances(hosting):
    build = Guest()
    body = COUNT + build.start(1, "s") + "(if (i32.eq (global.get $calls) (i32.const 2)) (then unreachable))" + build.end(1)
    plugin = hosting.load(build.module(COUNTER, hook("on_reload", body)))
    for _ in range(6):
        try:
            plugin.call("on_reload")
        except PluginError:
            continue
    assert plugin.stats.recorded["start_span"] == 6
    assert plugin.stats.recorded["end_span"] == plugin.stats.abandoned == 3
    plugin.close()
    assert plugin.stats.recorded["start_span"] == 6


# --- Calls from inside a call ---


class CallingTracer(RecordingTracer):
    """Runs `action` when a guest starts the span `inner`, and keeps what it raised."""

    def __init__(self) -> None:
        super().__init__()
        self.action = lambda: None
        self.raised: list[BaseException] = []

    def start_span(self, span):
        if span.name == "inner":
            try:
                self.action()
            except Exception as error:  # noqa: BLE001
                self.raised.append(error)
        return super().start_span(span)


def calling(name: str, hosting: Hosting):
    build = Guest()
    return hosting.load(build.module(hook("on_reload", build.start(1, "inner"), build.end(1))), name)


def test_a_call_into_a_plugin_from_inside_its_own_call_is_an_error_and_no_deadlock():
    tracer = CallingTracer()
    plugin = calling("self", Hosting(tracer))
    tracer.action = lambda: plugin.call("on_reload")
    plugin.call("on_reload")
    assert [type(error).__name__ for error in tracer.raised] == ["ReentrantCall"]
    tracer.action = lambda: None
    plugin.call("on_reload")


def test_a_plugin_cannot_be_closed_from_inside_its_own_call():
    tracer = CallingTracer()
    plugin = calling("self", Hosting(tracer))
    tracer.action = plugin.close
    plugin.call("on_reload")
    assert [type(error).__name__ for error in tracer.raised] == ["ReentrantCall"]
    plugin.call("on_reload")


def test_a_host_that_could_not_be_closed_inside_a_call_can_be_closed_afterwards():
    tracer = CallingTracer()
    hosting = Hosting(tracer)
    plugin = calling("self", hosting)
    tracer.action = hosting.host.close
    plugin.call("on_reload")
    assert [type(error).__name__ for error in tracer.raised] == ["ReentrantCall"]
    assert hosting.host.plugins == (plugin,)
    tracer.action = lambda: None
    hosting.host.close()
    with pytest.raises(PluginClosed):
        plugin.call("on_reload")


def test_a_call_into_another_plugin_works_and_the_way_back_is_an_error():
    tracer = CallingTracer()
    hosting = Hosting(tracer)
    one, other = calling("one", hosting), calling("other", hosting)
    tracer.action = lambda: (other if not tracer.raised and other.stats.calls["start_span"] == 0 else one).call("on_reload")
    one.call("on_reload")
    assert other.stats.calls["start_span"] == 1
    assert {type(error).__name__ for error in tracer.raised} == {"ReentrantCall"}


def test_closing_waits_for_the_running_call_and_later_ones_are_refused():
    tracer = CallingTracer()
    plugin = calling("busy", Hosting(tracer))
    inside, go_on = threading.Event(), threading.Event()
    tracer.action = lambda: (inside.set(), go_on.wait(10))
    call = threading.Thread(target=plugin.call, args=("on_reload",), daemon=True)
    call.start()
    assert inside.wait(10)
    close = threading.Thread(target=plugin.close, daemon=True)
    close.start()
    close.join(0.05)
    assert close.is_alive()
    go_on.set()
    call.join(10)
    close.join(10)
    assert plugin.stats.recorded["end_span"] == 1
    with pytest.raises(PluginClosed):
        plugin.call("on_reload")
