"""What plugins and hosts leave behind: no memory, no threads, and at the end of the process no span that could still be sent."""

from __future__ import annotations

import gc
import os
import threading
import time
import weakref
from collections.abc import Callable

import pytest

from bext_host import PluginHost, SpanRecorder
from bext_host.exporters import MemoryExporter
from bext_host.testing import RecordingTracer
from support.plugin_host import Hosting
from support.processes import run_python
from support.raw_guest import ENGINES
from support.wat import ALLOC, CURRENT, Guest, hook


def module() -> bytes:
    build = Guest()
    calls = build.current() + build.start(1, "s", CURRENT) + build.end(1) + build.start(2, "left open")
    return build.module(
        ALLOC, hook("on_reload", calls), hook("on_server_start", takes="i32 i32"), hook("on_request_complete", takes="i32 i32")
    )


def resident() -> int:
    gc.collect()
    with open("/proc/self/statm") as statm:  # noqa: PTH123
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def settled(condition: Callable[[], bool], seconds: float = 20) -> bool:
    """Whether it becomes true."""
    give_up = time.monotonic() + seconds
    while not condition() and time.monotonic() < give_up:
        gc.collect()
        time.sleep(0.01)
    return condition()


def flush_threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "bext-flush"}


# --- In one process ---


@pytest.mark.parametrize("engine", ENGINES)
def test_five_hundred_plugins_leave_neither_memory_nor_threads(engine):
    hosting = Hosting(engine=engine)
    wasm = module()

    def come_and_go(times: int) -> None:
        for _ in range(times):
            plugin = hosting.load(wasm)
            plugin.call("on_reload")
            plugin.close()
        hosting.spans()
        hosting.exporter.spans.clear()

    with hosting.host:
        come_and_go(100)
        before, threads = resident(), set(threading.enumerate())
        come_and_go(500)
        assert resident() - before < 16 * 1024 * 1024
        new = {thread.name for thread in set(threading.enumerate()) - threads}
        assert new <= {"bext-export-memory"}  # those of other tests' recorders
    assert hosting.recorder.open_spans == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_a_plugin_that_is_closed_lets_go_of_its_instance_at_once(engine):
    hosting = Hosting(engine=engine)
    plugin = hosting.load(module())
    plugin.call("on_reload")
    (instance,) = plugin._pool.instances
    store = weakref.ref(instance._store)
    del instance
    plugin.close()
    assert settled(lambda: store() is None)


@pytest.mark.parametrize("tracer", [lambda: SpanRecorder(MemoryExporter()), RecordingTracer], ids=["recorder", "another tracer"])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_host_that_nobody_closed_is_collected_and_its_thread_ends(engine, tracer):
    others = flush_threads()
    host = PluginHost(tracer(), engine=engine, flush_seconds=0.2)
    host.load(module()).call("on_reload")
    (thread,) = flush_threads() - others
    gone = weakref.ref(host)
    del host
    assert settled(lambda: gone() is None)
    thread.join(20)
    assert not thread.is_alive()


def test_a_host_that_is_closed_ends_its_thread():
    others = flush_threads()
    with PluginHost(RecordingTracer()) as host:
        host.load(module()).call("on_reload")
        (thread,) = flush_threads() - others
    thread.join(20)
    assert not thread.is_alive()


def test_spans_are_flushed_on_the_interval_and_a_failed_flush_is_counted():
    class Unwilling(RecordingTracer):
        def flush(self) -> None:
            raise OSError("no route")

    hosting = Hosting(flush_seconds=0.02)
    hosting.load(module()).call("on_reload")
    assert settled(lambda: len(hosting.exporter.spans) == 2)
    unwilling = PluginHost(Unwilling(), flush_seconds=0.02)
    unwilling.load(module()).call("on_reload")
    assert settled(lambda: unwilling.stats().flush_errors >= 3)
    with pytest.raises(OSError, match="no route"):
        unwilling.close()
    assert unwilling.stats().flushes >= unwilling.stats().flush_errors
    assert hosting.host.stats().flush_errors == 0


# --- At the end of the process ---

PREAMBLE = """
import logging, sys, threading, time
from bext_host import PluginHost, PluginLimits, SpanRecorder
from bext_host.exporters import StdoutExporter
from support.plugin_host import Hosting
from support.wat import ALLOC, CURRENT, Guest, hook, wasm
build = Guest()
calls = build.current() + build.start(1, "inner", CURRENT) + build.end(1) + build.start(2, "left open")
looping = build.current() + build.start(3, "running", CURRENT) + "(loop $again (br $again))"
module = build.module(ALLOC, hook("on_reload", calls), hook("own", looping), hook("on_server_stop"), hook("cleanup"))
engine = sys.argv[1]

class Telling:
    name = "telling"
    def export(self, batch, deadline):
        for span in batch:
            print(span.name, span.attributes.get("bext.plugin.outcome") or span.attributes.get("bext.abandoned", "-"), flush=True)
    def shutdown(self, deadline):
        pass

recorder = SpanRecorder(Telling(), engine=engine)
host = PluginHost(recorder, engine=engine, flush_seconds=3600)
limits = PluginLimits(fuel={"own": 2**62}, timeout_seconds=30)
plugin = host.load(module, limits=limits)
"""

FORGOTTEN = """
host.start()
plugin.call("on_reload")
"""

RUNNING = """
threading.Thread(target=plugin.call, args=("own",), daemon=True).start()
while recorder.open_spans < 2:
    time.sleep(0.001)
threading.excepthook = lambda _: None  # the call's error, which nobody waits for
"""

HANGING = """
class Hanging(Telling):
    name = "hanging"
    def export(self, batch, deadline):
        time.sleep(3600)

import bext_host.runtime.host
bext_host.runtime.host.EXIT_SECONDS = 0.3
recorder = SpanRecorder(Telling(), Hanging(), engine=engine)
host = PluginHost(recorder, engine=engine, flush_seconds=3600)
host.load(module).call("on_reload")
"""

MANY = """
others = [PluginHost(recorder, engine=engine) for _ in range(3)]
for number, other in enumerate(others):
    other.load(module, f"plugin {number}").call("on_reload")
"""


def left(engine: str, program: str) -> tuple[list[str], str]:
    """What such a process printed, sorted, and its errors; it ends in time, and well."""
    done = run_python(PREAMBLE + program, engine)
    assert done.returncode == 0, done.stderr
    return sorted(done.stdout.splitlines()), done.stderr


@pytest.mark.parametrize("engine", ENGINES)
class TestTheEndOfTheProcess:
    """Hosts that nobody closed."""

    def test_a_host_that_nobody_closed_stops_its_plugins_and_sends_its_spans(self, engine):
        lines, errors = left(engine, FORGOTTEN)
        assert lines == ["cleanup ok", "inner -", "left open closed", "on_reload ok", "on_server_stop ok"]
        assert errors == ""

    def test_a_guest_that_runs_in_a_daemon_thread_is_ended(self, engine):
        begun = time.monotonic()
        lines, errors = left(engine, RUNNING)
        assert lines == ["own interrupted", "running interrupted"]
        assert errors == ""
        assert time.monotonic() - begun < 20  # of the 30 seconds that it may take

    def test_an_exporter_that_hangs_holds_nobody_up_and_is_told_of(self, engine):
        lines, errors = left(engine, HANGING)
        assert lines == ["inner -", "left open closed", "on_reload ok"]
        assert "hanging: did not answer in time, 3 spans wait for it" in errors
        assert len(errors.splitlines()) == 1

    def test_each_of_several_hosts_sends_its_spans(self, engine):
        lines, errors = left(engine, MANY)
        assert lines == ["inner -"] * 3 + ["left open closed"] * 3 + ["on_reload ok"] * 3
        assert errors == ""
