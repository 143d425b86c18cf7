"""Many threads and several plugins: no span is lost, none is in another's trace, and every counter is exact."""

from __future__ import annotations

import sys
import threading
from collections import defaultdict

import pytest

from bext_host import FinishedSpan, PluginLimits
from support.plugin_host import Hosting
from support.raw_guest import ENGINES
from support.wat import CURRENT, Guest, hook, note

INSTANCES = {"one": 1, "two": 2, "four": 4}
THREADS = 64
SPANS_A_CALL = 3
PARENT = 0xB7AD6B7169203331
PATIENT = PluginLimits(timeout_seconds=600)


def module() -> bytes:
    """on_cache_invalidate(text, number) notes the number on the host's span, and starts a span with one below it."""
    build = Guest()
    body = [
        note("n", "(local.get 2)"),
        build.current(),
        build.start(1, "outer", CURRENT),
        build.start(2, "inner", 1),
        build.attribute(2, "k", 1),
        build.end(2),
        build.end(1),
    ]
    return build.module(ALLOC_ONCE, hook("on_cache_invalidate", *body, takes="i32 i32 i32"))


ALLOC_ONCE = '(func (export "bext_alloc") (param i32) (result i32) (i32.const 0x20000))'


def trace_of(number: int) -> int:
    """The trace that the call with this number continues."""
    return (number + 1) << 64 | 0xABCDEF


def run(hosting: Hosting, calls: int) -> None:
    """So many calls in all, in 64 threads, in turn to each plugin."""
    plugins = [hosting.load(module(), name, instances=instances, limits=PATIENT) for name, instances in INSTANCES.items()]
    errors: list[BaseException] = []

    def work(thread: int) -> None:
        try:
            for number in range(thread, calls, THREADS):
                traceparent = f"00-{trace_of(number):032x}-{PARENT:016x}-01"
                plugins[number % 3].call("on_cache_invalidate", f"key {number}", number, traceparent=traceparent)
        except BaseException as error:  # noqa: BLE001  # raised below
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(500)
    assert not any(thread.is_alive() for thread in threads)
    assert errors == []


def check_trace(number: int, spans: list[FinishedSpan]) -> None:
    """The three spans of a call, and that they are this call's and its plugin's."""
    by_name = {span.name: span for span in spans}
    assert sorted(by_name) == ["inner", "on_cache_invalidate", "outer"]
    assert len(spans) == SPANS_A_CALL
    host, outer, inner = by_name["on_cache_invalidate"], by_name["outer"], by_name["inner"]
    plugin = list(INSTANCES)[number % 3]
    assert (host.attributes["bext.plugin.name"], outer.scope_name, inner.scope_name) == (plugin, plugin, plugin)
    assert host.events[0].attributes["a"] == number
    assert host.parent is not None
    assert (host.parent.span_id, outer.parent, inner.parent) == (PARENT, host.handle, outer.handle)
    assert host.start_time_unix_nanos <= outer.start_time_unix_nanos <= inner.start_time_unix_nanos
    assert inner.end_time_unix_nanos <= outer.end_time_unix_nanos <= host.end_time_unix_nanos


def check(hosting: Hosting, calls: int) -> None:
    traces: dict[int, list[FinishedSpan]] = defaultdict(list)
    for span in hosting.spans():
        traces[span.handle.trace_id].append(span)
    assert len(traces) == calls
    for number in range(calls):
        check_trace(number, traces[trace_of(number)])
    ids = {span.handle.span_id for spans in traces.values() for span in spans}
    assert len(ids) == SPANS_A_CALL * calls
    counters = hosting.recorder.stats
    assert counters.started == counters.ended == counters.exported["memory"] == SPANS_A_CALL * calls
    assert counters.dropped.total() == 0
    for at, plugin in enumerate(hosting.host.plugins):
        check_counters(plugin.all_stats, len(range(at, calls, 3)), list(INSTANCES.values())[at])


def check_counters(stats, calls: int, instances: int) -> None:
    assert (stats.calls, stats.errors) == ({"on_cache_invalidate": calls}, {})
    recorded = {"start_span": 2, "end_span": 2, "set_attribute": 1, "add_event": 1, "current_span": 2, "set_status": 0}
    assert stats.recorded == {operation: times * calls for operation, times in recorded.items()}
    assert sum(stats.dropped.values()) == stats.abandoned == stats.open_spans == 0
    assert 1 <= stats.instances <= instances


CASES = [(engine, 1_920) for engine in ENGINES] + [pytest.param(ENGINES[-1], 96_000, marks=pytest.mark.long)]


@pytest.mark.parametrize(("engine", "calls"), CASES)
def test_no_span_is_lost_or_mixed_up_and_every_count_is_exact(engine, calls):
    hosting = Hosting(engine=engine, flush_seconds=0.05)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)  # more changes of the thread than usual
    try:
        run(hosting, calls)
    finally:
        sys.setswitchinterval(interval)
    check(hosting, calls)
    hosting.host.close()
