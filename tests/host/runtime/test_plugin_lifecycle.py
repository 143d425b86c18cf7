"""Plugins and their host from loading to closing, interrupted calls, and calls from many threads."""

from __future__ import annotations

import threading

import pytest

from bext_abi import FlushError
from bext_host import CallInterrupted, PluginClosed, PluginError, PluginHost, SpanRecorder
from bext_host.exporters import MemoryExporter
from bext_host.testing import RecordingTracer
from support.hammer import hammer
from support.plugin_host import Hosting
from support.wat import CURRENT, Guest, guest, hook, note

EMPTY = guest(hook("on_reload"), hook("cleanup"))
COUNTER = "(global $calls (mut i32) (i32.const 0))"
COUNT = f"(global.set $calls (i32.add (global.get $calls) (i32.const 1))) {note('c', '(global.get $calls)')}"


class SignallingTracer(RecordingTracer):
    """Says when the guest has started its own span: from then on the guest runs."""

    def __init__(self) -> None:
        super().__init__()
        self.guest_runs = threading.Event()

    def start_span(self, span):
        if span.name == "running":
            self.guest_runs.set()
        return super().start_span(span)


def endless() -> bytes:
    """on_reload starts a span, and loops for ever."""
    build = Guest()
    return build.module(hook("on_reload", build.start(1, "running"), "(loop $again (br $again))"), hook("cleanup"))


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


# --- Interrupts ---


def test_an_interrupt_from_another_thread_ends_an_endless_loop():
    tracer = SignallingTracer()
    hosting = Hosting(tracer)
    plugin = hosting.load(endless())
    errors: list[BaseException] = []

    def call() -> None:
        try:
            plugin.call("on_reload")
        except PluginError as error:
            errors.append(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    assert tracer.guest_runs.wait(10)
    hosting.host.interrupt()
    thread.join(10)
    assert [type(error) for error in errors] == [CallInterrupted]
    assert plugin.stats.abandoned == 1
    outcomes = [call[3] for call in tracer.calls if call[0] == "set_attribute" and call[2] == "bext.plugin.outcome"]
    reasons = [call[3] for call in tracer.calls if call[0] == "set_attribute" and call[2] == "bext.abandoned"]
    assert (outcomes, reasons) == (["interrupted"], ["interrupted"])
    plugin.call("cleanup")


def test_an_interrupt_while_nothing_runs_ends_no_later_call(hosting):
    plugin = hosting.load(EMPTY)
    for _ in range(3):
        hosting.host.interrupt()
        plugin.call("on_reload")
    assert {span.attributes["bext.plugin.outcome"] for span in hosting.spans()} == {"ok"}


# --- What must stop the program ---


class StoppingTracer(RecordingTracer):
    """Raises `error` once, from the named method when it is called for a guest's span."""

    def __init__(self, method: str, error: BaseException) -> None:
        super().__init__()
        self.pending: BaseException | None = error
        original = getattr(self, method)

        def stopping(*arguments, **named):
            if self.pending is not None and any(call[0] == "start_span" for call in self.calls):
                error, self.pending = self.pending, None
                raise error
            return original(*arguments, **named)

        setattr(self, method, stopping)


@pytest.mark.parametrize("error", [KeyboardInterrupt("original"), SystemExit(7)])
@pytest.mark.parametrize("method", ["start_span", "set_attribute", "end_span"])
def test_what_must_stop_the_program_reaches_the_caller_as_it_was_raised(method, error):
    build = Guest()
    body = build.current() + build.start(1, "s", CURRENT) + build.attribute(1, "k", 1) + build.end(1)
    tracer = StoppingTracer(method, error)
    plugin = Hosting(tracer).load(build.module(hook("on_reload", body), hook("cleanup")))
    with pytest.raises(type(error)) as raised:
        plugin.call("on_reload")
    assert raised.value is error
    plugin.call("on_reload")
    plugin.call("cleanup")
    starts = [call[2] for call in tracer.calls if call[0] == "start_span"]
    ends = [call[1] for call in tracer.calls if call[0] == "end_span"]
    assert method == "end_span" or sorted(ends, key=str) == sorted(starts, key=str)


def test_each_thread_gets_its_own_interrupt_and_no_others():
    build = Guest()
    module = build.module(hook("on_reload", build.start(1, "s"), build.end(1)))

    class Interrupting(RecordingTracer):
        def start_span(self, span):
            if span.name == "s":
                self.error = KeyboardInterrupt()
                raise self.error
            return super().start_span(span)

    def work(number: int) -> None:
        tracer = Interrupting()
        plugin = Hosting(tracer).load(module, f"plugin {number}")
        for _ in range(40):
            with pytest.raises(KeyboardInterrupt) as raised:
                plugin.call("on_reload")
            assert raised.value is tracer.error

    hammer(work, threads=4)


def test_an_interrupt_in_one_thread_does_not_bend_the_traps_of_another():
    build = Guest()
    module = build.module(hook("on_reload", build.start(1, "s"), "unreachable"))

    class Interrupting(RecordingTracer):
        def start_span(self, span):
            if span.name == "s":
                raise KeyboardInterrupt
            return super().start_span(span)

    def work(number: int) -> None:
        stops = number % 2
        plugin = Hosting(Interrupting() if stops else RecordingTracer()).load(module)
        for _ in range(60):
            with pytest.raises(KeyboardInterrupt if stops else PluginError, match=None if stops else "unreachable"):
                plugin.call("on_reload")

    hammer(work, threads=4)


# --- Threads ---


def test_calls_from_many_threads_queue_and_every_count_is_exact(hosting):
    build = Guest()
    body = COUNT + build.current() + build.start(1, "s", CURRENT) + build.attribute(1, "k", 1) + build.end(1)
    plugin = hosting.load(build.module(COUNTER, hook("on_reload", body)))
    hammer(lambda _: [plugin.call("on_reload") for _ in range(25)], threads=8)
    assert plugin.stats.recorded["start_span"] == plugin.stats.recorded["end_span"] == 200
    spans = hosting.spans()
    hosts = [span for span in spans if span.name == "on_reload"]
    assert sorted(span.events[0].attributes["a"] for span in hosts) == list(range(1, 201))
    assert {span.parent for span in spans if span.name == "s"} == {span.handle for span in hosts}


def test_plugins_run_side_by_side_without_mixing(hosting):
    build = Guest()
    module = build.module(hook("on_reload", build.current(), build.start(1, "s", CURRENT), build.end(1)))
    plugins = [hosting.load(module, f"plugin {number}") for number in range(8)]
    hammer(lambda number: [plugins[number].call("on_reload") for _ in range(25)], threads=8)
    spans = hosting.spans()
    names = {span.handle: span.attributes["bext.plugin.name"] for span in spans if span.name == "on_reload"}
    assert len(names) == 200
    assert all(span.scope_name == names[span.parent] for span in spans if span.name == "s")


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
