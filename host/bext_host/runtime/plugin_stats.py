"""Statistics of plugins and their host: plain counters that only grow, and what is open at the moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from bext_host.boundary import ScopeStats

from .guest_output import OutputStats


@dataclass(frozen=True, slots=True)
class PluginStats:
    """One plugin, over all its instances.

    `calls` counts the calls of hooks by name, `errors` those that did not end well, by outcome ("trap", "fuel_exhausted", "failed", ...);
    `fuel` is what all calls consumed, `seconds` how long they took, the wait for an instance included. `recorded`, `dropped` and
    `abandoned` are the boundary's counts (see ScopeStats), `output` what the plugin printed and logged. `instances` and `open_spans` are
    those of this moment.
    """

    calls: Mapping[str, int]
    errors: Mapping[str, int]
    fuel: int
    seconds: float
    recorded: Mapping[str, int]
    dropped: Mapping[str, int]
    abandoned: int
    output: OutputStats
    instances: int
    open_spans: int


@dataclass(frozen=True, slots=True)
class HostStats:
    """A host.

    `queued_spans` wait for a flush (None where the tracer does not tell). `flushes` were made by the host's loop, and `flush_errors` of
    them failed.
    """

    plugins: Mapping[str, PluginStats]
    tracer_errors: int
    queued_spans: int | None
    flushes: int
    flush_errors: int


@dataclass(slots=True)
class CallCounters:
    """What a plugin's calls add up to. Its owner guards it with a lock."""

    calls: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    fuel: int = 0
    seconds: float = 0.0
    of_gone: ScopeStats = field(default_factory=ScopeStats)
    output_of_gone: OutputStats = field(default_factory=OutputStats)

    def add_call(self, hook: str, outcome: str | None, fuel: int, seconds: float) -> None:
        """Count a call; `outcome` is None where it ended well."""
        self.calls[hook] += 1
        if outcome is not None:
            self.errors[outcome] += 1
        self.fuel += fuel
        self.seconds += seconds
