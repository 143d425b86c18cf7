"""The boundary against a model of ABI.md: any host calls of several guests, on every pairing of engines.

HYPOTHESIS_PROFILE=long and BEXT_FUZZ_STEPS make it a long run (README.md).
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from bext_host import engine
from fuzz.abi_machine import BoundaryMachine

IS_LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
STEPS = int(os.environ.get("BEXT_FUZZ_STEPS", "150" if IS_LONG else "100"))
EXAMPLES = int(os.environ.get("BEXT_FUZZ_EXAMPLES", "2000" if IS_LONG else "20"))

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
    chosen = settings(
        max_examples=EXAMPLES, stateful_step_count=STEPS, suppress_health_check=[HealthCheck.too_slow], derandomize=not IS_LONG
    )
    run_state_machine_as_test(Machine, settings=chosen)
