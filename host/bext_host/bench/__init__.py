"""`bext-tracer bench`: what recording costs, as ratios between contenders that were measured side by side in one run.

Fuel is off, what is recorded is drained into nothing on every side, and a contender that drops a span makes the run invalid.
"""

from .report import Growth, Ratio, Report, Section
from .rounds import BenchInvalid, Progress, Spread
from .suite import run_bench

__all__ = ["BenchInvalid", "Growth", "Progress", "Ratio", "Report", "Section", "Spread", "run_bench"]
