"""Which seeds a property is tried with: a few fixed ones, or so many as somebody asks for, for a long run.

`BEXT_FUZZ_SEED` is the first seed, `BEXT_FUZZ_CASES` how many, `BEXT_FUZZ_SECONDS` how long each test takes.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator
from random import Random

FIRST = int(os.environ.get("BEXT_FUZZ_SEED", "1"))


def seeds(few: int) -> Iterator[int]:
    """`few` seeds, or what the environment says."""
    seconds, cases = os.environ.get("BEXT_FUZZ_SECONDS"), os.environ.get("BEXT_FUZZ_CASES")
    count = int(cases) if cases else None if seconds else few
    deadline = time.monotonic() + float(seconds) if seconds else float("inf")
    for seed in itertools.count(FIRST):
        if (count is not None and seed >= FIRST + count) or time.monotonic() >= deadline:
            return
        yield seed


def for_each_seed(few: int, check: Callable[[int, Random], None]) -> None:
    """Check with each seed; a failure names the one that repeats it."""
    tried, started = 0, time.monotonic()
    for seed in seeds(few):
        tried += 1
        try:
            check(seed, Random(seed))
        except BaseException as error:
            raise AssertionError(f"with BEXT_FUZZ_SEED={seed} BEXT_FUZZ_CASES=1: {type(error).__name__}: {error}") from error
    seconds = time.monotonic() - started
    print(f"{tried:,} cases, {tried / max(seconds, 1e-3):.1f} a second")  # shown with -s
