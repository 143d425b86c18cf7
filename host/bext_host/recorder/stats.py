"""RecorderStats: what a recorder started, ended, dropped and handed over."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from bext_abi import DropReason


@dataclass(slots=True)
class RecorderStats:
    """`dropped` counts by reason; `exported` the spans that each exporter took. These only grow.

    `waiting` is how many spans each exporter keeps at this time, to send them again. From there a span goes on to `exported` or to
    `dropped` and is in one of the three only. With one exporter, and when no flush is under way, `ended` is the sum of what was dropped
    for `queue_full`, `unencodable` and `export_failed`, of what was exported, of what waits, and of the queue. After `close`, `waiting`
    are those that stay in a spool, for another process to send.
    """

    started: int = 0
    ended: int = 0
    unsampled: int = 0
    dropped: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(map(str, DropReason), 0)))
    exported: Counter[str] = field(default_factory=Counter)
    waiting: Counter[str] = field(default_factory=Counter)
