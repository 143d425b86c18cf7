"""A case: what is called, with what, by which tracer and under which limits. All of it follows from its seed."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

from bext_abi import SpanHandle
from bext_host.limits import Limits
from bext_host.runtime.hooks import CLEANUP, HOOKS, START, STOP, HookArgument
from bext_host.runtime.plugin_limits import WASM_PAGE_BYTES, PluginLimits

from .events import arguments
from .odd_tracers import ODD_TRACERS, QUIET
from .plan import ModuleHooks

_STEPS: Final = (1, 1, 1, 2, 3, 5, 8)
_TRACE_ID: Final = "4bf92f3577b34da6a3ce929d0e0e4736"
_TRACEPARENT: Final = f"00-{_TRACE_ID}-00f067aa0ba902b7-"
_LIFE: Final = (START, STOP, CLEANUP)

SURROUNDINGS: Final[dict[str, tuple[SpanHandle | None, str | None]]] = {
    "a span of the host": (None, None),
    "no sampled span": (SpanHandle.INVALID, None),
    "a span below another": (SpanHandle.from_traceparent(_TRACEPARENT + "01"), None),
    "a remote trace": (None, _TRACEPARENT + "01"),
    "a remote trace that is not sampled": (None, _TRACEPARENT + "00"),
    "a traceparent that is none": (None, "00-xyz"),
}
"""What surrounds the calls: the `parent` and `traceparent` that they get."""


@dataclass(frozen=True, slots=True)
class Step:
    """A call of a hook."""

    hook: str
    arguments: tuple[HookArgument, ...] = ()

    @property
    def size(self) -> int:
        """How many characters its arguments have: of cases that find the same, the smallest is told."""
        return sum(len(argument) if isinstance(argument, str) else 1 for argument in self.arguments)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tight:
    """The limits of a case that are tight on purpose; None where the default holds.

    `calls` is the time: so many calls of the tracer are made until the running call is over, which is the same each time.
    """

    fuel: int | None = None
    memory_bytes: int | None = None
    calls: int | None = None
    recording: Limits | None = None

    def plugin_limits(self) -> PluginLimits:
        """The plugin's limits, which are bext's but for these."""
        fuel = {} if self.fuel is None else dict.fromkeys(HOOKS, self.fuel)
        return PluginLimits(fuel=fuel) if self.memory_bytes is None else PluginLimits(fuel=fuel, memory_bytes=self.memory_bytes)

    def __str__(self) -> str:
        words = (
            None if self.fuel is None else f"{self.fuel:,} units of fuel",
            None if self.memory_bytes is None else f"{self.memory_bytes // WASM_PAGE_BYTES} pages of memory",
            None if self.calls is None else f"time for {self.calls} calls of the tracer",
            None if self.recording is None else "little room for spans",
        )
        return ", ".join(word for word in words if word) or "bext's own limits"


@dataclass(frozen=True, slots=True)
class Case:
    """What one seed stands for. `steps` begin with on_server_start where the module has it, and `ends` follow them."""

    seed: int
    tracer: str
    tight: Tight
    surrounding: str
    steps: tuple[Step, ...]
    ends: tuple[Step, ...]

    @property
    def is_odd(self) -> bool:
        """Whether drops are to be expected: the tracer fails, or there is little room."""
        return self.tight.recording is not None or ODD_TRACERS[self.tracer].drops

    @property
    def size(self) -> int:
        """How much there is to look at for whoever replays it."""
        return sum(1000 + step.size for step in self.steps)


def make_case(module: ModuleHooks, seed: int) -> Case:
    """The case of a seed."""
    rng = Random(f"case {seed}")  # noqa: S311  # a case is to be the same each time; nothing is kept secret
    tracer = QUIET if rng.random() < 0.5 else rng.choice(list(ODD_TRACERS))
    tight = _tight(rng, module)
    surrounding = rng.choice(list(SURROUNDINGS))
    called = [hook for hook in module.hooks if hook not in _LIFE]
    hooks = [START] * (START in module.hooks) + [rng.choice(called) for _ in range(rng.choice(_STEPS)) if called]
    steps = tuple(Step(hook, arguments(rng, hook, HOOKS[hook])) for hook in hooks)
    return Case(seed, tracer, tight, surrounding, steps, tuple(Step(hook) for hook in (STOP, CLEANUP) if hook in module.hooks))


def _tight(rng: Random, module: ModuleHooks) -> Tight:
    kind = rng.random()
    if kind < 0.55:
        return Tight()
    if kind < 0.70:
        return Tight(fuel=int(10 ** rng.uniform(0, 6)))
    if kind < 0.80:
        return Tight(memory_bytes=max(1, module.memory_bytes // WASM_PAGE_BYTES + rng.choice((0, 0, 1, 2, 8))) * WASM_PAGE_BYTES)
    if kind < 0.90:
        return Tight(calls=rng.randrange(1, 20))
    return Tight(recording=_little_room(rng))


def _little_room(rng: Random) -> Limits:
    small = (0, 1, 2, 8)
    return Limits(
        payload_bytes=rng.choice((0, 16, 64, 65_536)),
        span_attributes=rng.choice(small),
        span_events=rng.choice(small),
        span_links=rng.choice(small),
        event_attributes=rng.choice(small),
        span_bytes=rng.choice((0, 64, 256, 1_048_576)),
        scope_open_spans=rng.choice(small),
        scope_bytes=rng.choice((0, 128, 1024, 16_777_216)),
        scope_ended_parents=rng.choice(small),
    )
