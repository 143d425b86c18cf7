"""How contenders are measured: in interleaved rounds, each as often as the others, with ratios taken round by round."""

from __future__ import annotations

import pytest

from bext_host.bench import BenchInvalid, Ratio, Spread
from bext_host.bench.report import Growth, Section
from bext_host.bench.rounds import Measured, measure, require
from bext_host.bench.targets import Target


class Listing:
    """A contender that lists when it runs."""

    def __init__(self, name: str, log: list[str], fault: str = "") -> None:
        self.name = name
        self.operations = 10
        self._log = log
        self._fault = fault

    def run(self, operations: int) -> None:
        self._log.append(f"{self.name}{operations}")

    def check(self) -> None:
        if self._fault:
            raise BenchInvalid(self._fault)


def test_every_contender_runs_once_a_round_after_a_short_first_run_and_in_turn():
    log: list[str] = []
    said: list[str] = []
    measured = measure([Listing("a", log), Listing("b", log), Listing("c", log)], 3, said.append)
    assert log == ["a1", "b1", "c1", "a10", "b10", "c10", "b10", "c10", "a10", "c10", "a10", "b10"]
    assert {name: len(nanos) for name, nanos in measured.nanos.items()} == {"a": 3, "b": 3, "c": 3}
    assert said[0] == "round 1 of 3: a"
    assert len(said) == 9


def test_a_contender_that_did_not_do_its_work_makes_the_run_invalid():
    with pytest.raises(BenchInvalid, match="spans were lost"):
        measure([Listing("a", [], "spans were lost")], 1, lambda _: None)


def test_a_spread_is_the_median_and_the_quartiles():
    assert Spread.of([5.0, 1.0, 4.0, 2.0, 3.0]) == Spread(3.0, 2.0, 4.0)
    assert Spread.of([7.0]) == Spread(7.0, 7.0, 7.0)


def test_a_ratio_is_taken_round_by_round():
    measured = Measured({"slow": [10.0, 40.0, 30.0], "fast": [1.0, 2.0, 3.0]})
    assert measured.ratio("slow", "fast") == Spread(10.0, 10.0, 15.0)


def test_a_ratio_to_what_was_not_measured_is_left_out():
    section = Section.of("spans", "span", Measured({"slow": [2.0], "fast": [1.0]}), (Target("slow", "fast", 3), Target("gone", "fast", 2)))
    assert [(ratio.slower, ratio.verdict) for ratio in section.ratios] == [("slow", "below")]


@pytest.mark.parametrize(
    ("median", "floor", "aim", "verdict"),
    [(19.9, 20, 30, "below"), (20, 20, 30, "floor"), (30, 20, 30, "aim"), (2, 1, None, "floor"), (2, None, None, "")],
)
def test_a_verdict_says_what_is_reached(median, floor, aim, verdict):
    assert Ratio("slow", "fast", Spread(median, median, median), floor, aim).verdict == verdict


def test_growth_is_the_largest_ratio_to_a_young_recorder():
    nanos = {1_000: Spread(2.0, 2.0, 2.0), 10_000: Spread(9.0, 9.0, 9.0)}
    assert Growth(nanos, {1_000: Spread(1.0, 1.0, 1.0), 10_000: Spread(1.2, 1.1, 1.9)}).factor == 1.2


def test_what_is_required_and_not_there_is_named():
    require("all well", {"spans": 3}, {"spans": 3})
    with pytest.raises(BenchInvalid, match=r"^x: spans is 2, not 3, dropped is 1, not 0$"):
        require("x", {"spans": 2, "dropped": 1}, {"spans": 3, "dropped": 0})
