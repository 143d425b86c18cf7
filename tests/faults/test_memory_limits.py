"""A process that gets no more memory, in steps from plenty to almost none: errors in words, no crash, and every span accounted for."""

from __future__ import annotations

import json

import pytest

from bext_abi import FlushError, SpanStart
from bext_host import Limits, SpanRecorder
from bext_host.exporters import MemoryExporter
from support.processes import run_python
from support.raw_guest import ENGINES

PREAMBLE = """
import gc, json, logging, os, resource, sys, threading
logging.disable(logging.CRITICAL)
from bext_abi import FlushError, SpanStart
from bext_host import PluginHost, PluginLimits, SpanRecorder, Limits
from bext_host.exporters import FileExporter, MemoryExporter
from support.wat import CURRENT, Guest, hook

engine, room, folder = sys.argv[1], int(sys.argv[2]) * 2**20, sys.argv[3]

def limit(room):
    with open("/proc/self/statm") as statm:
        used = int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (used + room, resource.RLIM_INFINITY))

def unlimited():
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

def tried(kinds, call, *arguments):
    try:
        return call(*arguments)
    except Exception as error:
        kinds[type(error).__name__] = kinds.get(type(error).__name__, 0) + 1
"""

RECORDING = """
plenty = Limits(queue_spans=10**7, queue_bytes=2**40, span_bytes=2**40)
recorder = SpanRecorder(MemoryExporter(), engine=engine, limits=plenty)
kinds, text, made = {}, "x" * 20_000, 0
limit(room)
for number in range(6_000):
    span = tried(kinds, recorder.start_span, SpanStart("s", attributes={"text": text + str(number)}))
    if span is not None:
        made += 1
        tried(kinds, recorder.set_attribute, span, "more", text + str(number))
        tried(kinds, recorder.end_span, span)
unlimited()
stats = recorder.stats
lost = sum(stats.dropped.values())
told = {"kinds": kinds, "whole": stats.started - recorder.open_spans == stats.ended == recorder.queued_spans, "some": stats.ended > 0}
span = recorder.start_span(SpanStart("after"))
recorder.end_span(span)
told |= {"after": recorder.stats.ended == stats.ended + 1, "lost": lost > 0}
print(json.dumps(told))
os._exit(0)
"""

CALLING = """
build = Guest()
one = build.start(1, "s", CURRENT) + build.attribute(1, "k", "v" * 2000) + build.end(1)
again = f"(loop $again {one} (local.set $n (i32.sub (local.get $n) (i32.const 1))) (br_if $again (local.get $n)))"
def module(number):
    working = hook("on_reload", "(local $n i32) (local.set $n (i32.const 200))", build.current(), again)
    return build.module(f'(func (export "f{number}"))', working)
recorder = SpanRecorder(MemoryExporter(), engine=engine, limits=Limits(queue_spans=10**7, queue_bytes=2**40))
host = PluginHost(recorder, engine=engine, flush_seconds=3600)
plugin, others, kinds = host.load(module(0)), [], {}
wasms = [module(number) for number in range(1, 5)]
limit(room)
calls = 0
for round in range(20):
    if round % 5 == 4:
        others.append(tried(kinds, host.load, wasms[round // 5], f"plugin {round}"))
    for one in [plugin, *others]:
        if one is not None:
            tried(kinds, one.call, "on_reload")
unlimited()
gc.collect()
plugin.call("on_reload")
stats = plugin.all_stats
print(json.dumps({"kinds": kinds, "served": stats.calls["on_reload"] >= 1, "open": stats.open_spans}))
sys.stdout.flush()
os._exit(0)
"""

EXPORTING = """
exporter = FileExporter(folder + "/traces.jsonl")
recorder = SpanRecorder(exporter, engine=engine, limits=Limits(batch_spans=1000, batch_bytes=2**40, queue_spans=10**6, queue_bytes=2**40))
kinds = {}
recorder.start_exporting()
def record(spans):
    for _ in range(spans):
        recorder.end_span(recorder.start_span(SpanStart("s", attributes={"text": "x" * 2000})))
record(5_000)
limit(room)
tried(kinds, recorder.flush)
unlimited()
record(10)
tried(kinds, recorder.flush)
record(10)
recorder.flush()
stats = recorder.stats
lines = open(folder + "/traces.jsonl").read().splitlines()
spans = sum(len(scope["spans"]) for line in lines for r in json.loads(line)["resourceSpans"] for scope in r["scopeSpans"])
taken, lost = sum(stats.exported.values()), stats.dropped["export_failed"] + stats.dropped["unencodable"]
print(json.dumps({"kinds": kinds, "whole": taken + lost == stats.ended == 5_020, "in_file": spans == taken, "last": spans >= 10}))
sys.stdout.flush()
os._exit(0)
"""

ROOMS = [0, 4, pytest.param(1, marks=pytest.mark.long), pytest.param(40, marks=pytest.mark.long)]
ROOMS_OF_WASMTIME = [40, pytest.param(24, marks=pytest.mark.long), pytest.param(200, marks=pytest.mark.long)]
"""With less, wasmtime itself ends the process: Rust aborts where a small allocation fails."""

ALLOWED = {"MemoryError", "RuntimeError", "OSError", "WasmtimeError", "FlushError", "GuestTrap", "ValueError", "MemoryLimitExceeded"}


def told(program: str, engine: str, room: int, folder) -> dict:
    done = run_python(PREAMBLE + program, engine, str(room), str(folder))
    assert done.returncode == 0, (done.returncode, done.stderr[-2000:])
    return json.loads(done.stdout)


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("engine", ENGINES)
def test_recording_without_memory_raises_nothing_and_loses_no_count(engine, room, tmp_path):
    outcome = told(RECORDING, engine, room, tmp_path)
    outcome.pop("lost")
    has_recorded_some = outcome.pop("some")
    assert has_recorded_some or room == 0  # without any room it is for what the allocator still has
    assert outcome == {"kinds": {}, "whole": True, "after": True}


@pytest.mark.parametrize("room", ROOMS_OF_WASMTIME)
@pytest.mark.parametrize("engine", ENGINES)
def test_plugins_without_memory_fail_in_words_and_serve_again(engine, room, tmp_path):
    outcome = told(CALLING, engine, room, tmp_path)
    assert set(outcome.pop("kinds")) <= ALLOWED
    assert outcome == {"served": True, "open": 0}


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("engine", ENGINES)
def test_an_exporter_without_memory_is_told_by_the_flush_and_takes_the_next_spans(engine, room, tmp_path):
    outcome = told(EXPORTING, engine, room, tmp_path)
    assert set(outcome.pop("kinds")) <= {"FlushError"}
    assert outcome == {"whole": True, "in_file": True, "last": True}


def test_spans_that_there_is_no_memory_to_batch_are_counted_and_told_by_the_flush(monkeypatch):
    """They once vanished, with a MemoryError of the flush instead of a FlushError."""
    recorder = SpanRecorder(MemoryExporter(), limits=Limits(batch_spans=2), engine=ENGINES[-1])
    native = pytest.importorskip("bext_host.recorder.native")
    for _ in range(5):
        recorder.end_span(recorder.start_span(SpanStart("s")))
    monkeypatch.setattr(native, "lib", ShortOfMemory(native.lib, native.ffi))
    with pytest.raises(FlushError, match="recorder: 3 spans are lost: there is no memory for a batch"):
        recorder.flush()
    assert (recorder.stats.exported, recorder.stats.dropped["export_failed"]) == ({"memory": 2}, 3)


class ShortOfMemory:
    """The library in C, with memory for one batch."""

    def __init__(self, lib, ffi) -> None:
        self._lib, self._ffi, self._cut = lib, ffi, 0

    def __getattr__(self, name: str):
        return getattr(self._lib, name)

    def bext_batch_cut(self, *arguments):
        self._cut += 1
        return self._lib.bext_batch_cut(*arguments) if self._cut == 1 else self._ffi.NULL
