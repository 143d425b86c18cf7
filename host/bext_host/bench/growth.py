"""Whether a span costs more the more there were: one recorder and one scope, looked at after ever more spans."""

from __future__ import annotations

from typing import Final

from bext_host.extension import NATIVE

from .ours import FLUSH_EVERY, Recording
from .rounds import Progress, Spread, timed
from .targets import GROWTH_SPANS

_ROUNDS: Final = 7
_WINDOW: Final = 2 * FLUSH_EVERY


def measure_growth(progress: Progress) -> dict[int, Spread]:
    """What a span costs, in nanoseconds, after each of GROWTH_SPANS. Raises BenchInvalid where any was lost."""
    nanos: dict[int, list[float]] = {spans: [] for spans in GROWTH_SPANS}
    for number in range(_ROUNDS):
        recording = Recording("growth", NATIVE, _WINDOW)
        before = 0
        for spans in GROWTH_SPANS:
            progress(f"round {number + 1} of {_ROUNDS}: growth, {spans:,} spans")
            recording.run(max(0, spans - before))
            nanos[spans].append(timed(lambda: recording.run(_WINDOW)) / _WINDOW)  # noqa: B023  # called at once
            before = max(before, spans) + _WINDOW
        recording.check()
    return {spans: Spread.of(values) for spans, values in nanos.items()}
