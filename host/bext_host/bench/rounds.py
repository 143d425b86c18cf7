"""Measuring in interleaved rounds: every contender runs once in each round, so that what disturbs the machine disturbs all alike."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from bext_abi import BextTracerError

_T = TypeVar("_T")

Progress = Callable[[str], None]
"""Told what is being done, a few words at a time."""


class BenchInvalid(BextTracerError, RuntimeError):
    """A contender did not do the work that it was measured at; the message says what is missing."""


class Contender(Protocol):
    """Something that is measured. Its operations are those of the section that it stands in."""

    name: str
    operations: int
    """In one round, so many that it takes tens of milliseconds."""

    def run(self, operations: int) -> None:
        """Do the work, and drain what it recorded into nothing."""
        ...

    def check(self) -> None:
        """Raise BenchInvalid where anything was dropped, or was not drained."""
        ...


@dataclass(frozen=True, slots=True)
class Spread:
    """A median, and the quartiles round it."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The spread of at least one value."""
        if len(values) == 1:
            return cls(values[0], values[0], values[0])
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, low, high)


@dataclass(slots=True)
class Measured:
    """What the contenders of a section took, in nanoseconds for an operation, round by round."""

    nanos: dict[str, list[float]] = field(default_factory=dict)

    def spread(self, name: str) -> Spread:
        """How long an operation of `name` takes."""
        return Spread.of(self.nanos[name])

    def ratio(self, slower: str, faster: str) -> Spread:
        """How many times as long `slower` takes, taken round by round."""
        return Spread.of([slow / fast for slow, fast in zip(self.nanos[slower], self.nanos[faster], strict=True)])


def timed(work: Callable[[], None]) -> float:
    """The wall-clock time that `work` takes, in nanoseconds."""
    gc.collect()
    started = time.perf_counter_ns()
    work()
    return float(time.perf_counter_ns() - started)


def in_turn(contenders: Sequence[_T], number: int) -> Sequence[_T]:
    """All of them in the order of a round: nobody always comes first."""
    turn = number % len(contenders)
    return (*contenders[turn:], *contenders[:turn])


def measure(contenders: Sequence[Contender], rounds: int, progress: Progress) -> Measured:
    """Measure them all. Raises BenchInvalid where one did not do its work."""
    measured = Measured({contender.name: [] for contender in contenders})
    for contender in contenders:  # what happens once is not measured
        contender.run(max(1, contender.operations // 10))
    for number in range(rounds):
        for contender in in_turn(contenders, number):
            progress(f"round {number + 1} of {rounds}: {contender.name}")
            operations = contender.operations
            measured.nanos[contender.name].append(timed(lambda: contender.run(operations)) / operations)  # noqa: B023  # called at once
    for contender in contenders:
        contender.check()
    return measured


def require(name: str, counts: Mapping[str, int], wanted: Mapping[str, int]) -> None:
    """Raise BenchInvalid where a count is not the one wanted."""
    wrong = [f"{key} is {counts.get(key, 0)}, not {value}" for key, value in wanted.items() if counts.get(key, 0) != value]
    if wrong:
        raise BenchInvalid(f"{name}: {', '.join(wrong)}")
