"""Signals in the middle of host calls: a storm of them changes no counter, and what their handlers raise costs at most the call.

That Ctrl-C stops a guest, and that a handler's error is contained where it comes inside a callback, is tested beside the engines.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.processes import run_python
from support.raw_guest import ENGINES

PREAMBLE = """
import json, logging, os, signal, sys, threading, time
from bext_host import GuestTrap, Limits, PluginHost, PluginLimits, SpanRecorder
from bext_host.exporters import MemoryExporter
from support.wat import CURRENT, Guest, hook

engine = sys.argv[1]
build = Guest()
SPANS = 400
one = build.start(1, "s", CURRENT) + build.attribute(1, "k", "v") + build.end(1)
again = f"(loop $again {one} (local.set $n (i32.sub (local.get $n) (i32.const 1))) (br_if $again (local.get $n)))"
module = build.module(
    hook("on_reload", f"(local $n i32) (local.set $n (i32.const {SPANS}))", build.current(), again),
    hook("cleanup", build.current(), build.start(2, "kept open", CURRENT), "(loop $again (br $again))"),
)
exporter = MemoryExporter()
recorder = SpanRecorder(exporter, engine=engine, limits=Limits(queue_spans=10**7, queue_bytes=2**40))  # nothing is dropped, however slow
host = PluginHost(recorder, engine=engine, flush_seconds=60)

class Storm:
    seen = 0
    def handle(self, *_):
        self.seen += 1
    def __enter__(self):
        signal.signal(signal.SIGALRM, self.handle)
        signal.setitimer(signal.ITIMER_REAL, 0.0003, 0.0003)
        return self
    def __exit__(self, *_):
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_IGN)

def told(**facts):
    stats = recorder.stats
    print(json.dumps({"open": recorder.open_spans, "whole": stats.started == stats.ended, **facts}))
"""

HARMLESS = """
plugin = host.load(module, limits=PluginLimits(fuel={"on_reload": 2**62}, timeout_seconds=30))
def other():
    while storm.seen < 300:
        plugin.call("on_reload")
        recorder.flush()
        exporter.clear()
calls = 0
with Storm() as storm:
    thread = threading.Thread(target=other)
    thread.start()
    while storm.seen < 300:
        plugin.call("on_reload")
        calls += 1
    thread.join()
stats = plugin.all_stats
made = stats.calls["on_reload"]
recorder.flush()
drops = {reason: count for reason, count in stats.dropped.items() if count}
recorded = {name: count // made for name, count in stats.recorded.items() if count}
told(errors=stats.errors, drops=drops, recorded=recorded, served=made > calls > 0, ended=recorder.stats.ended == made * (SPANS + 1))
"""

ONE_IN_A_CALL = """
class Oops(Exception): pass
def oops(*_):
    raise Oops
signal.signal(signal.SIGUSR1, oops)
plugin = host.load(module, limits=PluginLimits(fuel={"cleanup": 2**62, "on_reload": 2**62}, timeout_seconds=30))
def interrupt():
    while recorder.open_spans < 2:
        time.sleep(0.001)
    before = raised
    while raised == before:  # one that comes within a host call is contained there, and counted
        time.sleep(0.05)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
        time.sleep(0.5)
raised = 0
for _ in range(4):
    threading.Thread(target=interrupt, daemon=True).start()
    try:
        plugin.call("cleanup")
    except Oops:
        raised += 1
    plugin.call("on_reload")
recorder.flush()
ended = sorted({(span.name, span.attributes.get("bext.abandoned")) for span in exporter.spans if span.name in ("kept open", "cleanup")})
stats = plugin.all_stats
told(raised=raised, ended=ended, calls=stats.calls, errors=stats.errors)
"""

RAISING = """
sys.unraisablehook = lambda _: None  # of objects whose end was interrupted there are hundreds
logging.raiseExceptions = False
class Oops(Exception): pass
armed, raised, served, errors, done = False, 0, 0, [], False

def oops(*_):
    global armed, raised
    if armed:
        armed = False
        raised += 1
        raise Oops

def storm():
    while not done:
        signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
        time.sleep(0.0003)

def serve():
    global served
    while not done:
        try:
            neighbour.call("on_reload")
            served += 1
        except BaseException as error:
            errors.append(repr(error))

def attempt():
    global armed
    for _ in range(20):
        armed = True
        plugin.call("cleanup")
        armed = False

signal.signal(signal.SIGUSR1, oops)
small = build.module(hook("cleanup", build.current(), one), hook("on_reload", build.current(), one))
plugin, neighbour = host.load(small), host.load(small, "neighbour")
threads = [threading.Thread(target=work) for work in (storm, serve)]
for thread in threads:
    thread.start()
end = time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    try:
        attempt()
    except (Oops, GuestTrap):  # in the moment before the guest, the host cannot tell whose exception wasmtime-py raises
        pass
done = True
for thread in threads:
    thread.join()
for _ in range(3):
    plugin.call("on_reload")
host.close()
told(raised=raised > 30, errors=errors, served=neighbour.all_stats.calls.get("on_reload") == served > 0, left=plugin.all_stats.open_spans)
"""

TERMINATED = """
class Left(SystemExit): pass
def leave(*_):
    raise Left(7)
signal.signal(signal.SIGTERM, leave)
plugin = host.load(module, limits=PluginLimits(fuel={"cleanup": 2**62}, timeout_seconds=30))
def terminate():
    while recorder.open_spans < 2:
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGTERM)
threading.Thread(target=terminate, daemon=True).start()
try:
    plugin.call("cleanup")
except Left as left:
    code = left.code
plugin.call("on_reload")
recorder.flush()
ended = [(span.name, span.attributes.get("bext.abandoned")) for span in exporter.spans if span.name in ("kept open", "cleanup")]
told(code=code, ended=ended)
"""


def told(program: str, engine: str, *arguments: str) -> dict[str, Any]:
    done = run_python(PREAMBLE + program, engine, *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_storm_of_signals_changes_no_counter_and_no_span(engine):
    recorded = {"start_span": 400, "set_attribute": 400, "end_span": 400, "current_span": 1}
    assert told(HARMLESS, engine) == {
        "open": 0, "whole": True, "errors": {}, "drops": {}, "recorded": recorded, "served": True, "ended": True,
    }  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
def test_what_a_handler_raises_while_a_guest_runs_reaches_the_caller_and_ends_what_is_open(engine):
    assert told(ONE_IN_A_CALL, engine) == {
        "open": 0, "whole": True, "raised": 4, "ended": [["cleanup", None], ["kept open", "Oops"]],
        "calls": {"cleanup": 4, "on_reload": 4}, "errors": {"error": 4},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("engine", "seconds"), [*((engine, 1.5) for engine in ENGINES), pytest.param(ENGINES[-1], 30, marks=pytest.mark.long)]
)
def test_a_plugin_is_not_lost_where_a_handler_raises_just_as_a_call_takes_or_gives_back_its_instance(engine, seconds):
    """Such a plugin once answered nothing but ReentrantCall, or that no instance became free. Where a handler raises in the middle of the
    host's own steps, that call's own spans may stay open until the recorder is closed; all else goes on.
    """
    outcome = told(RAISING, engine, str(seconds))
    outcome.pop("whole")
    outcome.pop("open")
    assert outcome == {"raised": True, "errors": [], "served": True, "left": 0}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_handler_of_sigterm_that_leaves_the_program_stops_the_guest_first(engine):
    assert told(TERMINATED, engine) == {"open": 0, "whole": True, "code": 7, "ended": [["kept open", "Left"], ["cleanup", None]]}
