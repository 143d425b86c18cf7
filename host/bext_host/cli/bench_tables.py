"""The bench's report as tables. They are Markdown too, so that a README can carry them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bext_host.bench import Growth, Ratio, Report, Section, Spread

_STYLES = {"aim": "green", "floor": "yellow", "below": "red"}
_WIDTH_OF_FILES = 140
_PLAIN: dict[str, Any] = {"highlight": False, "markup": False, "soft_wrap": True}


def print_tables(report: Report) -> None:
    """Print them all, on a terminal in its width."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH_OF_FILES)
    versions = ", ".join(f"{name} {number}" for name, number in report.versions.items())
    console.print(f"{versions}; {report.cores} cores; medians of {report.rounds} interleaved rounds [quartiles]", **_PLAIN)
    for table in _tables(report):
        console.print()
        console.print(table)
    for line in report.missing:
        console.print(f"not measured: {line}", **_PLAIN)


def _tables(report: Report) -> Iterator[Table]:
    for section in report.sections:
        yield _times(section)
        if section.ratios:
            yield _ratios(section)
    if report.growth is not None:
        yield _growth(report.growth)
    if report.bytes_per_span:
        yield _table(("bytes held for a span", "bytes"), [(name, f"{size:,.0f}") for name, size in report.bytes_per_span.items()])


def _table(heads: Sequence[str], rows: Sequence[Sequence[str | Text]]) -> Table:
    table = Table(box=box.MARKDOWN, header_style="bold")
    for number, head in enumerate(heads):
        table.add_column(head, justify="right" if number else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def _times(section: Section) -> Table:
    rows = [(name, f"{time(spread.median)} [{time(spread.low)} to {time(spread.high)}]") for name, spread in section.nanos.items()]
    return _table((section.title, f"a {section.unit}"), rows)


def time(nanos: float) -> str:
    """A time in three digits."""
    return f"{nanos:.0f} ns" if nanos < 1_000 else f"{nanos / 1_000:.3g} µs"


def _ratios(section: Section) -> Table:
    rows = [(ratio.faster, ratio.slower, _times_of(ratio.ratio), *_held_to(ratio)) for ratio in section.ratios]
    return _table(("cheaper", "than", "times", "floor", "aim", "reached"), rows)


def _times_of(ratio: Spread) -> str:
    return f"{ratio.median:.3g} [{ratio.low:.3g} to {ratio.high:.3g}]"


def _held_to(ratio: Ratio) -> tuple[str, str, Text]:
    floor, aim = ("" if number is None else f"{number:g}" for number in (ratio.floor, ratio.aim))
    return floor, aim, Text(ratio.verdict, style=_STYLES.get(ratio.verdict, ""))


def _growth(growth: Growth) -> Table:
    rows = [
        (f"after {spans:,} spans", time(spread.median), f"{growth.against_young[spans].median:.2f}")
        for spans, spread in growth.nanos_per_span.items()
    ]
    verdict = "flat" if growth.factor <= growth.at_most else "not flat"
    rows.append((f"{verdict}: at most {growth.at_most:g} times", "", f"{growth.factor:.2f}"))
    return _table(("growth, SpanRecorder, native", "a span", "times a young one's"), rows)
