"""Flushing a FanoutTracer: every child is reached in the shared time, and what failed is said by name."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from bext_abi import FlushError, SpanStart
from bext_host import FanoutTracer, SpanRecorder
from bext_host.exporters import MemoryExporter
from bext_host.testing import RecordingTracer
from support.hammer import hammer
from support.recording import FailingExporter, HangingExporter
from support.tracers import FaultyTracer


class HangingTracer(RecordingTracer):
    """A tracer whose flush returns when `release` is set."""

    name = "hanging"

    def __init__(self) -> None:
        super().__init__()
        self.release = threading.Event()

    def flush(self) -> None:
        self.release.wait(60)
        super().flush()


@pytest.fixture
def hanging() -> Iterator[HangingTracer]:
    tracer = HangingTracer()
    yield tracer
    tracer.release.set()


def record(fanout: FanoutTracer, *names: str) -> None:
    for name in names:
        fanout.end_span(fanout.start_span(SpanStart(name)))


def names(exporter: MemoryExporter) -> list[str]:
    return [span.name for span in exporter.spans]


def test_every_child_is_flushed():
    exporters = [MemoryExporter(), MemoryExporter()]
    plain = RecordingTracer()
    fanout = FanoutTracer([*map(SpanRecorder, exporters), plain])
    record(fanout, "a", "b")
    fanout.flush()
    assert [names(exporter) for exporter in exporters] == [["a", "b"]] * 2
    assert plain.calls[-1] == ("flush",)


@pytest.mark.parametrize("method", ["flush", "close"])
def test_all_failures_are_in_one_error_and_the_others_are_flushed(method):
    memory = MemoryExporter()
    failing = SpanRecorder(FailingExporter(OSError("no route"), "otlp"))
    fanout = FanoutTracer([FaultyTracer(ValueError("boom"), "flush"), failing, SpanRecorder(memory)])
    record(fanout, "a")
    with pytest.raises(FlushError) as raised:
        getattr(fanout, method)()
    assert raised.value.failures == {"recording": "ValueError: boom", "recorder/otlp": "OSError: no route"}
    assert names(memory) == ["a"]


def test_a_childs_own_flush_error_that_names_nobody_is_the_childs():
    fanout = FanoutTracer([FaultyTracer(FlushError("no route"), "flush"), FaultyTracer(FlushError({"recording-2": "x"}), "flush")])
    with pytest.raises(FlushError) as raised:
        fanout.flush()
    assert raised.value.failures == {"recording": "no route", "recording-2": "x"}


@pytest.mark.parametrize("method", ["flush", "close"])
def test_a_child_that_hangs_is_named_in_time_and_the_others_are_flushed(hanging, method):
    memory = MemoryExporter()
    fanout = FanoutTracer([hanging, SpanRecorder(memory)])
    record(fanout, "a")
    started = time.monotonic()
    with pytest.raises(FlushError) as raised:
        getattr(fanout, method)(0.2)
    assert time.monotonic() - started < 10
    assert raised.value.failures == {"hanging": "did not answer in time"}
    assert names(memory) == ["a"]


def test_an_exporter_that_hangs_is_named_by_its_recorder_within_the_shared_time():
    exporter, memory = HangingExporter("otlp"), MemoryExporter()
    fanout = FanoutTracer([SpanRecorder(exporter, memory)])
    record(fanout, "a")
    try:
        with pytest.raises(FlushError) as raised:
            fanout.flush(2)
        assert list(raised.value.failures) == ["recorder/otlp"]
        assert names(memory) == ["a"]
    finally:
        exporter.release.set()


def test_flushes_behind_one_that_hangs_are_one_flush(hanging):
    fanout = FanoutTracer([hanging])
    for _ in range(5):
        with pytest.raises(FlushError):
            fanout.flush(0.02)
    assert sum(thread.name == "bext-flush-hanging" for thread in threading.enumerate()) == 1
    hanging.release.set()
    fanout.flush(20)
    assert hanging.calls == [("flush",)] * 2  # what the last one asked for is what the others had asked for


def test_no_flush_returns_before_what_ended_earlier_is_handed_over():
    for _ in range(40):
        memory = MemoryExporter()
        fanout = FanoutTracer([SpanRecorder(memory)])
        record(fanout, "a")
        seen: list[int] = []

        def work(number: int, fanout=fanout, memory=memory, seen=seen) -> None:
            fanout.flush(20)
            seen.append(len(memory.spans))

        hammer(work, threads=3)
        assert seen == [1, 1, 1]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)], ids=repr)
def test_what_must_stop_the_program_does_so_when_all_are_flushed(error):
    memory = MemoryExporter()
    fanout = FanoutTracer([FaultyTracer(error, "flush"), SpanRecorder(memory)])
    record(fanout, "a")
    with pytest.raises(type(error)):
        fanout.flush()
    assert names(memory) == ["a"]


def test_closing_closes_who_can_be_closed_once():
    exporter = HangingExporter()
    exporter.release.set()
    plain = RecordingTracer()
    with FanoutTracer([SpanRecorder(exporter), plain]) as fanout:
        record(fanout, "a")
    fanout.close()
    assert (names(exporter), exporter.shutdowns) == (["a"], 1)
    assert plain.calls[-1] == ("flush",)
    assert plain.calls.count(("flush",)) == 1


def test_an_error_under_way_matters_more_than_a_failed_close(caplog):
    with pytest.raises(ZeroDivisionError), FanoutTracer([FaultyTracer(ValueError("boom"), "flush")]):
        raise ZeroDivisionError
    assert "boom" in caplog.text


def test_where_no_thread_can_be_started_the_flush_is_done_all_the_same(monkeypatch):
    def refuse(_self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread at interpreter shutdown")

    plain = RecordingTracer()
    fanout = FanoutTracer([plain])
    monkeypatch.setattr(threading.Thread, "start", refuse)
    fanout.flush()
    assert plain.calls == [("flush",)]
