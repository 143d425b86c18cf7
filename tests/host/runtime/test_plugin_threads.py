"""Plugins and threads: interrupted calls, what must stop the program, and calls from many threads."""

from __future__ import annotations

import contextlib
import threading

import pytest

from bext_host import CallInterrupted, PluginError
from bext_host.testing import RecordingTracer
from support.hammer import hammer
from support.plugin_host import Hosting
from support.wat import CURRENT, Guest, guest, hook, note, wasm

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


def test_an_interrupt_ends_the_start_up_of_a_plugin_that_is_being_loaded():
    tracer = SignallingTracer()
    hosting = Hosting(tracer)
    build = Guest()
    module = build.module(hook("_initialize", build.start(1, "running"), "(loop $again (br $again))"))
    errors: list[BaseException] = []

    def load() -> None:
        try:
            hosting.load(module)
        except PluginError as error:
            errors.append(error)

    thread = threading.Thread(target=load, daemon=True)
    thread.start()
    assert tracer.guest_runs.wait(10)
    hosting.host.interrupt()
    thread.join(5)  # half of what the start-up may take
    assert [type(error) for error in errors] == [CallInterrupted]
    assert hosting.host.plugins == ()


def test_interrupts_and_new_calls_do_not_get_into_each_others_way(hosting):
    plugin = hosting.load(EMPTY)
    calling = [1, 2, 3]

    def interrupt() -> None:
        while calling:
            hosting.host.interrupt()

    def call(number: int) -> None:
        try:
            for _ in range(200):
                with contextlib.suppress(CallInterrupted):
                    plugin.call("on_reload")
        finally:
            calling.remove(number)

    hammer(lambda number: call(number) if number else interrupt(), 4)
    plugin.call("on_reload")


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


EXIT = """(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32))) (memory (export "memory") 1)
  (func (export "on_reload") (call $exit (i32.const 7))))"""


@pytest.mark.parametrize(
    ("module", "message"),
    [(guest(hook("on_reload", "unreachable")), "unreachable"), (wasm(EXIT), "exited with status 7")],
    ids=["trap", "exit"],
)
def test_an_interrupt_in_one_thread_does_not_bend_what_happens_in_another(module, message):
    build = Guest()
    interrupting = build.module(hook("on_reload", build.start(1, "s")))

    class Interrupting(RecordingTracer):
        def start_span(self, span):
            if span.name == "s":
                raise KeyboardInterrupt
            return super().start_span(span)

    def work(number: int) -> None:
        stops = number % 2
        plugin = Hosting(Interrupting()).load(interrupting if stops else module)
        for _ in range(80):
            with pytest.raises(KeyboardInterrupt if stops else PluginError, match=None if stops else message):
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
