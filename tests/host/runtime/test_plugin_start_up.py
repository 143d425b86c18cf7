"""The start of an instance: it runs once, and where it traps nothing of it stays open."""

from __future__ import annotations

import pytest

from bext_host import GuestTrap, MemoryLimitExceeded, PluginError, PluginLimits
from support.plugin_host import Hosting
from support.wat import Guest, guest, hook, note, wasm


@pytest.fixture
def hosting() -> Hosting:
    return Hosting()


def starting_up(kind: str, *statements: str) -> bytes:
    """A module that runs this when it starts, in the start section or in _initialize."""
    body = " ".join(statements)
    start = f"(func $begin {body}) (start $begin)" if kind == "start section" else f'(func (export "_initialize") {body})'
    return guest(start, hook("on_reload", note("r")))


@pytest.mark.parametrize("kind", ["start section", "_initialize"])
def test_start_up_runs_once_for_each_instance_before_the_first_hook(hosting, kind):
    build = Guest()
    count = "(global $starts (mut i32) (i32.const 0))"
    body = "(global.set $starts (i32.add (global.get $starts) (i32.const 1)))"
    start = f"(func $begin {body}) (start $begin)" if kind == "start section" else f'(func (export "_initialize") {body})'
    plugin = hosting.load(build.module(count, start, hook("on_reload", note("s", "(global.get $starts)"))))
    for _ in range(2):
        plugin.call("on_reload")
        assert hosting.notes() == [("s", 1, 0)]


@pytest.mark.parametrize("kind", ["start section", "_initialize"])
def test_a_trap_at_start_up_refuses_the_plugin_and_leaves_its_name_free(hosting, kind):
    with pytest.raises(GuestTrap, match="unreachable"):
        hosting.load(starting_up(kind, "unreachable"))
    assert hosting.host.plugins == ()
    hosting.load(guest(hook("on_reload"))).call("on_reload")


@pytest.mark.parametrize("kind", ["start section", "_initialize"])
def test_spans_open_at_a_trap_of_the_start_up_are_abandoned_too(hosting, kind):
    build = Guest()
    body = build.start(1, "starting") + " unreachable"
    start = f"(func $begin {body}) (start $begin)" if kind == "start section" else f'(func (export "_initialize") {body})'
    with pytest.raises(GuestTrap):
        hosting.load(build.module(start, hook("on_reload")))
    assert hosting.recorder.open_spans == 0
    assert hosting.span("starting").attributes["bext.abandoned"] == "trap"


class Switch:
    """A sampler that can be switched, which a guest sees by its handles."""

    on = False

    def should_sample(self, trace_id: int) -> bool:
        return self.on


def test_a_fresh_instance_whose_start_up_traps_fails_the_call_with_its_spans_ended():
    switch = Switch()
    hosting = Hosting(sampler=switch)
    build = Guest()
    trap_if_sampled = "(if (i64.ne (i64.load (i32.const 32)) (i64.const 0)) (then unreachable))"
    start = f'(func (export "_initialize") {build.start(1, "starting")} {trap_if_sampled})'
    plugin = hosting.load(build.module(start, hook("on_reload", "unreachable"), hook("cleanup")))
    with pytest.raises(GuestTrap):
        plugin.call("on_reload")
    switch.on = True
    with pytest.raises(GuestTrap, match="unreachable"):
        plugin.call("cleanup")
    assert [span.name for span in hosting.spans()] == ["starting", "cleanup"]
    assert hosting.recorder.open_spans == 0
    assert plugin.stats.recorded["start_span"] == 1
    switch.on = False
    plugin.call("cleanup")


def test_an_allocation_that_traps_abandons_what_is_open(hosting):
    build = Guest()
    alloc = f'(func (export "bext_alloc") (param i32) (result i32) {build.start(1, "allocating")} unreachable)'
    plugin = hosting.load(build.module(alloc, hook("on_request_complete", takes="i32 i32")))
    with pytest.raises(GuestTrap):
        plugin.call("on_request_complete", "x")
    assert hosting.span("allocating").attributes["bext.abandoned"] == "trap"


def test_data_that_does_not_fit_the_memory_refuses_the_plugin(hosting):
    with pytest.raises(PluginError, match="out of bounds"):
        hosting.load(wasm('(module (memory 1) (data (i32.const 65536) "x") (func (export "on_reload")))'))


@pytest.mark.parametrize(
    ("needs", "message"),
    [
        ("(memory 3)", "memory minimum size of 3 pages exceeds memory limits: its memory may have 2 pages"),
        ("(table 11 funcref)", "table minimum size of 11 elements exceeds table limits"),
    ],
)
def test_a_module_that_needs_more_than_it_may_have_is_refused_with_the_limit_it_is_about(hosting, needs, message):
    limits = PluginLimits(memory_bytes=2 * 65536, table_elements=10)
    with pytest.raises(MemoryLimitExceeded) as refused:
        hosting.load(wasm(f'(module {needs} (func (export "on_reload")))'), limits=limits)
    assert refused.value.what == message
