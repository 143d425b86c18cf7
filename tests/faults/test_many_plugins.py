"""Plugins that are loaded, called and closed, thousands of times in one process: memory, threads and descriptors stay what they were."""

from __future__ import annotations

import json

import pytest

from support.processes import run_python
from support.raw_guest import ENGINES

PROGRAM = """
import gc, json, os, sys, threading, time
from bext_host import GuestTrap, PluginHost, SpanRecorder
from bext_host.exporters import MemoryExporter
from native.soak import resident_bytes
from support.wat import CURRENT, Guest, hook

engine, plugins = sys.argv[1], int(sys.argv[2])
build = Guest()
opened = build.current() + build.start(1, "s", CURRENT) + build.attribute(1, "k", "v")
kinds = [
    build.module(hook("on_reload", opened, build.end(1)), hook("cleanup")),
    build.module(hook("on_reload", opened), hook("cleanup")),
    build.module(hook("on_reload", opened, "unreachable"), hook("cleanup")),
]
exporter = MemoryExporter()
recorder = SpanRecorder(exporter, engine=engine)

def one(host, number):
    plugin = host.load(kinds[number % 3], f"plugin {number}")
    try:
        plugin.call("on_reload")
    except GuestTrap:
        pass
    if number % 2:
        plugin.close()

sizes, hosts, ended = [], 0, 0
for begin in range(0, plugins, 20):
    host = PluginHost(recorder, engine=engine, flush_seconds=3600)
    for number in range(begin, begin + 20):
        one(host, number)
    host.close()
    ended += len(exporter.spans)
    exporter.clear()
    if begin % 100 == 80:
        gc.collect()
        sizes.append(resident_bytes())
deadline = time.monotonic() + 20
while threading.active_count() >= 10 and time.monotonic() < deadline:  # the thread of a host that is closed looks now and then
    time.sleep(0.05)
warm = sizes[len(sizes) // 3]
print(json.dumps({
    "grown": sizes[-1] - warm, "threads": threading.active_count() < 10, "files": len(os.listdir("/proc/self/fd")) < 20,
    "open": recorder.open_spans, "ended": ended == recorder.stats.ended == recorder.stats.started,
}))
"""


@pytest.mark.parametrize(
    ("engine", "plugins"),
    [*((engine, 600) for engine in ENGINES), *(pytest.param(engine, 10_000, marks=pytest.mark.long) for engine in ENGINES)],
)
def test_plugins_that_come_and_go_leave_nothing_behind(engine, plugins):
    """With spans left open, traps, and plugins that only their host closes, among them. What may remain: a kilobyte for each."""
    done = run_python(PROGRAM, engine, str(plugins))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told.pop("grown") < 4 * 2**20 + plugins * 1024
    assert told == {"threads": True, "files": True, "open": 0, "ended": True}
