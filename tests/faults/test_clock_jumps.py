"""The wall clock jumps by hours, for Python and C alike: spans never end before they start, and last as long as they lasted.

A library that is preloaded stands before the system's clock. That a step bends no trace is tested in Python alone beside the recorder.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from native.c_build import C11, compiler, run
from support.processes import environment
from support.raw_guest import ENGINES

pytestmark = [pytest.mark.toolchain, pytest.mark.skipif(sys.platform != "linux", reason="preloads a library as Linux does")]

SOURCE = Path(__file__).with_name("wall_clock.c")

PROGRAM = """
import ctypes, json, os, sys, time
from bext_abi import SpanEvent, SpanStart
from bext_host import DeadlineExceeded, PluginHost, PluginLimits, SpanRecorder
from bext_host.exporters import MemoryExporter
from support.wat import CURRENT, Guest, hook

library = ctypes.CDLL(sys.argv[2])
library.wall_clock_jump.restype = ctypes.POINTER(ctypes.c_int64)
jump = library.wall_clock_jump().contents
HOURS = [-5, 7, -100_000, 0, 3, -3]
engine = sys.argv[1]
exporter = MemoryExporter()
recorder = SpanRecorder(exporter, engine=engine)


before = time.time()
jump.value = 3600
moved = 3500 < time.time() - before < 3700
jump.value = 0

root = recorder.start_span(SpanStart("root"))
for hours in HOURS:
    child = recorder.start_span(SpanStart("child", parent=root))
    jump.value = hours * 3600
    recorder.add_event(child, SpanEvent("e"))
    recorder.end_span(child)
recorder.end_span(root)

build = Guest()
host = PluginHost(recorder, engine=engine, flush_seconds=0.05)
plugin = host.load(
    build.module(
        hook("on_reload", build.current(), build.start(1, "in the guest", CURRENT), build.end(1)),
        hook("cleanup", build.current(), build.start(2, "left open", CURRENT), "(loop $again (br $again))"),
    ),
    limits=PluginLimits(fuel={"cleanup": 2**62}, hook_timeout_seconds={"cleanup": 0.1}),
)
late = 0
for hours in HOURS:
    jump.value = hours * 3600
    plugin.call("on_reload")
    try:
        plugin.call("cleanup")
    except DeadlineExceeded:
        late += 1
host.close()
spans = exporter.spans
lasting = [span.end_time_unix_nanos - span.start_time_unix_nanos for span in spans]
by_handle = {span.handle: span for span in spans}
parents = [(span, by_handle[span.parent]) for span in spans if span.parent is not None]
print(json.dumps({
    "moved": moved, "late": late, "spans": len(spans), "children": len(parents),
    "lasting": 0 <= min(lasting) and max(lasting) < 60e9,
    "inside": all(p.start_time_unix_nanos <= s.start_time_unix_nanos <= s.end_time_unix_nanos <= p.end_time_unix_nanos for s, p in parents),
    "events": all(s.start_time_unix_nanos <= e.time_unix_nanos <= s.end_time_unix_nanos for s in spans for e in s.events),
}))
"""


@pytest.fixture(scope="module")
def preloaded(tmp_path_factory) -> Path:
    library = tmp_path_factory.mktemp("clock") / "wall_clock.so"
    run([compiler("cc", "gcc", "clang"), "-shared", "-fPIC", *C11, SOURCE, "-o", library, "-ldl"])
    return library


@pytest.mark.parametrize("engine", ENGINES)
def test_no_span_ends_before_it_starts_or_outside_of_its_parent_and_deadlines_are_kept(engine, preloaded):
    command = [sys.executable, "-c", PROGRAM, engine, str(preloaded)]
    env = environment(LD_PRELOAD=str(preloaded))
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told == {"moved": True, "late": 6, "spans": 1 + 6 + 6 * 4, "children": 18, "lasting": True, "inside": True, "events": True}
