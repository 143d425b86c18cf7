"""`bext-tracer bench`: tables for people, JSON for machines. What is measured is tested in tests/host/bench."""

from __future__ import annotations

import json

import pytest

from bext_host.bench import BenchInvalid, Growth, Ratio, Report, Section, Spread
from bext_host.cli import bench
from support.processes import call_command


def report() -> Report:
    section = Section("a span", "span", {"fast": Spread(950.4, 900.0, 1000.0), "slow": Spread(19_000.0, 18_000.0, 20_000.0)})
    section.ratios = [Ratio("slow", "fast", Spread(20.0, 19.0, 21.0), 20, 30), Ratio("slow", "fast", Spread(2.0, 1.0, 3.0), None, None)]
    growth = Growth({1_000: Spread(700.0, 1.0, 1.0)}, {1_000: Spread(1.1, 1.0, 1.2)})
    return Report({"bext-tracer": "0.1.0"}, 2, 7, [section], growth, {"finished": 192.0}, ["extism: not installed"])


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    calls: list[bool] = []

    def run_bench(*, quick: bool, progress) -> Report:
        progress("round 1 of 7: fast")
        calls.append(quick)
        return report()

    monkeypatch.setattr(bench, "run_bench", run_bench)
    return calls


def test_tables_tell_times_ratios_growth_bytes_and_what_is_missing(asked):
    result = call_command("bench")
    assert (result.returncode, asked) == (0, [False])
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "bext-tracer 0.1.0; 2 cores; medians of 7 interleaved rounds [quartiles]" in lines
    assert "| fast | 950 ns [900 ns to 1 µs] |" in lines
    assert "| slow | 19 µs [18 µs to 20 µs] |" in lines
    assert "| fast | slow | 20 [19 to 21] | 20 | 30 | floor |" in lines
    assert "| after 1,000 spans | 700 ns | 1.10 |" in lines
    assert "| flat: at most 1.25 times | | 1.10 |" in lines
    assert "| finished | 192 |" in lines
    assert "not measured: extism: not installed" in lines


def test_json_tells_the_same_to_machines(asked):
    result = call_command("bench", "--quick", "--json")
    assert (result.returncode, asked) == (0, [True])
    data = json.loads(result.stdout)
    assert data["sections"][0]["nanos"]["fast"] == {"median": 950.4, "low": 900.0, "high": 1000.0}
    assert [ratio["verdict"] for ratio in data["sections"][0]["ratios"]] == ["floor", ""]
    assert data["growth"]["factor"] == pytest.approx(1.1)
    assert data["bytes_per_span"] == {"finished": 192.0}


def test_progress_is_silent_where_there_is_no_terminal(asked):
    assert call_command("bench").stderr == ""


def test_an_invalid_run_is_one_line_and_exit_code_1(monkeypatch):
    def run_bench(**_: object) -> Report:
        raise BenchInvalid("extism: bytes is 0, not 24")

    monkeypatch.setattr(bench, "run_bench", run_bench)
    result = call_command("bench", "--quick")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "bext-tracer: the run is invalid: extism: bytes is 0, not 24\n"
