"""Calls that end badly: what the embedder gets, what the trace says, and that the next call starts afresh."""

from __future__ import annotations

import itertools
import time

import pytest
from wasmtime import Engine, Module, WasmtimeError

from bext_abi import SpanStatus, StatusCode
from bext_host import GuestTrap, HookFailed, PluginError
from support.plugin_host import Hosting
from support.tracers import HostRecordingTracer
from support.wat import ALLOC, CURRENT, Guest, guest, hook, note, wasm

EXIT = '(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))'
DIVIDE = "(drop (i32.div_s (i32.const 1) (i32.const 0)))"
OUT_OF_BOUNDS = "(drop (i32.load (i32.const -4)))"


def trapping(*body: str) -> bytes:
    """A module whose on_reload runs this."""
    return guest(hook("on_reload", *body))


def exiting(status: int) -> bytes:
    """A module whose on_reload exits."""
    return wasm(f'(module {EXIT} (memory (export "memory") 1) (func (export "on_reload") (call $exit (i32.const {status}))))')


def is_valid(module: bytes) -> bool:
    """Whether wasmtime takes it with the proposals that are on by default, which are those that a plugin may use."""
    try:
        Module.validate(Engine(), module)
    except WasmtimeError:
        return False
    return True


THROWING = wasm('(module (tag $oops) (func (export "on_reload") (throw $oops)))')
needs_exceptions = pytest.mark.skipif(not is_valid(THROWING), reason="this wasmtime, one before 47, has exceptions off by default")

TRAPS = {
    "unreachable": (trapping("unreachable"), "unreachable"),
    "division by zero": (trapping(DIVIDE), "divide by zero"),
    "out of bounds": (trapping(OUT_OF_BOUNDS), "out of bounds memory access"),
    "stack overflow": (guest('(func $again (export "on_reload") (call $again))'), "stack exhausted"),
    "exit with success": (exiting(0), "exited with status 0"),
    "exit with failure": (exiting(7), "exited with status 7"),
    "uncaught exception": pytest.param(THROWING, "exception", marks=needs_exceptions),
}


@pytest.fixture
def hosting() -> Hosting:
    return Hosting()


@pytest.mark.parametrize(("module", "message"), TRAPS.values(), ids=TRAPS)
def test_a_trap_is_an_error_for_the_embedder_and_on_the_span(hosting, module, message):
    plugin = hosting.load(module)
    with pytest.raises(GuestTrap, match=message) as raised:
        plugin.call("on_reload")
    assert isinstance(raised.value, PluginError)
    assert str(raised.value).startswith("guest: on_reload: ")
    assert "\n" not in str(raised.value)
    assert raised.value.__cause__ is None
    span = hosting.last()
    assert span.attributes["bext.plugin.outcome"] == "trap"
    assert span.status == SpanStatus(StatusCode.ERROR, raised.value.what)
    (event,) = span.events
    assert event.name == "exception"
    assert event.attributes["exception.type"] == "GuestTrap"
    assert event.attributes["exception.message"] == raised.value.what
    assert span.start_time_unix_nanos <= event.time_unix_nanos <= span.end_time_unix_nanos


def test_a_trap_tells_where_it_happened(hosting):
    module = wasm('(module (func $deepest unreachable) (func $middle (call $deepest)) (func (export "on_reload") (call $middle)))')
    with pytest.raises(GuestTrap) as raised:
        hosting.load(module).call("on_reload")
    frames = raised.value.backtrace.splitlines()
    assert len(frames) == 3
    assert "deepest" in frames[0]
    assert "middle" in frames[1]
    assert hosting.last().events[0].attributes["exception.stacktrace"] == raised.value.backtrace


def test_a_backtrace_is_bounded_however_long_and_many_the_names_are(hosting):
    name = "x" * 90_000
    with pytest.raises(GuestTrap, match="stack exhausted"):
        hosting.load(wasm(f'(module (func $"{name}" (export "on_reload") (call 0)))')).call("on_reload")
    assert len(hosting.last().events[0].attributes["exception.stacktrace"]) <= 65_536


HOSTILE_FUNCTION = r'(module (func $"evil\1b[31m\0a\0aCaused by:\0a    fine\e2\80\ae" (export "on_reload") unreachable))'


def test_a_function_name_can_forge_neither_the_message_nor_the_screen(hosting):
    with pytest.raises(GuestTrap, match="unreachable") as raised:
        hosting.load(wasm(HOSTILE_FUNCTION)).call("on_reload")
    assert "fine" not in str(raised.value)
    assert str(raised.value).isprintable()


def test_hostile_names_of_plugin_and_hook_are_escaped_in_the_message(hosting):
    plugin = hosting.load(wasm(r'(module (func (export "hook\1b[31m\0a") unreachable))'), "plugin\x1b]0;\u202e")
    with pytest.raises(GuestTrap) as raised:
        plugin.call("hook\x1b[31m\n")
    assert str(raised.value).isprintable()
    assert raised.value.hook == "hook\x1b[31m\n"


def test_after_a_trap_the_next_call_has_a_fresh_instance(hosting):
    body = """(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
              (if (i32.eq (global.get $calls) (i32.const 2)) (then unreachable))"""
    plugin = hosting.load(
        Guest().module("(global $calls (mut i32) (i32.const 0))", hook("on_reload", body, note("c", "(global.get $calls)")))
    )
    outcomes = []
    for _ in range(5):
        try:
            plugin.call("on_reload")
            outcomes.append(hosting.notes()[0][1])
        except GuestTrap:
            outcomes.append("trap")
    assert outcomes == [1, "trap", 1, "trap", 1]


# --- Open spans ---


def open_spans() -> bytes:
    """on_reload opens outer, middle and inner, and a root, and traps; on_server_stop only opens one."""
    build = Guest()
    return build.module(
        hook(
            "on_reload",
            build.current(),
            build.start(1, "outer", CURRENT),
            build.start(2, "middle", 1),
            build.start(3, "ended", 2),
            build.end(3),
            build.start(4, "inner", 2),
            build.attribute(4, "step", "before the trap"),
            build.start(5, "root"),
            "unreachable",
        ),
        hook("on_server_stop", build.start(6, "left open")),
        hook("cleanup", "unreachable"),
    )


def test_open_spans_are_ended_the_last_one_first_at_one_time(hosting):
    plugin = hosting.load(open_spans())
    with pytest.raises(GuestTrap):
        plugin.call("on_reload")
    abandoned = [span for span in hosting.spans() if "bext.abandoned" in span.attributes]
    assert [span.name for span in abandoned] == ["root", "inner", "middle", "outer"]
    assert len({span.end_time_unix_nanos for span in abandoned}) == 1
    assert hosting.last().name == "on_reload"
    assert plugin.stats.abandoned == 4
    assert hosting.recorder.open_spans == 0


def test_a_step_of_the_wall_clock_does_not_put_the_end_of_abandoned_spans_after_their_parents(hosting, monkeypatch):
    build = Guest()
    plugin = hosting.load(build.module(hook("on_reload", build.current(), build.start(1, "outer", CURRENT), "unreachable")))
    first = time.time_ns()
    readings = itertools.chain([first], itertools.repeat(first + 3_600_000_000_000))
    monkeypatch.setattr(time, "time_ns", lambda: next(readings))
    with pytest.raises(GuestTrap):
        plugin.call("on_reload")
    assert hosting.span("outer").end_time_unix_nanos <= hosting.span("on_reload").end_time_unix_nanos


def test_abandoned_spans_say_why_and_keep_what_they_had(hosting):
    plugin = hosting.load(open_spans())
    with pytest.raises(GuestTrap) as raised:
        plugin.call("on_reload")
    span = hosting.span("inner")
    assert span.attributes == {"step": "before the trap", "bext.abandoned": "trap"}
    assert span.status == SpanStatus(StatusCode.ERROR, "abandoned: trap")
    (event,) = span.events
    assert event.name == "exception"
    assert event.attributes["exception.type"] == "GuestTrap"
    assert event.attributes["exception.message"] == raised.value.what
    ended = hosting.span("ended")
    assert (ended.attributes, ended.status, ended.events) == ({}, SpanStatus(), ())


def test_spans_of_earlier_calls_are_abandoned_by_a_later_trap(hosting):
    plugin = hosting.load(open_spans())
    plugin.call("on_server_stop")
    with pytest.raises(GuestTrap):
        plugin.call("cleanup")
    assert hosting.span("left open").attributes["bext.abandoned"] == "trap"


def test_abandonment_overrides_a_status_that_the_guest_made_final(hosting):
    build = Guest()
    plugin = hosting.load(
        build.module(hook("on_reload", build.start(1, "fine"), build.status(1, SpanStatus(StatusCode.OK)), "unreachable"))
    )
    with pytest.raises(GuestTrap):
        plugin.call("on_reload")
    assert plugin.stats.recorded["set_status"] == 1
    assert hosting.span("fine").status == SpanStatus(StatusCode.ERROR, "abandoned: trap")


def test_a_hook_that_only_fails_abandons_nothing(hosting):
    build = Guest()
    body = build.start(1, "open") + "(i32.const 1)"
    plugin = hosting.load(build.module(hook("on_reload", body, gives="i32"), hook("cleanup", build.end(1))))
    with pytest.raises(HookFailed):
        plugin.call("on_reload")
    plugin.call("cleanup")
    assert hosting.span("open").attributes == {}


def test_a_tracer_of_ones_own_is_told_of_abandoned_spans(hosting):
    tracer = HostRecordingTracer()
    with pytest.raises(GuestTrap):
        Hosting(tracer).load(open_spans()).call("on_reload")
    starts = [call[2] for call in tracer.calls if call[0] == "start_span"]
    ends = [call for call in tracer.calls if call[0] == "end_span"]
    assert {call[1] for call in ends} == set(starts)
    assert len(ends) == len(starts)
    verdicts = [call for call in tracer.calls if call[0] == "record_host" and call[2].get("bext.abandoned") == "trap"]
    assert [call[1] for call in verdicts] == [call[1] for call in ends[1:-1]]


def test_handles_of_the_old_instance_are_unknown_to_the_new_one(hosting):
    build = Guest()
    plugin = hosting.load(
        build.module(hook("on_reload", build.start(1, "old"), "unreachable"), hook("cleanup", build.attribute(1, "k", 1)))
    )
    with pytest.raises(GuestTrap):
        plugin.call("on_reload")
    plugin.call("cleanup")
    assert plugin.stats.ignored == 1  # the new instance's memory is new: its handle is still all zero


def test_a_trap_after_the_text_was_passed_leaves_a_plugin_that_takes_texts(hosting):
    plugin = hosting.load(
        guest(ALLOC, hook("on_request_complete", "(if (i32.eq (local.get 1) (i32.const 4)) (then unreachable))", takes="i32 i32"))
    )
    with pytest.raises(GuestTrap):
        plugin.call("on_request_complete", "trap")
    plugin.call("on_request_complete", "fine.")
    assert hosting.last().attributes["bext.plugin.outcome"] == "ok"
