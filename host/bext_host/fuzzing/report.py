"""FuzzReport: what the cases of a run add up to. The same cases give the same report."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from .running import FAILED, NO_ALLOCATION, OK, TRAP, Ended, Ran

UNENDED: Final = "unended span"
OVER_LIMIT: Final = "over a limit"
REFUSED: Final = "refused"
"""Kinds of findings, beside a trap. A call over a limit is one over bext's own, not one that was tight; refused is no fault."""


@dataclass(slots=True)
class Finding:
    """Something that the plugin did, so many `times`. `seed` repeats it: of the cases that found it, the smallest."""

    kind: str
    hook: str
    what: str
    seed: int
    size: int
    backtrace: str = ""
    times: int = 0


@dataclass(slots=True)
class Drops:
    """What was dropped for one reason: by the plugin's doing, and in cases that are meant to drop. `seed` is the first with the former."""

    count: int = 0
    on_purpose: int = 0
    seed: int | None = None


@dataclass(slots=True)
class FuzzReport:
    """What was tried, and what came of it. `seeds` are the first and the last, `cut_short` the calls that a tight limit ended."""

    module: str
    hooks: tuple[str, ...]
    seeds: tuple[int, int] | None = None
    cases: int = 0
    calls: Counter[str] = field(default_factory=Counter)
    cut_short: Counter[str] = field(default_factory=Counter)
    dropped: dict[str, Drops] = field(default_factory=dict)
    last: Ran | None = None
    _found: dict[tuple[str, ...], Finding] = field(default_factory=dict)

    @property
    def findings(self) -> list[Finding]:
        """The faults of the plugin, in the order in which they were found."""
        return [finding for finding in self._found.values() if finding.kind != REFUSED]

    @property
    def refused(self) -> list[Finding]:
        """The calls that a hook answered with a failure, or for whose arguments the plugin gave no memory."""
        return [finding for finding in self._found.values() if finding.kind == REFUSED]

    def add(self, ran: Ran) -> None:
        """Count a case."""
        seed = ran.case.seed
        self.seeds = (seed if self.seeds is None else self.seeds[0], seed)
        self.cases += 1
        self.last = ran
        for call in ran.calls:
            self._add_call(ran, call)
        for span in ran.left_open:
            self._find(
                ran, Finding(UNENDED, span.hook, f"{span.name!r} was started and never ended", seed, ran.case.size), UNENDED, span.hook
            )
        for reason, count in ran.dropped.items():
            self._add_drops(ran, self.dropped.setdefault(reason, Drops()), count)

    def _add_call(self, ran: Ran, call: Ended) -> None:
        self.calls[call.step.hook] += 1
        if call.on_purpose:
            self.cut_short[call.outcome] += 1
        elif call.outcome != OK:
            kind = _kind_of(call)
            words = call.what if kind == TRAP else call.outcome  # what is refused or over a limit is the same whatever its number
            finding = Finding(kind, call.step.hook, call.what, ran.case.seed, ran.case.size, call.backtrace)
            self._find(ran, finding, kind, call.step.hook, words)

    def _find(self, ran: Ran, finding: Finding, *key: str) -> None:
        known = self._found.setdefault(key, finding)
        if ran.case.size < known.size:
            finding.times = known.times
            self._found[key] = known = finding
        known.times += 1

    def _add_drops(self, ran: Ran, drops: Drops, count: int) -> None:
        if ran.case.is_odd:
            drops.on_purpose += count
            return
        drops.count += count
        drops.seed = ran.case.seed if drops.seed is None else drops.seed


def _kind_of(call: Ended) -> str:
    if call.outcome in (FAILED, NO_ALLOCATION):
        return REFUSED
    return TRAP if call.outcome == TRAP and not call.by_memory else OVER_LIMIT
