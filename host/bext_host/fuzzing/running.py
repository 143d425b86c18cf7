"""Runs one case, and tells how each of its calls ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from bext_host.runtime import (
    AllocationFailed,
    FuelExhausted,
    GuestEnded,
    GuestTrap,
    HookFailed,
    MemoryLimitExceeded,
    Plugin,
    PluginError,
    PluginHost,
)
from bext_host.runtime.hooks import INITIALIZE, START
from bext_host.runtime.plugin_engine import plugin_engine

from .case import SURROUNDINGS, Case, Step
from .odd_tracers import ODD_TRACERS, LeftOpen, QuietTracer
from .plan import ModuleHooks

_NO_FLUSH_SECONDS: Final = 3600.0

OK: Final = "ok"
TRAP: Final = GuestTrap.outcome
FUEL: Final = FuelExhausted.outcome
MEMORY: Final = MemoryLimitExceeded.outcome
FAILED: Final = HookFailed.outcome
NO_ALLOCATION: Final = "allocation_failed"
"""How calls end: the words of the host's spans, and one for a call whose arguments the guest had no memory for."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a call ended: `outcome` is "ok", or the word that the host's span has for it, and `what` says more.

    `on_purpose`: it ended by a limit that is tight in this case. `by_memory`: it trapped with all its memory in use.
    """

    step: Step
    outcome: str = OK
    what: str = ""
    backtrace: str = ""
    on_purpose: bool = False
    by_memory: bool = False


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a case."""

    case: Case
    calls: tuple[Ended, ...]
    left_open: tuple[LeftOpen, ...]
    dropped: Mapping[str, int]


def run_case(module: ModuleHooks, case: Case) -> Ran:
    """Run it. A trap in tight memory counts as the plugin's own only where it comes with enough memory as well."""
    ran = _run(module, case)
    if case.tight.memory_bytes is None or all(call.outcome != TRAP for call in ran.calls):
        return ran
    free = _run(module, replace(case, tight=replace(case.tight, memory_bytes=None)))
    own = [call for call in free.calls if call.outcome == TRAP]
    return replace(ran, calls=tuple(_judged(call, own) for call in ran.calls))


def _judged(call: Ended, own: list[Ended]) -> Ended:
    """A trap is one of the plugin's `own`, which it is taken from, or there on purpose."""
    if call.outcome != TRAP:
        return call
    same = next((trap for trap in own if trap.step.hook == call.step.hook), None)
    if same is None:
        return replace(call, on_purpose=True)
    own.remove(same)
    return same


def _run(module: ModuleHooks, case: Case) -> Ran:
    running = _Running(case)
    host = PluginHost(running.tracer, limits=case.tight.recording, flush_seconds=_NO_FLUSH_SECONDS)
    running.host = host  # it is not started: the hooks of a plugin's life are called as all others are
    try:
        plugin = host.load(module.wasm, module.name, limits=case.tight.plugin_limits())
        calls = running.calls_of(plugin)
    except PluginError as error:  # the start section, or _initialize
        return Ran(case, (running.ended(Step(INITIALIZE), error),), (), {})
    finally:
        host.close()
    dropped = {reason: count for reason, count in plugin.all_stats.dropped.items() if count}
    return Ran(case, tuple(calls), tuple(running.tracer.left_open), dropped)


class _Running:
    """A case that runs."""

    def __init__(self, case: Case) -> None:
        self.host: PluginHost | None = None
        rng = Random(f"tracer {case.seed}")  # noqa: S311  # as in make_case
        self.tracer: QuietTracer = ODD_TRACERS[case.tracer](rng, self._on_call)
        self._case = case
        self._calls_left = case.tight.calls

    def calls_of(self, plugin: Plugin) -> list[Ended]:
        """Make the calls. An instance that takes the place of one that is gone gets on_server_start as well."""
        calls: list[Ended] = []
        first = next((step for step in self._case.steps if step.hook == START), None)
        for step in self._case.steps:
            if first is not None and step is not first and not plugin.all_stats.instances:
                calls.append(self._call(plugin, first))
            calls.append(self._call(plugin, step))
        ends = (self._call(plugin, step) for step in self._case.ends if plugin.all_stats.instances)
        return [*calls, *ends]

    def _call(self, plugin: Plugin, step: Step) -> Ended:
        self.tracer.hook = step.hook
        parent, traceparent = SURROUNDINGS[self._case.surrounding]
        try:
            plugin.call(step.hook, *step.arguments, parent=parent, traceparent=traceparent)
        except PluginError as error:
            return self.ended(step, error)
        return Ended(step)

    def ended(self, step: Step, error: PluginError) -> Ended:
        """How a call ended that raised this."""
        tight = self._case.tight
        outcome = NO_ALLOCATION if isinstance(error, AllocationFailed) else error.outcome
        limits = {FUEL: tight.fuel, "interrupted": tight.calls, MEMORY: tight.memory_bytes, NO_ALLOCATION: tight.memory_bytes}
        backtrace = error.backtrace if isinstance(error, GuestEnded) else ""
        is_full = isinstance(error, GuestTrap) and 0 < error.memory_limit_pages <= error.memory_pages
        return Ended(step, outcome, error.what, backtrace, limits.get(outcome) is not None, is_full)

    def _on_call(self) -> None:
        """The time of the running call is over after so many calls of the tracer; the epoch goes on, so that it ends at once."""
        if self._calls_left is None or self.host is None:
            return
        self._calls_left -= 1
        if self._calls_left == 0:
            self._calls_left = self._case.tight.calls
            self.host.interrupt()
            plugin_engine().increment_epoch()
