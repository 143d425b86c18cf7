"""Statistics are exact: what a host counts is what happened."""

from __future__ import annotations

import pytest

from bext_host import GuestTrap, HookFailed, PluginError, PluginLimits
from bext_host.boundary import scope as scope_module
from support.plugin_host import Hosting
from support.raw_guest import ENGINES
from support.tracers import FaultyTracer
from support.wat import ALLOC, CURRENT, Guest, guest, hook

MINUTE = 60_000


@pytest.fixture(params=ENGINES)
def hosting(request: pytest.FixtureRequest) -> Hosting:
    return Hosting(engine=request.param)


def quietly(plugin, name: str, *arguments: str) -> None:
    with pytest.raises(PluginError):
        plugin.call(name, *arguments)


def test_calls_and_errors_are_counted_by_hook_and_outcome(hosting):
    loop = "(loop $again (br $again))"
    module = guest(
        ALLOC,
        hook("on_reload"),
        hook("cleanup", "unreachable"),
        hook("on_server_stop", "(i32.const 5)", gives="i32"),
        hook("on_request_complete", loop, takes="i32 i32"),
    )
    plugin = hosting.load(module, limits=PluginLimits(fuel={"on_request_complete": 5000}))
    for _ in range(4):
        plugin.call("on_reload")
    for name in ("cleanup", "cleanup", "on_server_stop"):
        quietly(plugin, name)
    quietly(plugin, "on_request_complete", "x")
    with pytest.raises(PluginError, match="no such hook"):
        plugin.call("missing")  # no call, and no span
    with pytest.raises(TypeError):
        plugin.call("on_reload", None)
    stats = plugin.all_stats
    assert stats.calls == {"on_reload": 4, "cleanup": 2, "on_server_stop": 1, "on_request_complete": 1}
    assert stats.errors == {"trap": 2, "failed": 1, "fuel_exhausted": 1}
    spans = hosting.spans()
    assert len(spans) == sum(stats.calls.values())
    assert stats.fuel == sum(span.attributes["bext.plugin.fuel_consumed"] for span in spans)
    assert stats.seconds * 1e9 >= sum(span.end_time_unix_nanos - span.start_time_unix_nanos for span in spans) * 0.5
    assert hosting.host.stats().plugins == {"guest": stats}


def test_counters_go_on_over_instances_and_stay_when_the_plugin_is_closed(hosting):
    build = Guest()
    plugin = hosting.load(build.module(hook("on_reload", build.start(1, "s"), build.end(1), build.start(2, "open"), "unreachable")))
    for _ in range(3):
        with pytest.raises(GuestTrap):
            plugin.call("on_reload")
    plugin.close()
    stats = plugin.all_stats
    assert (stats.recorded["start_span"], stats.recorded["end_span"], stats.abandoned) == (6, 3, 3)
    assert (stats.instances, stats.open_spans) == (0, 0)
    assert hosting.host.stats().plugins == {}


def test_what_a_call_cost_is_that_calls_alone(hosting):
    build = Guest()
    key, other = build.attribute(1, "k", 1), build.attribute(1, "a longer key", "and a longer value")
    plugin = hosting.load(
        build.module(hook("on_reload", build.start(1, "s"), key, other, build.end(1)), hook("cleanup")), measure_host_time=True
    )
    plugin.call("on_reload")
    plugin.call("cleanup")
    plugin.call("on_reload")
    first, nothing, second = [span.attributes for span in hosting.spans() if span.name != "s"]
    assert [attributes["bext.plugin.host_calls"] for attributes in (first, nothing, second)] == [4, 0, 4]
    assert first["bext.plugin.host_call_bytes"] == second["bext.plugin.host_call_bytes"] > 0
    assert nothing["bext.plugin.host_call_bytes"] == nothing["bext.plugin.host_time_ns"] == 0
    assert first["bext.plugin.host_time_ns"] > 0
    assert first["bext.plugin.fuel_consumed"] == second["bext.plugin.fuel_consumed"] > nothing["bext.plugin.fuel_consumed"]
    assert (first["bext.plugin.memory.pages_before"], first["bext.plugin.memory.pages_after"]) == (4, 4)


def test_both_engines_count_the_same():
    build = Guest()
    module = build.module(
        ALLOC, hook("on_request_complete", build.start(1, "s"), build.attribute(1, "k", 1), build.end(1), takes="i32 i32")
    )
    costs = []
    for engine in ENGINES:
        hosting = Hosting(engine=engine)
        hosting.load(module).call("on_request_complete", "text")
        attributes = hosting.span("on_request_complete").attributes
        costs.append({key: value for key, value in attributes.items() if key.startswith("bext.plugin.")})
    assert all(cost == costs[0] for cost in costs)


def test_the_host_tells_of_its_tracer():
    tracer = FaultyTracer(RuntimeError("no"), "set_attribute")
    hosting = Hosting(tracer)
    hosting.load(guest(hook("on_reload"))).call("on_reload")
    stats = hosting.host.stats()
    assert stats.tracer_errors > 0
    assert stats.queued_spans is None
    recording = Hosting()
    recording.load(guest(hook("on_reload"))).call("on_reload")
    assert recording.host.stats().queued_spans == 1
    recording.spans()
    assert recording.host.stats().queued_spans == 0


def test_a_failed_hook_keeps_its_instance_and_its_counts(hosting):
    build = Guest()
    plugin = hosting.load(build.module(hook("on_reload", build.start(1, "open"), "(i32.const 1)", gives="i32")))
    for _ in range(3):
        with pytest.raises(HookFailed):
            plugin.call("on_reload")
    stats = plugin.all_stats
    assert (stats.errors, stats.instances, stats.open_spans, stats.abandoned) == ({"failed": 3}, 1, 3, 0)


# --- Spans that stay open ---


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The scopes' clock, in milliseconds; its one item may be set."""
    now = [10 * MINUTE]
    monkeypatch.setattr(scope_module, "_millis", lambda: now[0])
    return now


def test_a_span_that_is_open_for_longer_than_it_may_is_ended_by_the_next_call(hosting, clock):
    build = Guest()
    opens = hook("on_reload", build.current(), build.start(1, "old", CURRENT), build.start(2, "older than its child", 1))
    touches = hook("on_server_stop", build.attribute(1, "late", 1), build.end(1))
    limits = PluginLimits(span_open_seconds=120)
    plugin = hosting.load(build.module(opens, hook("cleanup"), touches), limits=limits)
    plugin.call("on_reload")
    clock[0] += 2 * MINUTE
    plugin.call("cleanup")  # just as long as it may
    assert plugin.all_stats.open_spans == 2
    clock[0] += 1
    plugin.call("cleanup")
    abandoned = [span for span in hosting.spans() if "bext.abandoned" in span.attributes]
    assert [span.name for span in abandoned] == ["older than its child", "old"]
    assert {(span.attributes["bext.abandoned"], span.status.message) for span in abandoned} == {("max_age", "abandoned: max_age")}
    assert len({span.end_time_unix_nanos for span in abandoned}) == 1
    plugin.call("on_server_stop")  # the guest knows nothing of it
    stats = plugin.all_stats
    assert (stats.abandoned, stats.open_spans, stats.dropped["unknown_handle"]) == (2, 0, 2)
    assert hosting.recorder.open_spans == 0


def test_the_host_ends_old_spans_of_plugins_that_nobody_calls(hosting, clock):
    build = Guest()
    plugins = [hosting.load(build.module(hook("on_reload", build.start(1, "old"))), name) for name in ("one", "two")]
    for plugin in plugins:
        plugin.call("on_reload")
    clock[0] += 10 * MINUTE + 1
    hosting.host._flush_loop.flush_once()
    assert [plugin.all_stats.abandoned for plugin in plugins] == [1, 1]
    assert hosting.recorder.open_spans == 0


def test_younger_spans_stay(hosting, clock):
    build = Guest()
    plugin = hosting.load(build.module(hook("on_reload", build.start(1, "old")), hook("cleanup", build.start(2, "young"))))
    plugin.call("on_reload")
    clock[0] += 6 * MINUTE
    plugin.call("cleanup")
    clock[0] += 6 * MINUTE
    plugin.expire_spans()
    assert [span.name for span in hosting.spans() if "bext.abandoned" in span.attributes] == ["old"]
    assert plugin.all_stats.open_spans == 1
