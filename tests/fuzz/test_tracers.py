"""Tracers from hell: whatever they do, the guest computes the same as with one that is quiet, and its neighbour is served."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from bext_abi import SpanHandle
from bext_host import Plugin
from fuzz.hellish import ANSWERS, HellishTracer
from fuzz.hosted import EVENT, Hosted
from fuzz.programs import HOOKS, SLOTS_END, Program, make_program
from fuzz.seeds import for_each_seed
from support.raw_guest import ENGINES, HANDLE_OUT, RawGuest
from support.tracers import AnsweringTracer, HostRecordingTracer
from support.wat import Guest, hook

pytestmark = pytest.mark.parametrize("engine", ENGINES)
ROUNDS = 2


@pytest.fixture(autouse=True)
def _quiet_collector() -> Iterator[None]:
    """wasmtime-py's finalizers would fail at the end of the stack; and nobody reads so many errors."""
    logger = logging.getLogger("bext_host")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    gc.disable()
    yield
    gc.enable()
    logger.setLevel(level)


def memory_of(plugin: Plugin | None) -> bytes | None:
    """The memory of the plugin's instance, but for where its handles are; None where it has none."""
    for instance in plugin._pool.instances if plugin is not None else ():
        memory, store = instance._memory, instance._store
        return bytes(memory.read(store, SLOTS_END, memory.data_len(store)))
    return None


def results(hosted: Hosted, program: Program) -> list[Any]:
    """What the guest computed: how each call ended, with which memory, and for how much fuel."""
    plugin = hosted.load(program.wasm)
    seen: list[Any] = [memory_of(plugin)]
    for _ in range(ROUNDS if plugin is not None else 0):
        for name in program.hooks:
            hosted.call(plugin, name, *([EVENT] if HOOKS[name] else []))
            seen += [hosted.endings[-1], memory_of(plugin), plugin.all_stats.fuel]
    hosted.close()
    return seen


def check_in_order(tracer: HellishTracer, plugins: list[Plugin]) -> None:
    """The tracer was called for handles alone that it gave out itself, nothing is open, and every call became something."""
    assert tracer.foreign == []
    for plugin in plugins:
        stats = plugin.stats
        assert plugin.all_stats.open_spans == 0
        became = stats.unsampled + stats.ignored + sum(stats.dropped.values()) + sum(stats.recorded.values())
        assert sum(stats.calls.values()) <= became


def test_the_guest_computes_the_same_as_with_a_quiet_tracer(engine, tmp_path):
    done: set[str] = set()

    def check(_: int, rng: Random) -> None:
        program = make_program(rng, tame=True)
        expected = results(Hosted(engine, tmp_path, HostRecordingTracer()), program)
        tracer = HellishTracer(rng, rng.choice((0.05, 0.3, 1.0)))
        hosted = Hosted(engine, tmp_path, tracer)
        tracer.at_will.append(lambda: hosted.neighbour.call("on_reload"))
        tracer.at_will.append(lambda: hosted.host.stats() and None)
        computed = results(hosted, program)
        for number, (ours, theirs) in enumerate(zip(computed, expected, strict=True)):
            assert ours == theirs, number
        for thread in tracer.threads:
            thread.join(20)
        check_in_order(tracer, [hosted.neighbour, *hosted.plugins])
        done.update(tracer.done)
        gc.collect()

    for_each_seed(12, check)
    assert {"_raise", "_sleep", "_start_thread", "_recurse"} <= done


@pytest.mark.parametrize("answer", range(len(ANSWERS)), ids=lambda number: getattr(ANSWERS[number], "__name__", str(number)))
def test_what_is_no_sound_handle_does_not_reach_the_guest_as_a_trap(engine, answer):
    """Whatever becomes of the span: the guest goes on, and has a handle that is one, or INVALID."""
    made = ANSWERS[answer]()
    guest = RawGuest(AnsweringTracer(made, made), engine=engine)
    for _ in range(2):
        guest.write(HANDLE_OUT, b"\xaa" * 24)
        handle = guest.start()
        assert handle != SpanHandle.from_bytes(b"\xaa" * 24)
        guest.set_attribute(handle, "k", 1)
        guest.end(handle)
    assert not guest.start().is_invalid  # the tracer is sound again
    guest.scope.close()
    assert guest.scope.open_spans == 0


def stopping_module() -> bytes:
    build = Guest()
    return build.module(hook("on_reload", build.start(1, "s"), build.attribute(1, "k", 1), build.end(1)))


class Stops(HostRecordingTracer):
    """Raises `error` in one method, once, for the spans of the plugin."""

    def __init__(self, method: str, error: BaseException) -> None:
        super().__init__()
        self._error: BaseException | None = error
        good = getattr(self, method)

        def stop(*arguments: Any, **named: Any) -> Any:
            if self._error is not None and self._is_armed():
                error, self._error = self._error, None
                raise error
            return good(*arguments, **named)

        setattr(self, method, stop)

    def _is_armed(self) -> bool:
        return sum(call[0] == "start_span" for call in self.calls) > 2  # past the neighbour's, and the host's own


@pytest.mark.parametrize("error", [KeyboardInterrupt("stop"), SystemExit(3)], ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("method", ["start_span", "set_attribute", "end_span", "record_host"])
def test_what_stops_the_program_reaches_the_caller_as_it_was_and_leaves_nothing_open(engine, tmp_path, error, method):
    tracer = Stops(method, error)
    hosted = Hosted(engine, tmp_path, tracer)
    hosted.serve_neighbour()
    plugin = hosted.load(stopping_module())
    with pytest.raises(type(error)) as raised:
        plugin.call("on_reload")
    assert raised.value is error
    assert plugin.all_stats.open_spans == 0
    hosted.call(plugin, "on_reload")
    assert hosted.endings == ["ok"]
    hosted.close()
