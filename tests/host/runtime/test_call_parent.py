"""Hooks called below a span of the embedder's own, by every way to call them, and plugins that are called one after the other."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest
from wasmtime import FuncType

from bext_abi import SpanHandle, SpanKind, SpanStart
from bext_host import HookMissing, PluginLimits
from bext_host.testing import RecordingTracer
from support.plugin_host import Hosting
from support.raw_guest import ENGINES
from support.wat import CURRENT, Guest, guest, hook, wasm

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
REMOTE = SpanHandle(0x4BF92F3577B34DA6A3CE929D0E0E4736, 0x00F067AA0BA902B7)

Calling = Callable[..., object]


def child() -> bytes:
    """on_reload makes a span below the current one."""
    build = Guest()
    return build.module(hook("on_reload", build.current(), build.start(1, "child", CURRENT), build.end(1)))


@pytest.fixture(params=ENGINES)
def hosting(request: pytest.FixtureRequest) -> Hosting:
    return Hosting(engine=request.param)


@pytest.fixture(params=["call", "call_async", "dispatch", "dispatch_async"])
def calling(request: pytest.FixtureRequest, hosting: Hosting) -> Calling:
    """Calls on_reload of the plugin in one of the ways that there are."""
    plugin = hosting.load(child())
    host = hosting.host
    ways: dict[str, Calling] = {
        "call": lambda **where: plugin.call("on_reload", **where),
        "call_async": lambda **where: asyncio.run(plugin.call_async("on_reload", **where)),
        "dispatch": lambda **where: host.dispatch("on_reload", **where),
        "dispatch_async": lambda **where: asyncio.run(host.dispatch_async("on_reload", **where)),
    }
    return ways[request.param]


# --- A parent ---


def test_a_call_below_a_span_of_the_embedder_is_its_child_and_the_guest_is_below_the_call(hosting, calling):
    request = hosting.recorder.start_span(SpanStart("GET /", SpanKind.SERVER))
    calling(parent=request)
    hosting.recorder.end_span(request)
    call, inner = hosting.span("on_reload"), hosting.span("child")
    assert (call.parent, call.parent_is_remote) == (request, False)
    assert inner.parent == call.handle
    assert call.handle.trace_id == inner.handle.trace_id == request.trace_id


def test_the_tracestate_of_a_continued_trace_comes_through_the_embedders_span(hosting, calling):
    request = hosting.recorder.start_span(SpanStart("GET /", parent=REMOTE, parent_is_remote=True, trace_state="vendor=1"))
    calling(parent=request)
    assert hosting.span("child").trace_state == "vendor=1"


def test_below_a_span_that_was_not_sampled_nothing_is_recorded(hosting, calling):
    calling(parent=SpanHandle.INVALID)
    assert hosting.spans() == []
    assert hosting.host.stats().plugins["guest"].recorded["current_span"] == 1


def test_a_parent_comes_before_a_traceparent(hosting, calling):
    request = hosting.recorder.start_span(SpanStart("GET /"))
    calling(parent=request, traceparent=TRACEPARENT, tracestate="vendor=1")
    span = hosting.span("on_reload")
    assert (span.parent, span.parent_is_remote, span.trace_state) == (request, False, "")


def test_without_a_parent_a_traceparent_counts(hosting, calling):
    calling(traceparent=TRACEPARENT)
    assert (hosting.span("on_reload").parent, hosting.span("on_reload").parent_is_remote) == (REMOTE, True)


@pytest.mark.parametrize("wrong", ["00f067aa0ba902b7", 7, (1, 2)])
def test_a_parent_that_is_no_handle_is_refused_before_anything_runs(hosting, calling, wrong):
    with pytest.raises(TypeError, match="SpanHandle"):
        calling(parent=wrong)
    assert hosting.spans() == []
    assert hosting.host.stats().plugins["guest"].calls == {}


def test_any_tracer_gets_the_parent():
    tracer = RecordingTracer()
    Hosting(tracer).load(guest(hook("on_reload"))).call("on_reload", parent=SpanHandle(5, 6))
    start = tracer.calls[0][1]
    assert (start.parent, start.parent_is_remote) == (SpanHandle(5, 6), False)


# --- One plugin after the other, awaited ---


def test_plugins_are_awaited_by_their_priority_and_an_error_in_one_stops_no_other(hosting):
    hosting.load(guest(hook("on_reload")), "last", priority=3)
    hosting.load(guest(hook("on_reload", "unreachable")), "middle", priority=2)
    hosting.load(guest(hook("on_reload")), "first", priority=1)
    hosting.load(guest(hook("cleanup")), "other")
    outcomes = asyncio.run(hosting.host.dispatch_async("on_reload"))
    assert [(name, type(error).__name__) for name, error in outcomes.items()] == [
        ("first", "NoneType"),
        ("middle", "GuestTrap"),
        ("last", "NoneType"),
    ]
    assert [span.attributes["bext.plugin.name"] for span in hosting.spans()] == ["first", "middle", "last"]


def test_a_hook_that_takes_other_arguments_is_an_outcome_too(hosting):
    hosting.load(guest(hook("on_reload")))
    assert isinstance(asyncio.run(hosting.host.dispatch_async("on_reload", "text"))["guest"], HookMissing)


def test_a_cancelled_dispatch_ends_the_call_that_runs_and_makes_no_other(hosting):
    inside = threading.Event()
    hosting.host.define("env", "inside", FuncType([], []), inside.set)
    endless = '(import "env" "inside" (func $inside)) (func (export "on_reload") (call $inside) (loop $again (br $again)))'
    limits = PluginLimits(fuel={"on_reload": 2**62}, timeout_seconds=30)
    hosting.load(wasm(f"(module {endless})"), "endless", limits=limits)
    hosting.load(guest(hook("on_reload")), "next")

    async def main() -> None:
        dispatch = asyncio.create_task(hosting.host.dispatch_async("on_reload"))
        await asyncio.to_thread(inside.wait, 20)
        dispatch.cancel()
        await dispatch

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
    assert [(span.attributes["bext.plugin.name"], span.attributes["bext.plugin.outcome"]) for span in hosting.spans()] == [
        ("endless", "cancelled")
    ]
