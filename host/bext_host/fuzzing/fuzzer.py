"""fuzz: one case after the other, for so long or so many."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import TypeAlias

from .case import make_case
from .plan import ModuleHooks
from .report import FuzzReport
from .running import run_case

Progress: TypeAlias = Callable[[FuzzReport], object]
"""Told the report so far, after every case."""


def fuzz(module: ModuleHooks, report: FuzzReport, first_seed: int, *, seconds: float | None, cases: int | None, progress: Progress) -> None:
    """Run the cases of `first_seed` and the numbers behind it, and add them to `report`; until one of the two is over, one case at least.

    What the program is stopped for (KeyboardInterrupt) leaves the report with the cases that were done.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    for seed in itertools.count(first_seed):
        report.add(run_case(module, make_case(module, seed)))
        progress(report)
        if report.cases == cases or (deadline is not None and time.monotonic() >= deadline):
            return
