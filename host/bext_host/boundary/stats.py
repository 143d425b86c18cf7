"""ScopeStats: what a scope recorded and dropped. Counters only grow; reading them never waits."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from bext_abi import DropReason

OPERATIONS = ("start_span", "set_attribute", "set_status", "add_event", "end_span", "current_span")


@dataclass(slots=True)
class ScopeStats:
    """Counters of one scope, by operation and by reason.

    `calls` counts every host call; `recorded` those that reached the tracer and were taken (for current_span: those that were
    answered). `dropped` counts by reason (ABI.md, "Drop reasons"), parts of calls too, so that one call may add several.
    `unsampled` counts starts that gave an invalid handle without an error; `ignored` calls with an invalid handle, which are no-ops.
    """

    calls: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(OPERATIONS, 0)))
    recorded: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(OPERATIONS, 0)))
    dropped: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(map(str, DropReason), 0)))
    unsampled: int = 0
    ignored: int = 0
    abandoned: int = 0

    def __add__(self, other: ScopeStats) -> ScopeStats:
        """The sums of both."""
        return ScopeStats(
            _sum(self.calls, other.calls),
            _sum(self.recorded, other.recorded),
            _sum(self.dropped, other.dropped),
            self.unsampled + other.unsampled,
            self.ignored + other.ignored,
            self.abandoned + other.abandoned,
        )

    def drop(self, reason: DropReason, count: int = 1) -> None:
        """Count what was dropped."""
        if count:
            self.dropped[reason.value] += count


@dataclass(frozen=True, slots=True)
class Traffic:
    """How much crossed the boundary so far: host calls, and the bytes of payload that they named (one that is too large counts none).

    `nanos` is the time spent in them; None where it is not measured.
    """

    calls: int
    payload_bytes: int
    nanos: int | None = None

    def __sub__(self, earlier: Traffic) -> Traffic:
        """What came since."""
        nanos = None if self.nanos is None or earlier.nanos is None else self.nanos - earlier.nanos
        return Traffic(self.calls - earlier.calls, self.payload_bytes - earlier.payload_bytes, nanos)


def _sum(one: Counter[str], other: Counter[str]) -> Counter[str]:
    total = Counter(one)
    total.update(other)
    return total
