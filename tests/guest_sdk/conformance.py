"""The matrix of wasm-fixtures/conformance: which languages and scenarios there are, what is missing and why, and the golden files."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
CONFORMANCE = ROOT / "wasm-fixtures" / "conformance"
GOLDEN = CONFORMANCE / "golden"
HOOK = "on_request_complete"

LANGUAGES = ("c", "cpp", "rust", "go", "zig", "assemblyscript")
NOT_YET: frozenset[str] = frozenset()
"""Languages whose scenarios are still to be written. Who adds the folder takes the line out."""

_README = (CONFORMANCE / "README.md").read_text(encoding="utf-8")
SCENARIOS = tuple(re.findall(r"^### `(\w+)`$", _README, flags=re.MULTILINE))
"""The scenarios, in the order of the README, which defines them."""


class Guest(NamedTuple):
    """One cell of the matrix."""

    language: str
    scenario: str

    def __str__(self) -> str:
        return f"{self.language}-{self.scenario}"

    @property
    def wasm(self) -> Path:
        """The module: the scenario's own, or the one that has all of the language's scenarios and is told which by its event."""
        folder = CONFORMANCE / self.language
        every = folder / "scenarios.wasm"
        return every if every.exists() else folder / f"{self.scenario}.wasm"

    @property
    def event(self) -> dict[str, str]:
        """What the hook gets; a guest of one scenario does not look at it."""
        return {"scenario": self.scenario}


def declared_gaps() -> dict[tuple[str, str], str]:
    """The README's table of gaps: the reason by language and scenario."""
    section = _README.partition("\n## Gaps\n")[2].partition("\n## ")[0]
    rows = [[cell.strip().strip("`") for cell in row.strip("|").split("|")] for row in section.splitlines() if row.startswith("|")]
    return {(language, scenario): reason for language, scenario, reason in rows[2:]}


def guests() -> list[Guest]:
    """Every cell that must be there: all but declared gaps and languages to come."""
    cells = [Guest(language, scenario) for language in LANGUAGES if language not in NOT_YET for scenario in SCENARIOS]
    return [cell for cell in cells if cell not in declared_gaps()]


@cache
def golden(scenario: str) -> dict[str, Any]:
    """The golden file of a scenario."""
    loaded: dict[str, Any] = json.loads((GOLDEN / f"{scenario}.json").read_text(encoding="ascii"))
    return loaded
