"""Whether a span costs more the more there were: a recorder and a scope that have had ever more spans, beside ones that are young."""

from __future__ import annotations

from typing import Final

from bext_host.extension import NATIVE

from .ours import FLUSH_EVERY, Recording
from .report import Growth
from .rounds import Measured, Progress, timed
from .targets import GROWTH_SPANS

_ROUNDS: Final = 7
_LOOKS: Final = 3
"""In a round, at each number of spans."""

_WINDOW: Final = 2 * FLUSH_EVERY
_OLD: Final = "old"
_YOUNG: Final = "young"


def measure_growth(progress: Progress) -> Growth:
    """What a span costs after each of GROWTH_SPANS. Raises BenchInvalid where any was lost."""
    measured = {spans: Measured({_OLD: [], _YOUNG: []}) for spans in GROWTH_SPANS}
    for number in range(_ROUNDS):
        old, done = Recording(_OLD, NATIVE, _WINDOW), 0
        for spans in GROWTH_SPANS:
            progress(f"round {number + 1} of {_ROUNDS}: growth, {spans:,} spans")
            old.run(max(0, spans - done))
            _look(old, measured[spans])
            done = max(done, spans) + _LOOKS * _WINDOW
        old.check()
    return Growth(
        {spans: found.spread(_OLD) for spans, found in measured.items()},
        {spans: found.ratio(_OLD, _YOUNG) for spans, found in measured.items()},
    )


def _look(old: Recording, measured: Measured) -> None:
    """Measure it and a young one by turns, so that what disturbs the machine disturbs both."""
    young = Recording(_YOUNG, NATIVE, _WINDOW)
    young.run(min(GROWTH_SPANS))
    for _ in range(_LOOKS):
        for recording in (old, young):
            measured.nanos[recording.name].append(timed(lambda: recording.run(_WINDOW)) / _WINDOW)  # noqa: B023  # called at once
    young.check()
