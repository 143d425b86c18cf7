"""Losses: what a call to an exporter has lost, by reason, until it is raised as one error."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Losses:
    """How many spans each reason cost; `unencodable` of them could not be encoded."""

    reasons: Counter[str] = field(default_factory=Counter)
    unencodable: int = 0

    def add(self, spans: int, reason: str) -> None:
        """Count spans that were given up."""
        if spans:
            self.reasons[reason] += spans

    def add_unencodable(self, spans: int, reason: str) -> None:
        """Count spans that no request can hold."""
        self.add(spans, reason)
        self.unencodable += spans

    @property
    def count(self) -> int:
        """How many spans in all."""
        return sum(self.reasons.values())
