"""FanoutStats: what a FanoutTracer passed on and what it dropped. Counters only grow."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from bext_abi import DropReason


@dataclass(slots=True)
class FanoutStats:
    """`started` and `ended` count the spans that at least one child took, `unsampled` those that none did.

    `dropped` counts by reason: `open_span_limit` for a span that found no room, `malformed` for what was no call of the contract,
    `tracer_error` for each call of a child that failed. `errors` counts these by child. `forgotten` counts the ended spans whose
    handles are translated no more, as the bound says.
    """

    started: int = 0
    ended: int = 0
    unsampled: int = 0
    forgotten: int = 0
    dropped: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(map(str, DropReason), 0)))
    errors: Counter[str] = field(default_factory=Counter)
