"""Ctrl-C in a program that calls plugins on its main thread: the guest is stopped, and what was raised reaches the caller."""

from __future__ import annotations

import pytest

from support.processes import run_python
from support.raw_guest import ENGINES

PROGRAM = """
import os, signal, sys, threading, time
from bext_host import PluginHost, PluginLimits, SpanRecorder
from bext_host.exporters import MemoryExporter
from support.wat import CURRENT, Guest, hook, wasm

SLEEP = '''
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 24) "\\\\00\\\\a0\\\\72\\\\4e\\\\18\\\\09\\\\00\\\\00")
  (func (export "on_reload") (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128))))'''
build = Guest()
running = build.current() + build.start(1, "running", CURRENT)
guests = {
    "computes": build.module(hook("on_reload", running, "(loop $again (br $again))"), hook("cleanup")),
    "calls": build.module(hook("on_reload", running, "(loop $again", build.attribute(1, "k", 1), "(br $again))"), hook("cleanup")),
    "sleeps": wasm(f"(module {SLEEP} (func (export \\"cleanup\\")))"),
}
engine, kind = sys.argv[1:]
exporter = MemoryExporter()
recorder = SpanRecorder(exporter, engine=engine)
host = PluginHost(recorder, engine=engine)
plugin = host.load(guests[kind], limits=PluginLimits(fuel={"on_reload": 2**62}, timeout_seconds=30))
open_in_guest = 1 if kind == "sleeps" else 2

def interrupt():
    while recorder.open_spans < open_in_guest:
        time.sleep(0.001)
    time.sleep(0.02)
    ended = recorder.stats.ended
    while recorder.stats.ended == ended:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1)

for _ in range(5):
    threading.Thread(target=interrupt, daemon=True).start()
    try:
        plugin.call("on_reload")
    except KeyboardInterrupt:
        print("stopped")
    plugin.call("cleanup")
host.close()
print(recorder.open_spans, recorder.stats.started == recorder.stats.ended == len(exporter.spans))
print({span.attributes["bext.plugin.outcome"] for span in exporter.spans if span.name == "on_reload"})
print({span.attributes["bext.abandoned"] for span in exporter.spans if span.name == "running"})
"""


@pytest.mark.parametrize("kind", ["computes", "calls", "sleeps"])
@pytest.mark.parametrize("engine", ENGINES)
def test_an_interrupt_on_the_main_thread_stops_the_guest_and_the_trace_is_whole(engine, kind):
    done = run_python(PROGRAM, engine, kind)
    abandoned = set() if kind == "sleeps" else {"KeyboardInterrupt"}
    assert done.stdout.splitlines() == [*["stopped"] * 5, "0 True", "{'error'}", str(abandoned)], done.stderr
    if (engine, kind) != ("reference", "calls"):  # there Python may lose one in the finalizer of an object of wasmtime-py's
        assert done.stderr == ""
