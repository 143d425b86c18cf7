"""A forked child loads, calls and times out plugins, has ids and a queue of its own, and never sends what is its parent's.

Each program runs in a process of its own. What wasmtime itself holds while another thread is inside of it cannot be renewed: forks wait
for the making of modules, and for nothing else.
"""

from __future__ import annotations

import pytest

from support.processes import run_python
from support.raw_guest import ENGINES

PREAMBLE = """
import json, os, signal, sys, threading, time, traceback, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # Python's of every fork beside threads, since 3.12
from bext_abi import SpanStart
from bext_host import CallInterrupted, DeadlineExceeded, PluginHost, PluginLimits, SpanRecorder
from bext_host.exporters import MemoryExporter
from bext_host.testing import RecordingTracer
from support.wat import CURRENT, Guest, guest, hook

FOREVER = "(loop $again (br $again))"
engine = sys.argv[1]
signal.alarm(50)

def module(*more):
    build = Guest()
    working = build.current() + build.start(1, "s", CURRENT) + build.end(1)
    looping = build.current() + build.start(2, "running", CURRENT) + FOREVER
    return build.module(hook("on_reload", working), hook("cleanup", looping), hook("own", build.start(3, "kept open")), *more)

def limits(seconds):
    return PluginLimits(fuel={"cleanup": 2**62}, hook_timeout_seconds={"cleanup": seconds})

def child_of(work):
    '''What `work` returns in a forked child.'''
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        signal.alarm(40)
        code = 1
        try:
            os.write(writing, json.dumps(work()).encode())
            code = 0
        except BaseException:
            traceback.print_exc()
        os._exit(code)
    os.close(writing)
    told = b""
    while piece := os.read(reading, 65536):
        told += piece
    assert os.waitpid(child, 0)[1] == 0, "the child failed"
    return json.loads(told)

def ids(exporter):
    return [span.handle.span_id for span in exporter.spans]

def serves(host, recorder, exporter, plugin):
    '''Everything that a host does, in a child; the ids of the spans that it sent.'''
    before = len(exporter.spans)  # its parent's, which are in its memory as well
    plugin.call("on_reload")
    other = host.load(module(), "loaded in the child", limits=limits(0.1))
    other.call("on_reload")
    for one in (plugin, other):
        try:
            one.call("cleanup")
            assert False, "no deadline"
        except DeadlineExceeded:
            pass
    recorder.flush()
    return ids(exporter)[before:]

exporter = MemoryExporter()
recorder = SpanRecorder(exporter, engine=engine)
host = PluginHost(recorder, engine=engine, flush_seconds=60)
plugin = host.load(module(), limits=limits(0.2), instances=2)
"""

AFTER_CALLS = """
for _ in range(3):
    plugin.call("on_reload")
try:
    plugin.call("cleanup")
except DeadlineExceeded:
    pass
plugin.call("own")
names = {thread.name for thread in threading.enumerate()}
assert {"bext-epoch", "bext-flush"} <= names, names

def work():
    assert recorder.queued_spans == recorder.open_spans == 0
    told = serves(host, recorder, exporter, plugin)
    assert "bext-flush" in {thread.name for thread in threading.enumerate()}
    host.close()
    return told

children = [child_of(work) for _ in range(3)]
plugin.call("on_reload")
host.close()
parents = ids(exporter)
assert len(parents) == 3 * 2 + 2 + 1 + 2 + 1, len(parents)
for child in children:
    assert len(child) == 8, len(child)
every = [*parents, *(one for child in children for one in child)]
assert len(every) == len(set(every))
print("done")
"""

WHILE_OTHERS_CALL = """
stop = threading.Event()
def call(number):
    while not stop.is_set():
        try:
            plugin.call("own" if number == 3 else "on_reload")
        except DeadlineExceeded:
            pass
def read():
    while not stop.is_set():
        plugin.all_stats
        plugin.expire_spans()
threads = [threading.Thread(target=call, args=(number,), daemon=True) for number in range(4)]
threads.append(threading.Thread(target=read, daemon=True))
for thread in threads:
    thread.start()
time.sleep(0.05)
children = []
for _ in range(5):
    def work():
        told = serves(host, recorder, exporter, plugin)
        assert plugin.all_stats.calls["cleanup"] >= 1
        return told
    children.append(child_of(work))
stop.set()
for thread in threads:
    thread.join(20)
    assert not thread.is_alive()
plugin.call("on_reload")
host.close()
parents = ids(exporter)
stats = recorder.stats
assert recorder.open_spans == 0
assert stats.started == stats.ended == len(parents) + stats.dropped["queue_full"], (stats, len(parents))
for child in children:
    assert len(child) == 8, len(child)
every = [*parents, *(one for child in children for one in child)]
assert len(every) == len(set(every))
print("done")
"""

WITH_ONE_THAT_WAITS = """
plugin = host.load(module(), "one instance", limits=limits(20))
running = threading.Thread(target=lambda: interrupted("cleanup"), daemon=True)
waiting = threading.Thread(target=lambda: interrupted("on_reload"), daemon=True)
outcomes = []
def interrupted(hook):
    try:
        plugin.call(hook)
        outcomes.append("fine")
    except CallInterrupted:
        outcomes.append("interrupted")
running.start()
while recorder.open_spans < 2:
    time.sleep(0.001)
waiting.start()
while not plugin._pool._waiters:
    time.sleep(0.001)

def work():
    plugin.call("on_reload")  # the instance that the parent's thread is in is none of the child's
    host.interrupt()
    plugin.call("on_reload")
    recorder.flush()
    return ids(exporter)

assert len(child_of(work)) == 4
assert outcomes == []
host.interrupt()
running.join(20)
waiting.join(20)
assert outcomes == ["interrupted"] * 2, outcomes
plugin.call("on_reload")
host.close()
print("done")
"""

AWAITED = """
import asyncio
asyncio.run(plugin.call_async("on_reload"))

def work():
    async def main():
        await asyncio.gather(*(plugin.call_async("on_reload") for _ in range(20)))
    asyncio.run(main())
    recorder.flush()
    return len(exporter.spans)

assert child_of(work) == 40
asyncio.run(plugin.call_async("on_reload"))
host.close()
print("done")
"""

INSIDE_A_CALL = """
class Forking(RecordingTracer):
    child = None
    def start_span(self, span):
        handle = super().start_span(span)
        if span.name == "running" and self.child is None:
            self.child = os.fork()
        return handle

tracer = Forking()
forking = PluginHost(tracer, engine=engine)
guest_of_it = forking.load(module(), limits=limits(0.5))
begun = time.monotonic()
try:
    guest_of_it.call("cleanup")  # in the parent and in the child, the rest of the call has its deadline
    code = 1
except DeadlineExceeded:
    code = 0
guest_of_it.call("on_reload")
forking.close()
ends = [call[1] for call in tracer.calls if call[0] == "end_span"]
assert len(ends) == len(set(ends)) == 4, ends
if not tracer.child:
    os._exit(code)
assert os.waitpid(tracer.child, 0)[1] == 0
assert code == 0
print("done")
"""

LEFT_AT_THE_END = """
def call():
    try:
        plugin.call("cleanup")
    except DeadlineExceeded:
        pass
thread = threading.Thread(target=call, daemon=True)
thread.start()
while recorder.open_spans < 2:
    time.sleep(0.001)
child = os.fork()
if not child:
    plugin.call("on_reload")
    sys.exit(0)  # with the interpreter's whole end, where the store of the parent's call must not be freed
assert os.waitpid(child, 0)[1] == 0
thread.join(20)
print("done")
"""

PROGRAMS = {
    "after some calls": AFTER_CALLS,
    "while others call": WHILE_OTHERS_CALL,
    "with one that waits": WITH_ONE_THAT_WAITS,
    "awaited": AWAITED,
    "inside a call": INSIDE_A_CALL,
    "left at the end": LEFT_AT_THE_END,
}


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_forked_child_serves_and_its_parent_goes_on(engine, program):
    done = run_python(PREAMBLE + PROGRAMS[program], engine)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
