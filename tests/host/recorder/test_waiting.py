"""Exporters that keep spans: what waits is told by every flush, counted as neither taken nor lost, and sent again without new spans."""

from __future__ import annotations

import contextlib
import gc
import threading
import time
from collections.abc import Callable, Sequence

import pytest

from bext_abi import FlushError, SpanStart
from bext_host import FinishedSpan, SpanRecorder
from bext_host.exporters import ResendingExporter, SpansLost, SpansWaiting
from bext_host.recorder.outcome import Outcome, Settlement

LONG = 3600.0


class PostBox:
    """Keeps spans while `is_out`; `on_resend` can lose some of them then."""

    name = "post"

    def __init__(self) -> None:
        self.is_out = True
        self.kept: list[str] = []
        self.taken: list[str] = []
        self.lost_at_resend = 0
        self.wants_at: float | None = None
        self.resends = 0
        self.resent = threading.Event()

    @property
    def resend_at(self) -> float | None:
        if not self.kept:
            return None
        return time.monotonic() + LONG if self.wants_at is None else self.wants_at

    def export(self, batch: Sequence[FinishedSpan], deadline: float) -> None:
        self.kept += [span.name for span in batch]
        self.post()

    def resend(self, deadline: float, is_wanted: Callable[[], bool]) -> None:
        self.resends += 1
        self.resent.set()
        self.post(self.lost_at_resend)

    def post(self, lose: int = 0) -> None:
        lost, self.kept = self.kept[:lose], self.kept[lose:]
        if not self.is_out:
            self.taken += self.kept
            self.kept = []
        waiting = SpansWaiting(len(self.kept), "in a box", "it is Sunday") if self.kept else None
        if lost:
            raise SpansLost({"eaten by the dog": len(lost)}, waiting=waiting)
        if waiting:
            raise waiting

    def shutdown(self, deadline: float) -> None:
        self.post(len(self.kept) if self.is_out else 0)


def record(recorder: SpanRecorder, *names: str) -> None:
    for name in names:
        recorder.end_span(recorder.start_span(SpanStart(name)))


def failure(call: Callable[[], object]) -> str:
    with pytest.raises(FlushError) as raised:
        call()
    assert list(raised.value.failures) == ["post"]
    return raised.value.failures["post"]


def numbers(recorder: SpanRecorder) -> tuple[int, int, int]:
    """How many were taken, wait and were lost: all that ended."""
    stats = recorder.stats
    found = stats.exported["post"], stats.waiting["post"], stats.dropped["export_failed"]
    assert sum(found) == stats.ended - recorder.queued_spans
    return found


def test_it_is_a_resending_exporter():
    assert isinstance(PostBox(), ResendingExporter)


def test_what_waits_is_told_by_each_flush_and_counted_as_neither_taken_nor_lost():
    box = PostBox()
    recorder = SpanRecorder(box)
    record(recorder, "a", "b")
    assert failure(recorder.flush) == "SpansWaiting: 2 spans wait to be sent again (in a box): it is Sunday"
    assert numbers(recorder) == (0, 2, 0)
    record(recorder, "c")
    assert "3 spans wait" in failure(recorder.flush)
    assert "3 spans wait" in failure(recorder.flush)
    assert numbers(recorder) == (0, 3, 0)


def test_a_flush_without_new_spans_sends_again():
    box = PostBox()
    recorder = SpanRecorder(box)
    record(recorder, "a")
    failure(recorder.flush)
    box.is_out = False
    recorder.flush()
    assert box.taken == ["a"]
    assert numbers(recorder) == (1, 0, 0)


def test_what_waits_is_sent_before_new_spans_in_one_flush():
    box = PostBox()
    recorder = SpanRecorder(box)
    record(recorder, "a")
    failure(recorder.flush)
    box.is_out = False
    record(recorder, "b")
    recorder.flush()
    assert box.taken == ["a", "b"]


def test_an_idle_exporter_is_called_when_it_wants_to_be():
    box = PostBox()
    recorder = SpanRecorder(box)
    record(recorder, "a")
    failure(recorder.flush)
    assert box.resends == 0  # there was nothing to send again when the flush began
    box.is_out, box.wants_at = False, 0.0
    failure_or_none(recorder)  # wakes the thread, which looks at the time anew
    record(recorder, "b")
    box.is_out = True
    failure(recorder.flush)
    box.is_out = False
    assert box.resent.wait(20)
    wait_until(lambda: box.taken == ["a", "b"])
    wait_until(lambda: numbers(recorder) == (2, 0, 0))


def failure_or_none(recorder: SpanRecorder) -> None:
    with contextlib.suppress(FlushError):
        recorder.flush()


def wait_until(is_so: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_what_is_lost_between_flushes_is_told_by_the_next():
    box = PostBox()
    box.wants_at = 0.0
    box.lost_at_resend = 2
    recorder = SpanRecorder(box)
    record(recorder, "a", "b")
    failure(recorder.flush)
    wait_until(lambda: numbers(recorder) == (0, 0, 2))
    assert failure(recorder.flush) == "SpansLost: 2 spans lost: 2 (eaten by the dog)"
    recorder.flush()


def test_more_can_be_lost_than_a_batch_had():
    box = PostBox()
    recorder = SpanRecorder(box)
    record(recorder, "a", "b", "c")
    failure(recorder.flush)
    box.lost_at_resend = 3
    record(recorder, "d")
    assert failure(recorder.flush) == (
        "SpansLost: 3 spans lost: 3 (eaten by the dog); SpansWaiting: 1 span waits to be sent again (in a box): it is Sunday"
    )
    assert numbers(recorder) == (0, 1, 3)


def test_what_is_lost_at_the_close_is_counted_and_named():
    recorder = SpanRecorder(PostBox())
    record(recorder, "a", "b")
    failure(recorder.flush)
    record(recorder, "c")
    assert failure(recorder.close) == "SpansLost: 3 spans lost: 3 (eaten by the dog)"  # and nothing of what waited before
    assert numbers(recorder) == (0, 0, 3)


def test_what_is_sent_at_the_close_is_no_failure():
    box = PostBox()
    recorder = SpanRecorder(box)
    record(recorder, "a")
    failure(recorder.flush)
    box.is_out = False
    recorder.close()
    assert numbers(recorder) == (1, 0, 0)


def test_an_exporter_that_raises_something_else_loses_its_batch_and_keeps_what_it_had():
    box = PostBox()
    recorder = SpanRecorder(box)
    record(recorder, "a", "b")
    failure(recorder.flush)

    def broken(batch: object, deadline: float) -> None:
        raise OSError("no stamps")

    box.export = broken  # type: ignore[method-assign]
    record(recorder, "c")
    assert failure(recorder.flush) == ("OSError: no stamps; SpansWaiting: 2 spans wait to be sent again (in a box): it is Sunday")
    assert numbers(recorder) == (0, 2, 1)


def test_an_exporter_that_cannot_say_when_ends_no_thread():
    class Confused(PostBox):
        @property
        def resend_at(self) -> float | None:
            raise RuntimeError("what time is it")

    box = Confused()
    recorder = SpanRecorder(box)
    for _ in range(2):
        record(recorder, "a")
        failure(recorder.flush)
    assert box.kept == ["a", "a"]


@pytest.mark.parametrize("given", [0, 1, 5])
@pytest.mark.parametrize("waited", [0, 3])
@pytest.mark.parametrize("claim", [-1, 0, 2, 99])
@pytest.mark.parametrize("waits", [None, -1, 0, 1, 99])
def test_no_claim_of_an_exporter_makes_spans_up_or_forgets_any(given, waited, claim, waits):
    waiting = None if waits is None else SpansWaiting(waits, "here", "so")
    for error in (None, OSError(), waiting, SpansLost({"r": claim}, unencodable=claim, waiting=waiting)):
        settled = Settlement.of(given, waited, error)
        assert settled.exported + settled.lost + settled.kept == given
        assert settled.exported >= 0
        assert 0 <= settled.unencodable <= settled.lost
        assert waited + settled.kept >= 0


def test_what_earlier_processes_left_is_told_apart():
    assert str(SpansWaiting(0, "spool d", "503", earlier=2)) == "2 spans of earlier processes wait to be sent again (spool d): 503"
    both = "1 span and 1 span of earlier processes wait to be sent again (spool d): 503"
    assert str(SpansWaiting(1, "spool d", "503", earlier=1)) == both
    assert str(SpansWaiting(1, "in memory", "503")) == "1 span waits to be sent again (in memory): 503"


def test_an_outcome_adds_up_losses_and_tells_the_last_of_what_waits():
    first, second, refused = Outcome(), Outcome(), Outcome()
    first.add(SpansLost({"a": 1}, waiting=SpansWaiting(1, "x", "y")))
    second.add(SpansLost({"a": 1, "b": 1}))
    refused.add(BufferError("full"))
    for each in (second, refused):
        first.follow(each)
    assert first.words() == "BufferError: full; SpansLost: 3 spans lost: 2 (a), 1 (b)"
    assert first.take_news().words() == "BufferError: full; SpansLost: 3 spans lost: 2 (a), 1 (b)"
    assert first.words() is None


def test_a_recorder_that_was_forgotten_while_something_waited_leaves_no_thread_behind():
    box = PostBox()
    before = set(threading.enumerate())
    recorder = SpanRecorder(box)
    record(recorder, "a")
    failure(recorder.flush)
    (thread,) = set(threading.enumerate()) - before
    del recorder
    gc.collect()
    thread.join(10)
    assert not thread.is_alive()


class SlowPostBox(PostBox):
    """Takes its time to send again, and then looks whether that is wanted."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.release = threading.Event(), threading.Event()
        self.wanted: list[bool] = []

    def resend(self, deadline: float, is_wanted: Callable[[], bool]) -> None:
        self.entered.set()
        assert self.release.wait(20)
        self.wanted.append(is_wanted())
        super().resend(deadline, is_wanted)


@pytest.mark.parametrize(("spans", "is_wanted"), [(5, True), (6, False)])
def test_what_waits_is_sent_again_while_half_of_the_room_for_new_spans_is_free(spans, is_wanted):
    box = SlowPostBox()
    recorder = SpanRecorder(box, max_queue=10)
    record(recorder, "kept")
    failure(recorder.flush)
    flushes = [threading.Thread(target=failure, args=(recorder.flush,)) for _ in range(2)]
    flushes[0].start()
    assert box.entered.wait(20)
    record(recorder, *["new"] * spans)
    flushes[1].start()
    (worker,) = recorder._exporting._workers
    wait_until(lambda: worker.waiting_spans == spans)
    box.release.set()
    for flush in flushes:
        flush.join(20)
    assert box.wanted[0] is is_wanted
    assert numbers(recorder) == (0, 1 + spans, 0)
