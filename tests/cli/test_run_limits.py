"""`bext-tracer run` with limits of one's own: what ran out is said in a line and on the span, and the guest is over by then."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

import pytest

from bext_host import PluginLimits
from bext_host.cli import run_options
from bext_host.cli.run_options import LimitOptions
from bext_host.runtime.hooks import HOOKS
from support.processes import call_command, run_command
from support.wat import Guest, hook, wasm

FOREVER = "(loop $again (br $again))"
PLENTY = "1000G"
"""More fuel than a guest burns within any timeout of these tests."""


def looping(where: str = "on_reload") -> bytes:
    """A module that loops for ever in one place, with a span open where that is a hook."""
    if where == "start section":
        return wasm(f'(module (func $begin {FOREVER}) (start $begin) (func (export "on_reload")))')
    build = Guest()
    others = "" if where == "on_reload" else hook("on_reload")
    return build.module(hook(where, build.start(1, "working"), FOREVER), others)


GREEDY = """(module (memory (export "memory") 1) (func (export "on_reload")
  (loop $again (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable)) (br $again))))"""


@pytest.fixture
def saved(tmp_path: Path):
    def save(module: bytes, name: str = "guest") -> Path:
        path = tmp_path / f"{name}.wasm"
        path.write_bytes(module)
        return path

    return save


def host_span(output: str) -> dict[str, Any]:
    """The last span of a run that printed JSON: the host's, of the call that ended last."""
    return json.loads(output.splitlines()[-1])


# --- What runs out ---


def test_a_guest_that_loops_ends_at_its_timeout(saved):
    result = run_command("run", saved(looping()), "--hook", "on_reload", "--timeout", "0.5", "--fuel", PLENTY, "--format", "json")
    assert (result.returncode, result.stderr) == (1, "bext-tracer: guest: on_reload: the call was not done in 0.5 s\n")
    host = host_span(result.stdout)
    assert host["attributes"]["bext.plugin.outcome"] == "deadline_exceeded"
    assert host["status"] == {"code": "error", "message": "the call was not done in 0.5 s"}
    assert host["duration_nanos"] < 5e9
    assert json.loads(result.stdout.splitlines()[0])["attributes"]["bext.abandoned"] == "deadline_exceeded"


def test_a_guest_that_loops_ends_without_its_fuel(saved):
    result = run_command("run", saved(looping()), "--hook", "on_reload", "--fuel", "20k", "--format", "json")
    assert (result.returncode, result.stderr) == (1, "bext-tracer: guest: on_reload: the call used up its 20,000 units of fuel\n")
    attributes = host_span(result.stdout)["attributes"]
    assert (attributes["bext.plugin.outcome"], attributes["bext.plugin.fuel_consumed"]) == ("fuel_exhausted", 20_000)


def test_a_guest_that_wants_all_memory_gets_what_it_may_have(saved):
    result = run_command("run", saved(wasm(GREEDY)), "--hook", "on_reload", "--memory", "1M", "--format", "json")
    assert result.returncode == 1
    assert result.stderr == "bext-tracer: guest: on_reload: wasm `unreachable` instruction executed (its memory is full: 16 pages)\n"
    assert host_span(result.stdout)["attributes"]["bext.plugin.memory.pages_after"] == 16


def test_a_module_that_needs_more_memory_is_refused_in_a_line(saved):
    module = saved(wasm('(module (memory 17) (func (export "on_reload")))'))
    result = call_command("run", module, "--hook", "on_reload", "--memory", "1MiB")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == (
        "bext-tracer: guest: _initialize: memory minimum size of 17 pages exceeds memory limits: its memory may have 16 pages\n"
    )
    assert call_command("run", module, "--hook", "on_reload", "--memory", "1114112").returncode == 0


@pytest.mark.parametrize("where", ["start section", "_initialize"])
@pytest.mark.parametrize(
    ("limit", "message"),
    [(("--timeout", "0.2", "--fuel", PLENTY), "was not done in 0.2 s"), (("--fuel", "1_000"), "used up its 1,000 units of fuel")],
)
def test_the_start_up_has_the_same_limits(saved, where, limit, message):
    result = call_command("run", saved(looping(where)), "--hook", "on_reload", *limit)
    assert (result.returncode, result.stderr) == (1, f"bext-tracer: guest: _initialize: the call {message}\n")


def test_limits_are_for_each_call(saved):
    module = saved(wasm('(module (func (export "mine") (drop (i32.const 1))))'))
    assert call_command("run", module, "--hook", "mine", "--fuel", "10", "--repeat", "10").returncode == 0
    assert "used up its 1 unit" in call_command("run", module, "--hook", "mine", "--fuel", "1").stderr


# --- Over those of a configuration ---

CONFIGURED = f"""
[plugins.NAME]
sandbox = "wasm"
path = "guest.wasm"
timeout_seconds = 20
memory_bytes = {2**21}
fuel = {{ on_reload = {10**12}, on_server_stop = {10**12} }}
timeout = {{ on_reload = 30, on_server_stop = 30 }}
"""


@pytest.fixture
def configured(tmp_path, saved):
    def run(module: bytes, *limits: str):
        saved(module)
        file = tmp_path / "bext.config.toml"
        file.write_text(CONFIGURED.replace("NAME", "one") + CONFIGURED.replace("NAME", "two"), encoding="utf-8")
        return call_command("run", "--config", file, "--hook", "on_reload", "--format", "json", *limits)

    return run


@pytest.mark.parametrize(
    ("limit", "message"), [("--timeout=0.2", "was not done in 0.2 s"), ("--fuel=5k", "used up its 5,000 units of fuel")]
)
def test_limits_are_those_of_every_plugin_and_every_hook(configured, limit, message):
    result = configured(looping(), limit)
    assert result.returncode == 1
    assert result.stderr == "".join(f"bext-tracer: {name}: on_reload: the call {message}\n" for name in ("one", "two"))
    stopping = configured(looping("on_server_stop"), limit)
    assert stopping.returncode == 1
    assert stopping.stderr == "".join(f"bext-tracer: {name}: on_server_stop: the call {message}\n" for name in ("two", "one"))


def test_what_the_command_line_does_not_say_stays_as_configured(configured):
    assert "its memory is full: 32 pages" in configured(wasm(GREEDY), "--fuel", "1G").stderr
    assert "its memory is full: 16 pages" in configured(wasm(GREEDY), "--memory", "1M").stderr


def test_an_option_replaces_what_was_said_of_single_hooks():
    limits = PluginLimits(fuel={"on_reload": 7}, hook_timeout_seconds={"cleanup": 7}, timeout_seconds=7, memory_bytes=7 * 65536)
    assert LimitOptions("greet", None, None, None).applied_to(limits) == limits
    timed = LimitOptions("greet", 0.5, None, None).applied_to(limits)
    assert {timed.timeout_for(hook) for hook in (*HOOKS, "greet", "priority")} == {0.5}
    assert (timed.fuel, timed.memory_bytes) == (limits.fuel, limits.memory_bytes)
    fuelled = LimitOptions("greet", None, 9, None).applied_to(limits)
    assert {fuelled.fuel_for(hook) for hook in (*HOOKS, "greet", "priority")} == {9}
    assert fuelled.timeout_for("cleanup") == 7


# --- Numbers ---


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        ("seconds", "10", 10.0),
        ("seconds", "0.5", 0.5),
        ("seconds", ".25", 0.25),
        ("fuel", "1", 1),
        ("fuel", "500_000_000", 500_000_000),
        ("fuel", "10k", 10_000),
        ("fuel", "10K", 10_000),
        ("fuel", "1_0M", 10_000_000),
        ("fuel", "2G", 2_000_000_000),
        ("memory", "65536", 65536),
        ("memory", "1_048_576", 2**20),
        ("memory", "64k", 2**16),
        ("memory", "64KiB", 2**16),
        ("memory", "64M", 2**26),
        ("memory", "64mib", 2**26),
        ("memory", "3G", 3 * 2**30),
        ("memory", "1GiB", 2**30),
    ],
)
def test_numbers_are_read_as_people_write_them(read, text, value):
    assert getattr(run_options, read)(text) == value


@pytest.mark.parametrize(
    ("read", "texts"),
    [
        ("seconds", ["", "0", "0.0", "-1", "1e3", "1s", "1_0", "nan", "inf", "1.", "٣", "9" * 5_000, "1000000001"]),
        ("fuel", ["", "0", "-1", "5e8", "1.5M", "1__0", "_1", "1_", "1 k", "10MiB", "1T", "٣k", "9" * 5_000, str(2**63), "10000000000G"]),
        ("memory", ["", "0", "1", "65535", "63K", "-1", "1.5M", "64MB", "64 M", "MiB", "iB", "64iB", "64Mi", "٦٤M", str(2**63)]),
    ],
)
def test_what_is_no_such_number_is_refused(read, texts):
    for text in texts:
        with pytest.raises(ArgumentTypeError):
            getattr(run_options, read)(text)


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--timeout", "soon", "'soon' is no number of seconds, such as 10 or 0.5"),
        ("--timeout", "0", "0: expected a number of seconds above 0"),
        ("--fuel", "5e8", "'5e8' is no number of units, such as 500_000 or 500k (k, M, G: powers of 1,000)"),
        ("--memory", "64MB", "'64MB' is no size, such as 1048576, 1M or 1MiB (K, M, G: powers of 1,024)"),
        ("--memory", "1k", "1k: expected a whole number of 65536 or more, found 1024"),
        ("--fuel", "\x1b[31m", "'\\x1b[31m' is no number"),
    ],
)
def test_a_limit_that_is_none_is_one_line_and_wrong_usage(option, value, says):
    result = call_command("run", "guest.wasm", f"{option}={value}")
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"bext-tracer run: argument {option}: {says}")
    assert line.isprintable()
