"""Losses: what a call to an exporter has lost, by reason, until it is raised as one error."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Losses:
    """How many spans each reason cost; `unencodable` of them could not be encoded.

    `earlier` are those of processes before this one, which count for no recorder; `warnings` what receivers said that cost none.
    """

    reasons: Counter[str] = field(default_factory=Counter)
    unencodable: int = 0
    earlier: Counter[str] = field(default_factory=Counter)
    warnings: set[str] = field(default_factory=set)

    def add(self, spans: int, reason: str, *, is_own: bool = True) -> None:
        """Count spans that were given up; others than `is_own` are earlier processes'."""
        if spans:
            (self.reasons if is_own else self.earlier)[reason] += spans

    def add_unencodable(self, spans: int, reason: str) -> None:
        """Count spans that no request can hold."""
        self.add(spans, reason)
        self.unencodable += spans

    @property
    def count(self) -> int:
        """How many spans in all."""
        return sum(self.reasons.values())
