"""Signals that come while a guest runs: their handlers run where a callback of the native engine begins, outside of the tracer."""

from __future__ import annotations

import pytest

from bext_host import engine
from support.processes import run_python

pytestmark = pytest.mark.skipif(engine != "native", reason="this installation has no native engine")

PROGRAM = """
import signal, sys, threading
from wasmtime import Engine, Linker, Module, Store
from bext_host import TracerBridge
from bext_host.testing import RecordingTracer
from native.soak import GUEST

running = threading.Event()

class Tracer(RecordingTracer):
    def end_span(self, span, end_time_unix_nanos=None):
        self.calls.clear()
        running.set()

def interrupt():
    running.wait()
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

def divide(*_):
    raise ZeroDivisionError

signal.signal(signal.SIGINT, divide if sys.argv[1] == "divide" else signal.default_int_handler)
wasm_engine = Engine()
linker, store = Linker(wasm_engine), Store(wasm_engine)
scope = TracerBridge(Tracer(), engine="native").add_to_linker(linker)
work = linker.instantiate(store, Module(wasm_engine, GUEST)).exports(store)["work"]
threading.Thread(target=interrupt).start()
spans = int(sys.argv[2])
try:
    with scope:
        work(store, spans)
except KeyboardInterrupt:
    print("stopped", scope.stats.calls["start_span"] < spans, scope.stats.dropped["tracer_error"])
else:
    print("went on", scope.stats.calls["start_span"] == spans, scope.stats.dropped["tracer_error"])
"""


def test_an_interrupt_from_the_keyboard_stops_a_running_guest():
    done = run_python(PROGRAM, "stop", "50000")
    assert (done.returncode, done.stdout) == (0, "stopped True 0\n"), done.stderr
    assert done.stderr == ""


def test_what_any_other_signals_handler_raises_is_contained_and_counted():
    done = run_python(PROGRAM, "divide", "5000")
    assert (done.returncode, done.stdout) == (0, "went on True 1\n"), done.stderr
