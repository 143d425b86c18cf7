"""Made-up guest programs, and damaged modules: loaded or refused in words, run within their limits, and nobody else's trouble."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bext_abi import SpanStart
from bext_host import Plugin
from bext_host.testing import RecordingTracer
from fuzz.hosted import EVENT, Hosted, check_listed
from fuzz.programs import HOOKS, Program, make_program
from fuzz.seeds import for_each_seed
from support.processes import run_python
from support.raw_guest import ENGINES
from support.tracers import HookedTracer, HostRecordingTracer
from support.wat import Guest, hook

ROUNDS = 3


def drive(hosted: Hosted, program: Program) -> None:
    """Load a program and call all that it has, several times."""
    plugin = hosted.load(program.wasm)
    for _ in range(ROUNDS if plugin is not None else 0):
        for name in program.hooks:
            hosted.call(plugin, name, *([EVENT] if HOOKS[name] else []))
    hosted.serve_neighbour()
    hosted.close()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_made_up_program_ends_within_its_limits_and_every_span_is_accounted_for(engine, tmp_path):
    endings: set[str] = set()

    def check(_: int, rng: Random) -> None:
        hosted = Hosted(engine, tmp_path)
        drive(hosted, make_program(rng))
        hosted.check_counters()
        hosted.check_spans()
        endings.update(hosted.endings)

    for_each_seed(25, check)
    assert len(endings) > 4, "the programs are too tame"


@pytest.mark.skipif(len(ENGINES) < 2, reason="compares both engines")
def test_both_engines_see_the_same_program(tmp_path):
    """The same endings, counters and calls of the tracer, in the same order."""

    def seen(engine: str, program: Program) -> list[Any]:
        tracer = HostRecordingTracer()
        tracer.now = lambda span: 1  # type: ignore[method-assign]  # the one thing that differs
        hosted = Hosted(engine, tmp_path, tracer)
        drive(hosted, program)
        hosted.check_counters()
        check_listed(tracer.calls)
        listed = [call for call in tracer.calls if call[0] != "record_host" or "bext.abandoned" in call[2]]  # the others tell times
        return [hosted.endings, [plugin.stats for plugin in hosted.plugins], listed]

    def check(_: int, rng: Random) -> None:
        program = make_program(rng)
        native, reference = seen("native", program), seen("reference", program)
        for ours, theirs in zip(native, reference, strict=True):
            assert ours == theirs

    for_each_seed(15, check)


class CallsBack(RecordingTracer):
    """Calls the plugin again, its neighbour, or loads and closes plugins, now and then, in every method."""

    def __init__(self, rng: Random) -> None:
        super().__init__()
        self.hosted: Hosted | None = None
        self.plugin: Plugin | None = None
        self.called = 0
        self._rng = rng
        self._depth = 0

    def _meddle(self) -> None:
        if self.plugin is None or self.hosted is None or self._depth > 2 or self._rng.random() < 0.7:
            return
        self._depth += 1
        self.called += 1
        try:
            self._rng.choice(
                (self._call_it, self._call_neighbour, self._interrupt, self._close, self._close_host, self._load, self._expire)
            )()
        finally:
            self._depth -= 1

    def _call_it(self) -> None:
        self.plugin.call("on_reload")

    def _call_neighbour(self) -> None:
        self.hosted.neighbour.call("on_reload")
        self.hosted.served += 1

    def _interrupt(self) -> None:
        self.plugin.interrupt()

    def _close(self) -> None:
        self.plugin.close()

    def _close_host(self) -> None:
        """Refused, since a call runs; the last loaded plugins may be closed by then."""
        self.hosted.host.close()

    def _load(self) -> None:
        self.hosted.host.load(b"\0asm\1\0\0\0", f"another {self.called}").close()

    def _expire(self) -> None:
        self.plugin.expire_spans()

    def start_span(self, span: SpanStart):
        self._meddle()
        return super().start_span(span)

    def set_attribute(self, span, key, value) -> None:
        super().set_attribute(span, key, value)
        self._meddle()

    def set_status(self, span, status) -> None:
        self._meddle()
        super().set_status(span, status)

    def add_event(self, span, event) -> None:
        super().add_event(span, event)
        self._meddle()

    def end_span(self, span, end_time_unix_nanos=None) -> None:
        super().end_span(span, end_time_unix_nanos)
        self._meddle()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_program_whose_tracer_calls_the_host_again(engine, tmp_path):
    """Into the same plugin that is ReentrantCall, into others a call as any; the guest goes on, and no span is lost."""
    called: list[int] = []

    def check(_: int, rng: Random) -> None:
        program, tracer = make_program(rng), CallsBack(rng)
        hosted = Hosted(engine, tmp_path, tracer)
        tracer.hosted, tracer.plugin = hosted, hosted.load(program.wasm)
        for name in program.hooks if tracer.plugin is not None else ():
            try:
                hosted.call(tracer.plugin, name, *([EVENT] if HOOKS[name] else []))
            except Exception as error:
                raise AssertionError(name) from error
        tracer.plugin = None
        hosted.close()
        assert all(plugin.all_stats.open_spans == 0 for plugin in [hosted.neighbour, *hosted.plugins])
        called.append(tracer.called)

    for_each_seed(25, check)
    assert sum(called) > 10


def test_the_hook_of_a_tracer_may_call_the_plugin_again_and_is_told_that_it_must_not(tmp_path):
    errors: list[str] = []

    def again(method: str, argument: Any) -> None:
        if argument.scope_name == "made up":
            try:
                plugin.call("on_reload")
            except Exception as error:
                errors.append(type(error).__name__)
                raise

    hosted = Hosted(ENGINES[0], tmp_path, HookedTracer(again))
    plugin = hosted.load(_starting(3))
    hosted.call(plugin, "on_reload")
    assert errors == ["ReentrantCall"] * 3
    assert plugin.stats.dropped["tracer_error"] == 3
    hosted.close()


def _starting(spans: int) -> bytes:
    build = Guest()
    return build.module(hook("on_reload", *(build.start(1, "s") + build.end(1) for _ in range(spans))))


# --- Damaged modules ---

MUTANTS_A_CASE = 70


def mutants(first: int, count: int, folder: Path) -> dict[str, int]:
    """What became of damaged modules, in a process of their own, which must end by itself."""
    done = run_python("import sys; from fuzz.mutants import main; main(*sys.argv[1:])", str(first), str(count), str(folder))
    assert done.returncode == 0, f"the process ended with {done.returncode}: {done.stderr[-2000:]}"
    return json.loads(done.stdout)


def test_a_damaged_module_is_loaded_or_refused_in_words_and_never_a_crash(tmp_path):
    def check(first: int, _: Random) -> None:
        outcomes = mutants(first * 1000, MUTANTS_A_CASE, tmp_path)
        assert outcomes["refused"] > 0
        assert outcomes["loaded"] > 0

    for_each_seed(1, check)
