"""What the bench found, as plain data that becomes JSON, and as tables for people."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from .rounds import Measured, Spread
from .targets import GROWTH_AT_MOST, Target


@dataclass(slots=True)
class Ratio:
    """How many times as long `slower` takes as `faster`, and what that is held to."""

    slower: str
    faster: str
    ratio: Spread
    floor: float | None
    aim: float | None

    @property
    def verdict(self) -> str:
        """What the median reaches: "aim", "floor" or "below"; "" where nothing is set."""
        if self.floor is None:
            return ""
        if self.ratio.median < self.floor:
            return "below"
        return "aim" if self.aim is not None and self.ratio.median >= self.aim else "floor"


@dataclass(slots=True)
class Section:
    """One kind of operation: how long each contender takes, and the ratios between them."""

    title: str
    unit: str
    nanos: dict[str, Spread]
    ratios: list[Ratio] = field(default_factory=list)

    @classmethod
    def of(cls, title: str, unit: str, measured: Measured, targets: tuple[Target, ...]) -> Section:
        """The section of what was measured; a ratio to what is not there is left out."""
        nanos = {name: measured.spread(name) for name in measured.nanos}
        ratios = [
            Ratio(target.slower, target.faster, measured.ratio(target.slower, target.faster), target.floor, target.aim)
            for target in targets
            if target.slower in nanos and target.faster in nanos
        ]
        return cls(title, unit, nanos, ratios)


@dataclass(slots=True)
class Growth:
    """What a span costs when so many were recorded before, and how many times as much as in a recorder that is young."""

    nanos_per_span: dict[int, Spread]
    against_young: dict[int, Spread]
    at_most: float = GROWTH_AT_MOST

    @property
    def factor(self) -> float:
        """The largest of these ratios."""
        return max(spread.median for spread in self.against_young.values())


@dataclass(slots=True)
class Report:
    """Everything. `missing` says what was not measured, and why."""

    versions: dict[str, str]
    cores: int
    rounds: int
    sections: list[Section] = field(default_factory=list)
    growth: Growth | None = None
    bytes_per_span: dict[str, float] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Plain data; verdicts and the growth's factor are in it."""
        data = asdict(self)
        for section, found in zip(data["sections"], self.sections, strict=True):
            for ratio, held in zip(section["ratios"], found.ratios, strict=True):
                ratio["verdict"] = held.verdict
        if self.growth is not None:
            data["growth"]["factor"] = self.growth.factor
        return data
