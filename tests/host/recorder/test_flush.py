"""Flushing: every exporter gets every span, none delays or spoils another, and what failed is said by name."""

from __future__ import annotations

import gc
import signal
import threading
import time
import weakref
from collections.abc import Iterator, Sequence

import pytest

from bext_abi import FlushError, SpanStart, codec
from bext_host import FinishedSpan, Limits, SpanRecorder
from bext_host.exporters import MemoryExporter
from support.hammer import hammer, wait_until_blocked
from support.recording import BatchExporter, FailingExporter, HangingExporter

SPAN_BYTES = len(codec.encode_span_start(SpanStart("0")))


@pytest.fixture
def hanging() -> Iterator[HangingExporter]:
    exporter = HangingExporter()
    yield exporter
    exporter.release.set()


def record(recorder: SpanRecorder, *names: str) -> None:
    for name in names:
        recorder.end_span(recorder.start_span(SpanStart(name)))


def names(exporter: MemoryExporter) -> list[str]:
    return [span.name for span in exporter.spans]


class Forgetting:
    """An exporter that keeps nothing but a weak reference to what it got."""

    name = "forgetting"

    def __init__(self) -> None:
        self.batch: weakref.ref[Sequence[FinishedSpan]] | None = None

    def export(self, batch: Sequence[FinishedSpan], deadline: float) -> None:
        self.batch = weakref.ref(batch)

    def shutdown(self, deadline: float) -> None:
        pass


def test_a_worker_that_waits_holds_no_batch(engine):
    if engine == "reference":
        pytest.skip("a batch of this core's is a tuple, which no weak reference is made to")
    exporter = Forgetting()
    recorder = SpanRecorder(exporter)
    record(recorder, "a")
    recorder.flush()
    assert exporter.batch is not None
    deadline = time.monotonic() + 20
    while exporter.batch() is not None and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.01)
    assert exporter.batch() is None


def test_every_exporter_gets_every_span():
    one, other = MemoryExporter(), MemoryExporter()
    recorder = SpanRecorder(one, other)
    record(recorder, "a", "b")
    recorder.flush()
    assert names(one) == names(other) == ["a", "b"]
    assert recorder.stats.exported == {"memory": 2, "memory-2": 2}


def test_a_flush_with_nothing_to_do_calls_nobody():
    exporter = BatchExporter()
    SpanRecorder(exporter).flush()
    assert exporter.batches == []


def test_an_exporter_that_raises_is_named_and_the_others_have_their_spans():
    memory = MemoryExporter()
    recorder = SpanRecorder(FailingExporter(OSError("no route")), memory, FailingExporter(ValueError("bad key"), "other"))
    record(recorder, "a", "b")
    with pytest.raises(FlushError) as raised:
        recorder.flush()
    assert raised.value.failures == {"failing": "OSError: no route", "other": "ValueError: bad key"}
    assert str(raised.value) == "failing: OSError: no route; other: ValueError: bad key"
    assert names(memory) == ["a", "b"]
    assert recorder.stats.dropped["export_failed"] == 4
    assert recorder.stats.exported == {"memory": 2}


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), MemoryError(), StopIteration(), GeneratorExit()])
def test_whatever_an_exporter_raises_is_a_failure_of_the_flush_and_its_thread_lives_on(error):
    exporter = FailingExporter(error)
    recorder = SpanRecorder(exporter)
    for _ in range(2):
        record(recorder, "a")
        with pytest.raises(FlushError, match=type(error).__name__):
            recorder.flush(5)


def test_spans_that_were_not_taken_are_not_sent_again():
    exporter = FailingExporter(OSError("no route"))
    recorder = SpanRecorder(exporter)
    record(recorder, "a")
    with pytest.raises(FlushError):
        recorder.flush()
    recorder.flush()
    assert recorder.stats.dropped["export_failed"] == 1


def test_an_exporter_that_hangs_is_named_in_time_and_the_others_have_their_spans(hanging):
    memory = MemoryExporter()
    recorder = SpanRecorder(hanging, memory)
    record(recorder, "a")
    started = time.monotonic()
    with pytest.raises(FlushError) as raised:
        recorder.flush(0.05)
    assert time.monotonic() - started < 5
    assert list(raised.value.failures) == ["hanging"]
    assert "time" in raised.value.failures["hanging"]
    assert names(memory) == ["a"]


def test_an_exporter_that_hung_goes_on_where_it_stopped(hanging):
    recorder = SpanRecorder(hanging)
    record(recorder, "a")
    with pytest.raises(FlushError):
        recorder.flush(0.05)
    record(recorder, "b")
    hanging.release.set()
    recorder.flush(10)
    assert names(hanging) == ["a", "b"]


@pytest.mark.parametrize("limits", [Limits(queue_spans=3), Limits(queue_bytes=3 * SPAN_BYTES)], ids=["spans", "bytes"])
def test_what_waits_for_an_exporter_is_bounded(hanging, limits):
    recorder = SpanRecorder(hanging, limits=limits)
    for number in range(10):
        record(recorder, str(number))
        with pytest.raises(FlushError):
            recorder.flush(0.01)
    hanging.release.set()
    recorder.close(10)
    assert names(hanging) == ["0", "1", "2"]
    assert recorder.stats.dropped["export_failed"] >= 7


def test_a_flush_after_one_that_gave_up_waits_for_what_is_still_on_its_way(hanging):
    recorder = SpanRecorder(hanging)
    record(recorder, "a")
    for _ in range(2):
        with pytest.raises(FlushError, match="hanging"):
            recorder.flush(0.02)
    hanging.release.set()
    recorder.flush(10)
    assert names(hanging) == ["a"]


def test_the_counters_say_what_an_exporter_took_even_where_it_took_its_time(hanging):
    recorder = SpanRecorder(hanging)
    record(recorder, "a")
    with pytest.raises(FlushError):
        recorder.flush(0.02)
    hanging.release.set()
    record(recorder, "b")
    recorder.flush(10)
    assert recorder.stats.exported == {"hanging": 2}


def test_a_flush_waits_for_what_another_thread_is_flushing(hanging):
    recorder = SpanRecorder(hanging)
    record(recorder, "a")
    other = threading.Thread(target=recorder.flush, args=(60,), daemon=True)
    other.start()
    assert hanging.entered.wait(10)
    with pytest.raises(FlushError):  # the span ended before this call, and is not handed over yet
        recorder.flush(0.05)
    hanging.release.set()
    other.join(10)
    assert names(hanging) == ["a"]


def test_threads_that_flush_at_once_hand_over_every_span_once():
    memory = MemoryExporter()
    recorder = SpanRecorder(memory)

    def work(number: int) -> None:
        for item in range(50):
            record(recorder, f"{number}-{item}")
            recorder.flush()

    hammer(work, threads=4)
    assert sorted(names(memory)) == sorted(f"{number}-{item}" for number in range(4) for item in range(50))
    assert recorder.stats.exported == {"memory": 200}


def test_no_flush_returns_before_what_ended_earlier_is_handed_over():
    for _ in range(150):
        memory = MemoryExporter()
        recorder = SpanRecorder(memory)
        record(recorder, "a")
        seen: list[int] = []

        def work(number: int, recorder=recorder, memory=memory, seen=seen) -> None:
            recorder.flush(5)
            seen.append(len(memory.spans))

        hammer(work, threads=3)
        assert seen == [1, 1, 1]


def test_an_exporter_is_never_called_from_two_threads_at_once():
    inside = threading.Semaphore(1)
    clashes = []

    class Alone(MemoryExporter):
        def export(self, batch, deadline):
            if not inside.acquire(blocking=False):
                clashes.append(batch)
                return
            super().export(batch, deadline)
            inside.release()

    recorder = SpanRecorder(Alone(), limits=Limits(batch_spans=1))

    def work(number: int) -> None:
        for _ in range(30):
            record(recorder, "a", "b")
            recorder.flush()

    hammer(work, threads=4)
    assert clashes == []


# --- Batches ---


def test_batches_are_cut_by_number():
    exporter = BatchExporter()
    recorder = SpanRecorder(exporter, limits=Limits(batch_spans=3))
    record(recorder, *"0123456")
    recorder.flush()
    assert exporter.batches == [["0", "1", "2"], ["3", "4", "5"], ["6"]]


@pytest.mark.parametrize(("batch_bytes", "sizes"), [(2 * SPAN_BYTES, [2, 2, 1]), (2 * SPAN_BYTES - 1, [1] * 5), (5 * SPAN_BYTES, [5])])
def test_batches_are_cut_by_bytes(batch_bytes, sizes):
    exporter = BatchExporter()
    recorder = SpanRecorder(exporter, limits=Limits(batch_bytes=batch_bytes))
    record(recorder, *"01234")
    recorder.flush()
    assert [len(batch) for batch in exporter.batches] == sizes


@pytest.mark.parametrize("limits", [Limits(batch_bytes=0), Limits(batch_spans=0), Limits(batch_spans=1, batch_bytes=1)])
def test_a_span_larger_than_a_batch_has_one_of_its_own(limits):
    exporter = BatchExporter()
    recorder = SpanRecorder(exporter, limits=limits)
    record(recorder, *"012")
    recorder.flush()
    assert exporter.batches == [["0"], ["1"], ["2"]]


def test_exporters_are_told_when_the_flush_must_be_done():
    exporter = BatchExporter()
    recorder = SpanRecorder(exporter)
    record(recorder, "a")
    before = time.monotonic()
    recorder.flush(7)
    assert before + 7 <= exporter.deadlines[0] <= time.monotonic() + 7


# --- Names ---


@pytest.mark.parametrize(
    ("given", "distinct"),
    [
        (["a", "b"], {"a", "b"}),
        (["a", "a", "a"], {"a", "a-2", "a-3"}),
        (["a", "b", "a"], {"a", "b", "a-2"}),
    ],
)
def test_exporters_of_one_name_are_told_apart(given, distinct):
    recorder = SpanRecorder(*[FailingExporter(OSError(), name) for name in given])
    record(recorder, "a")
    with pytest.raises(FlushError) as raised:
        recorder.flush()
    assert set(raised.value.failures) == distinct


@pytest.mark.parametrize("given", [["a", "a", "a-2"], ["a-2", "a", "a"], ["a", "a-2", "a", "a-2"]])
def test_a_name_that_looks_like_a_numbered_one_is_told_apart_too(given):
    recorder = SpanRecorder(*[FailingExporter(OSError(), name) for name in given])
    record(recorder, "a")
    with pytest.raises(FlushError) as raised:
        recorder.flush()
    assert len(raised.value.failures) == len(given)


# --- Interrupts ---


def test_a_flush_can_be_interrupted_and_the_recorder_goes_on(hanging):
    recorder = SpanRecorder(hanging)
    record(recorder, "a")

    def interrupt() -> None:
        hanging.entered.wait(10)
        wait_until_blocked(threading.main_thread())
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        recorder.flush(60)
    hanging.release.set()
    record(recorder, "b")
    recorder.flush(10)
    assert names(hanging) == ["a", "b"]
