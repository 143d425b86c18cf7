"""Closing a recorder: what is finished is handed over, each exporter is shut down once, and later spans are not lost silently."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import pytest

from bext_abi import FlushError, SpanStart
from bext_host import SpanRecorder
from support.hammer import hammer
from support.recording import BatchExporter, FailingExporter, HangingExporter


@pytest.fixture
def hanging() -> Iterator[HangingExporter]:
    exporter = HangingExporter()
    yield exporter
    exporter.release.set()


def record(recorder: SpanRecorder, name: str = "a") -> None:
    recorder.end_span(recorder.start_span(SpanStart(name)))


def test_closing_hands_over_and_shuts_down_in_this_order():
    calls = []

    class Ordered(BatchExporter):
        def export(self, batch, deadline):
            calls.append("export")

        def shutdown(self, deadline):
            calls.append("shutdown")

    recorder = SpanRecorder(Ordered())
    record(recorder)
    recorder.close()
    assert calls == ["export", "shutdown"]


def test_closing_again_does_nothing():
    exporter = BatchExporter()
    recorder = SpanRecorder(exporter)
    for _ in range(3):
        recorder.close()
    assert exporter.shutdowns == 1


def test_closing_shuts_down_even_where_nothing_was_recorded():
    exporter = BatchExporter()
    SpanRecorder(exporter).close()
    assert exporter.shutdowns == 1


def test_threads_that_close_at_once_shut_down_once_and_none_gets_stuck(hanging):
    recorder = SpanRecorder(hanging)
    record(recorder)
    errors: list[BaseException] = []

    def close() -> None:
        try:
            recorder.close(3)
        except FlushError as error:
            errors.append(error)

    first = threading.Thread(target=close, daemon=True)
    first.start()
    assert hanging.entered.wait(10)
    second = threading.Thread(target=close, daemon=True)
    second.start()
    second.join(0.2)  # it may wait for the first, or leave it to that one
    hanging.release.set()
    first.join(10)
    second.join(10)
    assert errors == []
    assert hanging.shutdowns == 1


def test_closing_while_others_flush_loses_nothing():
    for _ in range(150):
        exporter = BatchExporter()
        recorder = SpanRecorder(exporter)
        record(recorder)
        hammer(lambda number, recorder=recorder: recorder.flush(5) if number else recorder.close(5), threads=3)
        assert exporter.batches == [["a"]]
        assert exporter.shutdowns == 1


def test_what_fails_at_the_flush_and_at_the_shutdown_is_one_error():
    class Unwell(FailingExporter):
        def shutdown(self, deadline):
            raise RuntimeError("cannot stop")

    class StopsBadly(BatchExporter):
        name = "stops badly"

        def shutdown(self, deadline):
            raise RuntimeError("cannot stop")

    recorder = SpanRecorder(Unwell(OSError("no route")), StopsBadly())
    record(recorder)
    with pytest.raises(FlushError) as raised:
        recorder.close()
    assert set(raised.value.failures) == {"failing", "stops badly"}
    assert "no route" in raised.value.failures["failing"]
    recorder.close()


def test_an_exporter_that_failed_is_still_shut_down():
    class Counting(FailingExporter):
        shutdowns = 0

        def shutdown(self, deadline):
            self.shutdowns += 1

    exporter = Counting(OSError("no route"))
    recorder = SpanRecorder(exporter)
    record(recorder)
    with pytest.raises(FlushError):
        recorder.close()
    assert exporter.shutdowns == 1


def test_closing_gives_up_in_time_on_an_exporter_that_hangs(hanging):
    other = BatchExporter()
    recorder = SpanRecorder(hanging, other)
    record(recorder)
    with pytest.raises(FlushError) as raised:
        recorder.close(0.05)
    assert list(raised.value.failures) == ["hanging"]
    assert other.batches == [["a"]]
    assert other.shutdowns == 1


def test_flushing_after_closing_is_no_error_where_nothing_is_left():
    recorder = SpanRecorder(BatchExporter())
    recorder.close()
    recorder.flush()


def test_spans_that_end_after_closing_are_reported_by_the_next_flush():
    exporter = BatchExporter()
    recorder = SpanRecorder(exporter)
    recorder.close()
    record(recorder)
    record(recorder)
    with pytest.raises(FlushError, match="2 spans"):
        recorder.flush()
    assert recorder.stats.dropped["export_failed"] == 2
    assert exporter.batches == []
    recorder.flush()


def test_recording_after_closing_raises_nothing():
    recorder = SpanRecorder(BatchExporter())
    handle = recorder.start_span(SpanStart("open"))
    recorder.close()
    recorder.set_attribute(handle, "k", 1)
    recorder.end_span(handle)
    assert recorder.stats.ended == 1


def test_spans_still_open_at_the_close_are_not_exported():
    exporter = BatchExporter()
    recorder = SpanRecorder(exporter)
    recorder.start_span(SpanStart("open"))
    recorder.close()
    assert exporter.batches == []


def test_export_threads_end_with_the_close():
    recorder = SpanRecorder(BatchExporter())
    record(recorder)
    before = set(threading.enumerate())
    recorder.flush()
    workers = set(threading.enumerate()) - before
    assert len(workers) == 1
    assert all(worker.daemon for worker in workers)
    recorder.close()
    for worker in workers:
        worker.join(10)
        assert not worker.is_alive()


def test_export_threads_start_with_the_first_batch():
    before = threading.active_count()
    recorders = [SpanRecorder(BatchExporter()) for _ in range(5)]
    assert threading.active_count() == before
    assert len(recorders) == 5


def test_a_recorder_that_was_forgotten_leaves_no_thread_behind(engine):
    before = set(threading.enumerate())
    recorder = SpanRecorder(BatchExporter(), engine=engine)
    record(recorder)
    recorder.flush()
    (thread,) = set(threading.enumerate()) - before
    assert thread.is_alive()
    del recorder
    gc.collect()
    thread.join(10)
    assert not thread.is_alive()
