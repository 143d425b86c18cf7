"""`bext-tracer fuzz`: finds what is wrong with a plugin, tells it apart from limits that are tight on purpose, and repeats it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bext_host.cli import fuzz as fuzz_command
from bext_host.fuzzing import FuzzReport, ModuleHooks, fuzz, make_case
from support.processes import call_command, run_command
from support.raw_guest import ENGINES
from support.wat import ALLOC, Guest, guest, hook, wasm

FIXTURES = Path(__file__).resolve().parents[2] / "wasm-fixtures"
FEW = ("--seed", "1", "--cases", "12")


def fuzzed(module: str | Path, *options: str, code: int = 0) -> dict[str, Any]:
    """The report of a run that ends with this code, and says nothing on standard error."""
    path = module if isinstance(module, Path) else FIXTURES / f"{module}.wasm"
    result = call_command("fuzz", path, *(options or FEW), "--json")
    assert (result.returncode, result.stderr) == (code, "")
    return json.loads(result.stdout)


def found(report: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {(finding["kind"], finding["hook"], finding["what"]) for finding in report["findings"]}


@pytest.fixture
def saved(tmp_path: Path):
    def save(module: bytes) -> Path:
        path = tmp_path / "guest.wasm"
        path.write_bytes(module)
        return path

    return save


# --- What is found ---


def test_nothing_is_found_in_a_sound_plugin_and_all_its_hooks_are_driven():
    report = fuzzed("request_trace")
    assert (report["findings"], report["cases"], report["first_seed"]) == ([], 12, 1)
    assert len(report["hooks"]) == 7
    assert set(report["calls"]) == set(report["hooks"])
    assert all(drops["count"] == 0 for drops in report["dropped"].values())


def test_a_trap_is_found():
    report = fuzzed("trap_with_open_spans", code=1)
    assert found(report) == {("trap", "on_request_complete", "wasm `unreachable` instruction executed")}
    assert "<wasm function " in report["findings"][0]["backtrace"]


def test_a_trap_under_a_tracer_that_samples_nothing_is_the_plugins():
    """One that looks into its handle."""
    build = Guest()
    looks = "(if (i64.eqz (i64.load (i32.const 48))) (then unreachable))"
    wasm_bytes = build.module(hook("on_reload", build.start(1, "s"), looks, build.end(1)))
    module, report = ModuleHooks("guest", wasm_bytes, ("on_reload",), 0), FuzzReport("guest", ("on_reload",))
    fuzz(module, report, 1, seconds=None, cases=60, progress=lambda _: None)
    (finding,) = report.findings
    assert finding.kind == "trap"
    assert make_case(module, finding.seed).tracer != "quiet"


def test_a_span_that_nobody_ends_is_found_with_its_name_and_hook(saved):
    build = Guest()
    module = build.module(hook("on_reload", build.start(1, "kept"), build.start(2, "ended"), build.end(2)))
    assert found(fuzzed(saved(module), code=1)) == {("unended span", "on_reload", "'kept' was started and never ended")}


def test_a_span_that_another_hook_ends_is_none_of_them(saved):
    build = Guest()
    module = build.module(hook("on_server_start", build.start(1, "life"), takes="i32 i32"), hook("cleanup", build.end(1)), ALLOC)
    assert fuzzed(saved(module))["findings"] == []


def test_a_trap_at_start_up_is_found(saved):
    module = wasm('(module (func $begin unreachable) (start $begin) (func (export "on_reload")))')
    report = fuzzed(saved(module), code=1)
    assert found(report) == {("trap", "_initialize", "wasm `unreachable` instruction executed")}
    assert report["calls"] == {"_initialize": 12}


def test_a_hook_that_reports_failure_is_told_and_no_fault(saved):
    report = fuzzed(saved(guest(hook("on_reload", "(i32.const 7)", gives="i32"))))
    assert report["findings"] == []
    assert [(one["hook"], one["what"]) for one in report["refused"]] == [("on_reload", "returned 7, where 0 is success")]


# --- Limits told apart ---


def test_fuel_that_ends_where_the_host_gives_plenty_is_a_finding():
    report = fuzzed("hostile/infinite_loop", "--seed", "1", "--cases", "4", code=1)
    assert found(report) == {("over a limit", "on_request_complete", "the call used up its 100,000,000 units of fuel")}


def test_fuel_that_is_tight_on_purpose_is_none():
    report = fuzzed("request_trace", "--seed", "100", "--cases", "30")
    assert report["cut_short"]["fuel_exhausted"] > 0
    assert report["cut_short"]["interrupted"] > 0
    assert report["findings"] == []


def test_a_full_memory_is_told_as_such_and_not_as_a_trap():
    report = fuzzed("hostile/memory_bomb", "--seed", "1", "--cases", "10", code=1)
    what = "wasm `unreachable` instruction executed (its memory is full: 1024 pages)"
    assert found(report) == {("over a limit", "on_request_complete", what)}


TAKES_TWO_PAGES = guest(hook("on_reload", "(if (i32.eq (memory.grow (i32.const 2)) (i32.const -1)) (then unreachable))"))


def test_a_trap_that_comes_of_tight_memory_alone_is_none(saved):
    """As C programs trap where they get no memory: with what the host gives by default they do not."""
    report = fuzzed(saved(TAKES_TWO_PAGES), "--seed", "1", "--cases", "60")
    assert report["cut_short"]["trap"] > 0
    assert report["findings"] == []


def test_a_flood_is_told_by_the_reasons_of_its_drops_and_its_open_spans():
    report = fuzzed("hostile/span_flood", "--seed", "1", "--cases", "2", code=1)
    assert found(report) == {("unended span", "on_request_complete", "'left open' was started and never ended")}
    assert report["dropped"]["open_span_limit"]["count"] > 0


def test_drops_of_a_tracer_that_fails_are_none_of_the_plugins():
    report = fuzzed("request_trace", "--seed", "1", "--cases", "60")
    assert report["dropped"]["tracer_error"]["on_purpose"] > 0
    assert report["dropped"]["tracer_error"]["count"] == 0


# --- The same again ---


@pytest.mark.parametrize("module", ["request_trace", "trap_with_open_spans", "hostile_names"])
def test_the_same_seeds_give_the_same_report_to_the_byte(module):
    first, second = (call_command("fuzz", FIXTURES / f"{module}.wasm", *FEW, "--json").stdout for _ in range(2))
    assert first == second


@pytest.mark.skipif(len(ENGINES) < 2, reason="compares both engines")
@pytest.mark.parametrize("module", ["request_trace", "hostile/malformed_payloads"])
def test_both_engines_give_the_same_report(module, monkeypatch):
    reports = []
    for engine in ENGINES:
        monkeypatch.setenv("BEXT_TRACER_ENGINE", engine)
        reports.append(fuzzed(module))
    assert reports[0] == reports[1]


def test_the_seed_of_a_finding_repeats_it_alone_call_by_call():
    seed = str(fuzzed("trap_with_open_spans", code=1)["findings"][0]["seed"])
    report = fuzzed("trap_with_open_spans", "--seed", seed, code=1)
    assert report["cases"] == 1
    assert ("on_request_complete", "trap") in [(call["hook"], call["outcome"]) for call in report["case"]["calls"]]
    again = call_command("fuzz", FIXTURES / "trap_with_open_spans.wasm", "--seed", seed)
    assert f"(seed {seed})" in again.stdout
    assert "  called       on_request_complete(" in again.stdout
    assert "found: trap: on_request_complete: wasm `unreachable` instruction executed" in again.stdout
    assert all(line.isprintable() for line in again.stdout.splitlines())


def test_without_a_seed_the_cases_differ():
    firsts = {fuzzed("error_status", "--cases", "1")["first_seed"] for _ in range(3)}
    assert len(firsts) == 3


def test_seconds_end_a_run():
    assert fuzzed("error_status", "--seconds", "0.2")["cases"] >= 1


# --- Around it ---


def test_the_report_for_people(saved):
    build = Guest()
    module = build.module(hook("on_reload", build.start(1, "\x1b[31mkept")))
    result = run_command("fuzz", saved(module), "--seed", "1", "--cases", "3")
    assert (result.returncode, result.stderr) == (1, "")
    head, *_, last = result.stdout.splitlines()
    assert head.startswith("guest.wasm: 3 cases (seeds 1 to 3), ")
    assert last.startswith("found: unended span: on_reload: '\\x1b[31mkept' was started and never ended")
    assert "(--seed " in last


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["missing.wasm"], 1, "cannot read missing.wasm: No such file or directory"),
        ([FIXTURES / "hostile" / "component.wasm"], 1, "component"),
        ([FIXTURES / "raw_abi.wasm"], 1, "raw_abi.wasm exports none of bext's hooks: on_server_start, "),
        ([FIXTURES / "request_trace.wasm", "--seed", "-1"], 2, "argument --seed: "),
        ([FIXTURES / "request_trace.wasm", "--seed", "x"], 2, "argument --seed: 'x' is no seed: a whole number from 0 to 2**63 - 1"),
        ([FIXTURES / "request_trace.wasm", "--cases", "0"], 2, "argument --cases: '0' is no number of 1 or more"),
        ([FIXTURES / "request_trace.wasm", "--seconds", "0"], 2, "argument --seconds: 0: expected a number of seconds above 0"),
    ],
)
def test_what_is_wrong_is_one_line(arguments, code, line):
    result = call_command("fuzz", *arguments)
    assert (result.returncode, result.stdout) == (code, "")
    (said,) = result.stderr.splitlines()
    assert said.startswith("bext-tracer")
    assert line in said


def test_a_forced_engine_that_is_none_is_wrong_usage():
    result = run_command("fuzz", FIXTURES / "error_status.wasm", env={"BEXT_TRACER_ENGINE": "warp"})
    assert (result.returncode, result.stdout) == (2, "")
    assert "unknown engine 'warp'" in result.stderr


def test_help_has_examples():
    shown = call_command("fuzz", "--help").stdout
    for part in ("examples:", "--seed 4711", "--seconds", "--json", "exit codes:"):
        assert part in shown


def test_an_interrupt_prints_what_was_found_so_far(monkeypatch):
    def interrupt(report: FuzzReport, _: float) -> str:
        if report.cases == 3:
            raise KeyboardInterrupt
        return ""

    monkeypatch.setattr(fuzz_command, "progress_line", interrupt)
    assert fuzzed("trap_with_open_spans", "--seed", "14", "--seconds", "60", code=130)["cases"] == 3
