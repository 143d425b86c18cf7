"""The native engine: scopes, linkers, stores and tracers may go in any order, during a call, from any thread and in a forked child."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import weakref

import pytest
from wasmtime import Engine, Linker, Module, Store

from bext_abi import SpanStart, codec
from bext_host import SpanRecorder, TracerBridge, engine
from bext_host.exporters import MemoryExporter
from bext_host.testing import RecordingTracer
from support.processes import environment, run_python
from support.raw_guest import RawGuest
from support.tracers import HookedTracer

pytestmark = pytest.mark.skipif(engine != "native", reason="this installation has no native engine")

PAYLOAD = codec.encode_span_start(SpanStart("s", attributes={"k": 1}))


def guest(tracer: object) -> RawGuest:
    return RawGuest(tracer, engine="native")


@pytest.mark.parametrize("order", [("scope", "store"), ("store", "scope")])
def test_what_the_guest_had_is_let_go_whatever_goes_first(order):
    raw = guest(RecordingTracer())
    raw.start(PAYLOAD)
    calls = weakref.ref(raw.scope._calls)
    held = {"scope": raw.scope, "store": (raw.store, raw.exports, raw.memory, getattr(raw, "linker", None))}
    del raw
    for name in order:
        del held[name]
        gc.collect()
    guest(RecordingTracer())  # the next scope sweeps what is unused
    gc.collect()
    assert calls() is None


def test_a_linker_outlives_its_scope_and_bridge():
    wasm_engine = Engine()
    linker = Linker(wasm_engine)
    tracer = RecordingTracer()
    TracerBridge(tracer, engine="native").add_to_linker(linker)
    gc.collect()
    call = "(call $e (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 0))"
    text = f'(module (import "bext" "end_span" (func $e (param i64 i64 i64 i64))) (func (export "f") {call}))'
    store = Store(wasm_engine)
    function = linker.instantiate(store, Module(wasm_engine, text)).exports(store)["f"]
    del linker
    gc.collect()
    for _ in range(100):
        function(store)
    assert tracer.calls == []


def test_a_scope_may_be_closed_by_its_own_tracer():
    scopes = []
    raw = guest(HookedTracer(lambda method, _: scopes[0].close()))
    scopes.append(raw.scope)
    assert raw.start(PAYLOAD).is_invalid
    assert raw.scope.stats.dropped["scope_closed"] == 1
    assert raw.scope.open_spans == 0


def test_a_scope_may_be_closed_while_another_thread_records():
    for _ in range(20):
        exporter = MemoryExporter()
        recorder = SpanRecorder(exporter)
        raw = guest(recorder)
        started = threading.Event()

        def record(raw: RawGuest = raw, started: threading.Event = started) -> None:
            for _ in range(300):
                raw.start(PAYLOAD)
                started.set()

        thread = threading.Thread(target=record)
        thread.start()
        assert started.wait(30)
        raw.scope.close()
        thread.join(30)
        recorder.flush()
        stats = raw.scope.stats
        assert recorder.open_spans == 0
        assert len(exporter.spans) == stats.recorded["start_span"] + late(exporter)
        assert stats.recorded["start_span"] + stats.dropped["scope_closed"] == 300


def late(exporter: MemoryExporter) -> int:
    """Spans that the tracer had started when the scope was closed: ended at once, counted as dropped, and not marked as abandoned."""
    return sum("bext.abandoned" not in span.attributes for span in exporter.spans)


def test_scopes_in_many_threads_share_one_tracer_and_every_count_is_exact():
    exporter = MemoryExporter()
    recorder = SpanRecorder(exporter)

    def work() -> None:
        for _ in range(5):
            raw = guest(recorder)
            for _ in range(40):
                raw.end(raw.start(PAYLOAD))
            raw.start(PAYLOAD)
            raw.scope.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    recorder.flush()
    assert len(exporter.spans) == 4 * 5 * 41
    assert sum(span.attributes.get("bext.abandoned") == "closed" for span in exporter.spans) == 20
    assert recorder.open_spans == 0


FORKED = """
import os, sys
from support.raw_guest import RawGuest
from bext_abi import SpanStart, codec
from bext_host.testing import RecordingTracer
raw = RawGuest(RecordingTracer(), engine="native")
payload = codec.encode_span_start(SpanStart("s"))
span = raw.start(payload)
child = os.fork()
raw.end(span)
raw.start(payload)
assert raw.scope.stats.recorded["start_span"] == 2
raw.scope.close()
if child:
    assert os.waitpid(child, 0)[1] == 0
print("done")
"""


def test_a_forked_child_goes_on_with_its_copy():
    done = subprocess.run([sys.executable, "-c", FORKED], env=environment(), capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "done\ndone\n"), done.stderr


HOOKED = """
import os
used = []
hook = lambda: [use() for use in used]
os.register_at_fork(before=hook, after_in_parent=hook, after_in_child=hook)
from support.raw_guest import RawGuest
from bext_abi import SpanStart, codec
from bext_host import SpanRecorder
os.register_at_fork(before=hook, after_in_parent=hook, after_in_child=hook)
recorder = SpanRecorder(engine="native")
raw = RawGuest(recorder, engine="native")
payload = codec.encode_span_start(SpanStart("s"))
used += [lambda: raw.end(raw.start(payload)), lambda: raw.scope.stats, lambda: recorder.stats]
child = os.fork()
assert raw.scope.stats.recorded["end_span"] == 4
assert recorder.stats.ended == 4
if child:
    assert os.waitpid(child, 0)[1] == 0
print("done")
"""


def test_hooks_of_a_fork_may_record_whenever_they_were_registered():
    done = run_python(HOOKED)
    assert (done.returncode, done.stdout) == (0, "done\ndone\n"), done.stderr


AT_EXIT = """
from support.raw_guest import RawGuest
from bext_abi import SpanStart, codec
from bext_host.testing import RecordingTracer
kept = [RawGuest(RecordingTracer(), engine="native") for _ in range(20)]
for raw in kept:
    raw.start(codec.encode_span_start(SpanStart("s")))
print("done")
"""


def test_nothing_happens_at_the_end_of_the_process():
    done = subprocess.run([sys.executable, "-c", AT_EXIT], env=environment(), capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


def test_ten_thousand_scopes_leave_no_memory_behind():
    def resident() -> int:
        with open("/proc/self/statm") as statm:  # noqa: PTH123
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    wasm_engine, tracer = Engine(), RecordingTracer()
    bridge = TracerBridge(tracer, engine="native")

    def make(number: int) -> None:
        for _ in range(number):
            bridge.add_to_linker(Linker(wasm_engine)).close()

    make(1000)
    before = resident()
    make(9000)
    assert resident() - before < 32 * 1024 * 1024


class ImportsWhileAnotherThreadDefines(dict):
    """The table of imports. Between a scope's turn to define them and the first definition, another thread defines a scope of its own."""

    def __init__(self, imports: dict, other: threading.Thread) -> None:
        super().__init__(imports)
        self._other = other

    def values(self):
        if threading.current_thread() is not self._other:
            self._other.start()
            self._other.join(0.2)  # it may have to wait for us
        return super().values()


def test_a_scope_that_is_being_defined_is_in_use_for_other_threads(monkeypatch):
    from bext_host.boundary import native  # needs the native engine

    tracers = [RecordingTracer(), RecordingTracer()]
    guests: list[RawGuest] = []
    other = threading.Thread(target=lambda: guests.append(guest(tracers[1])))
    monkeypatch.setattr(native, "IMPORTS", ImportsWhileAnotherThreadDefines(native.IMPORTS, other))
    guests.append(guest(tracers[0]))
    other.join()
    for raw in guests:
        raw.set_attribute(raw.start(PAYLOAD), "k", 2)
    assert [[call[0] for call in tracer.calls] for tracer in tracers] == [["start_span", "set_attribute"]] * 2
