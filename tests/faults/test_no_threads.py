"""Threads that cannot be started, now and then: no room in the system, or a signal's handler that raises just before the start.

Once such a thread was taken for one that runs: spans were never exported again, deadlines never kept, and what a plugin's call gave was
the RuntimeError of a thread that had nothing to do with it.
"""

from __future__ import annotations

import threading

import pytest

from bext_abi import FlushError, SpanStart
from bext_host import DeadlineExceeded, PluginLimits, SpanRecorder
from bext_host.exporters import MemoryExporter
from bext_host.runtime import epoch
from support.plugin_host import Hosting
from support.wat import guest, hook


class NoRoom:
    """No thread whose name starts with `name` can be started, while there is no room."""

    def __init__(self, name: str) -> None:
        self.name, self.is_full, self.refused = name, True, 0
        self.start = threading.Thread.start

    def __call__(self, thread: threading.Thread) -> None:
        if self.is_full and thread.name.startswith(self.name):
            self.refused += 1
            raise RuntimeError("can't start new thread")
        self.start(thread)


@pytest.fixture
def no_room(monkeypatch):
    def of(name: str) -> NoRoom:
        full = NoRoom(name)
        monkeypatch.setattr(threading.Thread, "start", lambda thread: full(thread))  # noqa: PLW0108  # a function, so that it is a method
        return full

    return of


LOOPING = guest(hook("on_reload"), hook("cleanup", "(loop $again (br $again))"))
LIMITS = PluginLimits(fuel={"cleanup": 2**62}, hook_timeout_seconds={"cleanup": 0.1})


def test_an_exporters_thread_that_could_not_be_started_is_told_by_the_flush_and_started_by_the_next(no_room):
    full, exporter = no_room("bext-export"), MemoryExporter()
    recorder = SpanRecorder(exporter)
    recorder.end_span(recorder.start_span(SpanStart("waits")))
    with pytest.raises(FlushError, match="memory: RuntimeError: can't start new thread"):
        recorder.flush()
    full.is_full = False
    recorder.end_span(recorder.start_span(SpanStart("later")))
    recorder.flush()
    assert [span.name for span in exporter.spans] == ["waits", "later"]
    assert (full.refused, recorder.stats.exported, sum(recorder.stats.dropped.values())) == (1, {"memory": 2}, 0)


@pytest.mark.parametrize("name", ["bext-flush", "bext-export"])
def test_a_flush_loop_that_could_not_be_started_fails_no_call_and_is_told_once_and_started_later(no_room, caplog, name):
    full, hosting = no_room(name), Hosting(flush_seconds=60)
    plugin = hosting.load(LOOPING)
    for _ in range(3):
        plugin.call("on_reload")
    assert [record.message for record in caplog.records if "tried again" in record.message] == [
        "nothing is flushed on the interval: can't start new thread; it is tried again at every call"
    ]
    full.is_full = False
    plugin.call("on_reload")
    assert full.refused == 4
    assert {thread.name for thread in threading.enumerate()} >= {"bext-flush", "bext-export-memory"}
    assert len(hosting.spans()) == 4
    hosting.host.close()


def test_where_the_thread_that_keeps_deadlines_cannot_be_started_no_guest_runs_and_later_deadlines_are_kept(no_room, monkeypatch):
    monkeypatch.setattr(epoch, "ticker", epoch.EpochTicker())
    hosting = Hosting(flush_seconds=60)
    full = no_room("bext-epoch")
    with pytest.raises(RuntimeError, match="can't start new thread"):
        hosting.load(LOOPING, limits=LIMITS)
    full.is_full = False
    plugin = hosting.load(LOOPING, limits=LIMITS)
    for _ in range(2):
        with pytest.raises(DeadlineExceeded):
            plugin.call("cleanup")
    assert epoch.ticker._running == {}
    hosting.host.close()
    epoch.ticker.stop()
