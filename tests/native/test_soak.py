"""The soak in small; `python -m native.soak 10000000` is the same at length."""

from __future__ import annotations

import json
import os
import sys

import pytest

from bext_host import engine
from support.processes import run_python

pytestmark = [
    pytest.mark.skipif(engine != "native", reason="this installation has no native engine"),
    pytest.mark.skipif(not hasattr(os, "fork") or sys.platform != "linux", reason="needs os.fork and /proc"),
]


def test_a_million_host_calls_from_four_threads_leave_memory_flat_and_counters_exact():
    done = run_python("from native import soak\nsoak.main(1_000_000)\n")
    assert (done.returncode, done.stderr) == (0, "")
    seen = json.loads(done.stdout)
    assert seen["calls"] > 950_000
    assert seen["forks"] >= 1
    assert seen["exported"] > 0
