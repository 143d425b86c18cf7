"""The boundary against a model of ABI.md: any host calls of several guests, on every pairing of engines.

HYPOTHESIS_PROFILE=long makes it a long run, BEXT_FUZZ_EXAMPLES and BEXT_FUZZ_STEPS a longer one (README.md).
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from bext_host import engine
from bext_host.boundary.guest_caller import GuestCaller
from bext_host.boundary.rules import CallRules
from bext_host.boundary.span_table import SpanTable, TrackedSpan
from bext_host.boundary.stats import ScopeStats
from fuzz.abi_machine import BoundaryMachine

IS_LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
STEPS = int(os.environ.get("BEXT_FUZZ_STEPS", "150" if IS_LONG else "100"))
EXAMPLES = int(os.environ.get("BEXT_FUZZ_EXAMPLES", "2000" if IS_LONG else "20"))
CHOSEN = settings(max_examples=EXAMPLES, stateful_step_count=STEPS, suppress_health_check=[HealthCheck.too_slow], derandomize=not IS_LONG)

native_only = pytest.mark.skipif(engine != "native", reason="this installation has no native engine")

PAIRINGS = [
    pytest.param("reference", "reference", False, id="reference"),
    pytest.param("native", "native", False, id="native", marks=native_only),
    pytest.param("reference", "native", False, id="reference-before-native", marks=native_only),
    pytest.param("native", "reference", False, id="native-before-reference", marks=native_only),
    pytest.param("native", "native", True, id="native-through-python", marks=native_only),
]
"""A boundary, a recorder, and whether the recorder is a tracer like any other."""


@pytest.mark.parametrize(("boundary", "recorder", "is_passed_on"), PAIRINGS)
def test_any_host_calls_do_what_the_model_of_the_abi_says(boundary, recorder, is_passed_on):
    class Machine(BoundaryMachine):
        pass

    Machine.boundary, Machine.recorder_engine, Machine.is_passed_on = boundary, recorder, is_passed_on
    run_state_machine_as_test(Machine, settings=CHOSEN)


def write_too_much(guest, offset, handle):
    guest._memory.write(guest._caller, handle.to_bytes() + b"!", offset)


WRONG = {
    "a guest changes the span of another": (SpanTable, "touchable", lambda table, handle: TrackedSpan(handle)),
    "a guest names any parent": (SpanTable, "is_known_parent", lambda table, handle: True),
    "a byte behind a handle is written": (GuestCaller, "write_handle", write_too_much),
    "a payload is not paid for": (GuestCaller, "charge_fuel", lambda guest, price: None),
    "a drop is counted twice": (ScopeStats, "drop", lambda stats, reason, count=1: stats.dropped.update({reason.value: 2 * count})),
    "a closed scope leaves its spans open": (SpanTable, "drain", lambda table: setattr(table, "closed", True) or []),
    "what was dropped is not counted on the span": (CallRules, "note_dropped", lambda rules, tracked, operation: None),
}
"""What a boundary could do wrong, done to the reference engine."""


@pytest.mark.parametrize("wrong", WRONG)
def test_the_model_sees_it_where(wrong, monkeypatch):
    monkeypatch.setattr(*WRONG[wrong])
    with pytest.raises(AssertionError):
        run_state_machine_as_test(BoundaryMachine, settings=settings(CHOSEN, phases=[Phase.generate], report_multiple_bugs=False))
