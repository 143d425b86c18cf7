"""Hostile plugins: each ends with the right error within its limit, other plugins are served meanwhile, and every span is accounted for."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from bext_abi import DropReason, StatusCode
from bext_host import (
    DeadlineExceeded,
    FinishedSpan,
    FuelExhausted,
    GuestTrap,
    MemoryLimitExceeded,
    PluginError,
    PluginLimits,
)
from support.plugin_host import Hosting
from support.raw_guest import ENGINES, FIXTURES
from support.wat import CURRENT, Guest, hook, wasm

HOOK = "on_request_complete"
SHORT = PluginLimits(fuel={HOOK: 2**62}, hook_timeout_seconds={HOOK: 0.3})

ENDINGS = {
    "infinite_loop, fuel": (
        "hostile/infinite_loop",
        PluginLimits(),
        FuelExhausted,
        "used up its 100,000,000 units of fuel",
        ["inner", "outer"],
    ),
    "infinite_loop, time": ("hostile/infinite_loop", SHORT, DeadlineExceeded, "not done in 0.3 s", ["inner", "outer"]),
    "memory_bomb": ("hostile/memory_bomb", PluginLimits(), GuestTrap, "its memory is full: 1024 pages", ["take", "outer"]),
    "deep_recursion": ("hostile/deep_recursion", PluginLimits(), GuestTrap, "call stack exhausted", ["level"] * 20),
    "trap_with_open_spans": ("trap_with_open_spans", PluginLimits(), GuestTrap, "unreachable", ["inner", "middle", "outer"]),
}
"""The fixture, its limits, what the call raises and says, and the spans that it leaves open, the last started first."""


@pytest.fixture(params=ENGINES)
def hosting(request: pytest.FixtureRequest) -> Hosting:
    return Hosting(engine=request.param)


class Neighbour:
    """Another plugin, which one thread calls without a pause; its calls that were served while `with` lasted are in `served`."""

    def __init__(self, hosting: Hosting) -> None:
        build = Guest()
        self.plugin = hosting.load(
            build.module(hook("on_reload", build.current(), build.start(1, "neighbour", CURRENT), build.end(1))), "neighbour"
        )
        self.served = 0
        self._stop = threading.Event()
        self._begun = threading.Event()
        self._errors: list[BaseException] = []
        self._thread = threading.Thread(target=self._call, daemon=True)

    def _call(self) -> None:
        try:
            while not self._stop.is_set():
                self.plugin.call("on_reload")
                self.served += 1
                self._begun.set()
        except BaseException as error:  # noqa: BLE001  # raised below
            self._errors.append(error)

    def __enter__(self) -> Neighbour:
        self._thread.start()
        assert self._begun.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(20)
        assert not self._errors


def spans_of(hosting: Hosting, plugin: str) -> list[FinishedSpan]:
    """Those of a plugin and of the host's calls of it, in the order in which they ended."""
    return [span for span in hosting.spans() if plugin in (span.scope_name, span.attributes.get("bext.plugin.name"))]


@pytest.mark.parametrize(("fixture", "limits", "error", "message", "left_open"), ENDINGS.values(), ids=ENDINGS)
def test_a_hostile_plugin_ends_with_its_error_and_every_span_is_accounted_for(hosting, fixture, limits, error, message, left_open):
    plugin = hosting.load((FIXTURES / f"{fixture}.wasm").read_bytes(), "hostile", limits=limits)
    with Neighbour(hosting) as neighbour:
        before = neighbour.served
        for _ in range(3):
            with pytest.raises(error, match=message) as raised:
                plugin.call(HOOK, {})
    assert type(raised.value) is error
    assert limits is not SHORT or neighbour.served > before
    stats = plugin.all_stats
    assert (stats.calls, stats.errors, stats.instances, stats.open_spans) == ({HOOK: 3}, {error.outcome: 3}, 0, 0)
    assert stats.abandoned == 3 * len(left_open)
    assert stats.recorded["start_span"] == stats.recorded["end_span"] + stats.abandoned
    spans = spans_of(hosting, "hostile")
    assert len(spans) == stats.recorded["start_span"] + 3
    check_abandoned([span for span in spans if "bext.abandoned" in span.attributes], left_open, error.outcome)
    assert {span.attributes["bext.plugin.outcome"] for span in spans if span.name == HOOK} == {error.outcome}
    assert len([span for span in hosting.spans() if span.name == "neighbour"]) == neighbour.served
    counters = hosting.recorder.stats
    assert counters.started == counters.ended == len(hosting.spans())


def check_abandoned(spans: list[FinishedSpan], left_open: list[str], outcome: str) -> None:
    """Those of each call: innermost first, at one time, with the reason, before the host's span."""
    assert [span.name for span in spans] == left_open * 3
    for at in range(0, len(spans), len(left_open)):
        of_call = spans[at : at + len(left_open)]
        assert len({span.end_time_unix_nanos for span in of_call}) == 1
        assert [span.parent for span in of_call[:-1]] == [span.handle for span in of_call[1:]]
    assert {span.attributes["bext.abandoned"] for span in spans} == {outcome}
    assert {span.status.code for span in spans} == {StatusCode.ERROR}
    assert all(span.events[-1].name == "exception" for span in spans)


@pytest.mark.parametrize("engine", [pytest.param(engine, marks=[pytest.mark.long] * (engine == "reference")) for engine in ENGINES])
def test_a_flood_of_spans_is_cut_at_the_limits_and_counted(engine):
    """With a queue that nobody empties, and a scope that holds so many open spans."""
    hosting = Hosting(engine=engine)
    plugin = hosting.load((FIXTURES / "hostile/span_flood.wasm").read_bytes(), "hostile", limits=PluginLimits(timeout_seconds=60))
    with Neighbour(hosting) as neighbour:
        plugin.call(HOOK, {})
    stats = plugin.all_stats
    assert stats.recorded["start_span"] == 20_000 + 1024
    assert stats.recorded["end_span"] == 20_000
    assert {reason: count for reason, count in stats.dropped.items() if count} == {"open_span_limit": 5000 - 1024}
    assert stats.open_spans == 1024
    hosting.host.close()
    assert plugin.all_stats.abandoned == 1024
    counters = hosting.recorder.stats
    spans = hosting.spans()
    assert counters.started == counters.ended == 20_000 + 1024 + 1 + 2 * neighbour.served
    assert counters.started == len(spans) + counters.dropped[DropReason.QUEUE_FULL]
    assert hosting.recorder.open_spans == 0


def test_a_memory_that_is_too_large_to_begin_with_is_refused(hosting):
    module = wasm('(module (memory (export "memory") 20) (func (export "on_reload")))')
    with Neighbour(hosting), pytest.raises(MemoryLimitExceeded, match="16 pages"):
        hosting.load(module, "hostile", limits=PluginLimits(memory_bytes=16 * 65536))
    assert [plugin.name for plugin in hosting.host.plugins] == ["neighbour"]


def test_a_memory_that_grows_has_its_limit_in_the_error(hosting):
    plugin = hosting.load((FIXTURES / "hostile/memory_bomb.wasm").read_bytes(), limits=PluginLimits(memory_bytes=32 * 65536))
    with pytest.raises(GuestTrap) as raised:
        plugin.call(HOOK, {})
    assert (raised.value.memory_pages, raised.value.memory_limit_pages) == (32, 32)
    assert hosting.last().attributes["bext.plugin.memory.pages_after"] == 32


def test_all_of_them_at_once_and_each_ends_as_it_does_alone(hosting):
    outcomes: dict[str, Any] = {}

    def run(name: str) -> None:
        fixture, limits, *_ = ENDINGS[name]
        plugin = hosting.load((FIXTURES / f"{fixture}.wasm").read_bytes(), name, limits=limits)
        for _ in range(5):
            try:
                plugin.call(HOOK, {})
            except PluginError as error:
                outcomes.setdefault(name, set()).add(type(error))

    threads = [threading.Thread(target=run, args=(name,), daemon=True) for name in ENDINGS]
    with Neighbour(hosting) as neighbour:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert outcomes == {name: {ending[2]} for name, ending in ENDINGS.items()}
    assert neighbour.plugin.all_stats.errors == {}
    assert hosting.recorder.open_spans == 0
