"""Every language's guests make the same host calls, byte for byte, and leave the same trace.

One test for each language and scenario; a guest that is missing fails, unless the README's table of gaps says why.
"""

from __future__ import annotations

import json
import re

import pytest
import wasmtime

from bext_host import check_module
from guest_sdk import golden_calls, golden_traces, scenarios
from guest_sdk.conformance import Guest, golden, guests
from guest_sdk.recording_host import compiled
from support.processes import call_command
from support.raw_guest import ENGINES

GUESTS = guests()
BELOW_CURRENT = [guest for guest in GUESTS if guest.scenario in {"hello_span", "nested_spans"}]

TREES = {
    "hello_span": """\
on_request_complete TIME
└─ hello ✔ TIME
      greeting="hello from a plugin"  answer=42
      +TIME  said hello""",
    "nested_spans": """\
on_request_complete TIME
└─ level 1  server TIME
   ├─ sibling 2 TIME
   └─ level 2 TIME
      ├─ sibling 3 TIME
      └─ level 3 TIME
         ├─ sibling 4 TIME
         └─ level 4 TIME
            ├─ sibling 5 TIME
            └─ level 5 TIME""",
}


@pytest.mark.parametrize("guest", GUESTS, ids=str)
def test_it_is_there(guest: Guest):
    assert guest.wasm.exists(), "to be written, or to be declared in the README's table of gaps with a reason"


@pytest.mark.parametrize("guest", GUESTS, ids=str)
def test_its_calls_are_the_golden_ones(guest: Guest):
    assert golden_calls.recorded(guest) == golden(guest.scenario)["calls"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("guest", GUESTS, ids=str)
def test_its_trace_is_the_golden_one(guest: Guest, engine: str):
    expected = golden(guest.scenario)
    assert golden_traces.run(guest, engine) == {"trace": expected["trace"], "dropped": expected["dropped"]}


@pytest.mark.parametrize("guest", BELOW_CURRENT, ids=str)
def test_without_a_span_of_the_host_it_starts_a_root(guest: Guest):
    asked, started, *others = map(golden_calls.call_json, scenarios.without_parent(scenarios.BY_NAME[guest.scenario]()))
    assert golden_calls.recorded(guest, has_current=False) == [asked, started, *others]


@pytest.mark.parametrize("guest", GUESTS, ids=str)
def test_it_conforms_and_exports_what_a_host_needs(guest: Guest):
    module = compiled(guest.wasm.read_bytes())
    check_module(module, wasi=True)
    functions = {export.name for export in module.exports if isinstance(export.type, wasmtime.FuncType)}
    assert functions >= {"bext_tracer_abi_v1", "bext_alloc", "bext_free", "on_request_complete"}
    assert {imported.module for imported in module.imports} <= {"bext", "wasi_snapshot_preview1"}


def tree_of(guest: Guest) -> str:
    """What `bext-tracer run` prints below its first line, without what varies: times and their bars, fuel, and the plugin's name."""
    result = call_command("run", guest.wasm, "--event", json.dumps(guest.event))
    assert (result.returncode, result.stderr) == (0, "")
    lines = [line for line in result.stdout.splitlines()[1:] if not re.match(r"[│ ]+(in|plugin) ", line)]
    without_bars = [re.sub(r" +[\d.,]+ (?:ns|µs|ms|s)( +[━╸╺]+)?$", " TIME", line) for line in lines]
    return "\n".join(re.sub(r"\+[\d.,]+ (?:ns|µs|ms|s)", "+TIME", line) for line in without_bars).rstrip()


@pytest.mark.parametrize("guest", BELOW_CURRENT, ids=str)
def test_the_command_prints_the_same_tree(guest: Guest):
    assert tree_of(guest) == TREES[guest.scenario]
