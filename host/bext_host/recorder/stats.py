"""RecorderStats: what a recorder started, ended, dropped and handed over. Counters only grow."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from bext_abi import DropReason


@dataclass(slots=True)
class RecorderStats:
    """`dropped` counts by reason; `exported` the spans that each exporter took."""

    started: int = 0
    ended: int = 0
    unsampled: int = 0
    dropped: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(map(str, DropReason), 0)))
    exported: Counter[str] = field(default_factory=Counter)
