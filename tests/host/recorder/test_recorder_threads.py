"""Many threads on one recorder: nothing is lost, nothing is counted twice."""

from __future__ import annotations

from bext_abi import SpanEvent, SpanStart, SpanStatus, StatusCode
from bext_host import Limits
from support.hammer import hammer
from support.recording import Recording

THREADS = 8
LOOPS = 60


def test_each_threads_spans_are_its_own():
    recording = Recording()
    recorder = recording.recorder

    def work(number: int) -> None:
        for loop in range(LOOPS):
            root = recorder.start_span(SpanStart(f"root {number}", attributes={"thread": number}))
            child = recorder.start_span(SpanStart("child", parent=root))
            recorder.set_attribute(child, "thread", number)
            recorder.add_event(child, SpanEvent("e", {"loop": loop}))
            recorder.set_status(root, SpanStatus(StatusCode.OK))
            recorder.end_span(child)
            recorder.end_span(root)

    hammer(work, THREADS)
    spans = recording.spans()
    assert len(spans) == 2 * THREADS * LOOPS
    assert recorder.stats.started == recorder.stats.ended == len(spans)
    assert recorder.stats.exported == {"memory": len(spans)}
    assert recorder.open_spans == 0
    assert recording.drops == {}
    by_handle = {span.handle: span for span in spans}
    for child in (span for span in spans if span.parent is not None):
        assert by_handle[child.parent].attributes["thread"] == child.attributes["thread"]
        assert len(child.events) == 1
    assert all(sum(span.name == f"root {number}" for span in spans) == LOOPS for number in range(THREADS))


def test_threads_on_one_span_respect_its_limits_together():
    limits = Limits(span_attributes=50, span_events=30)
    recording = Recording(limits=limits)
    handle = recording.start()

    def work(number: int) -> None:
        for loop in range(LOOPS):
            recording.recorder.set_attribute(handle, f"{number}-{loop}", loop)
            recording.recorder.add_event(handle, SpanEvent("e"))

    hammer(work, THREADS)
    span = recording.ended(handle)
    assert (len(span.attributes), len(span.events)) == (50, 30)
    assert span.dropped_attributes_count == THREADS * LOOPS - 50
    assert span.dropped_events_count == THREADS * LOOPS - 30
    assert recording.drops == {"attribute_limit": THREADS * LOOPS - 50, "event_limit": THREADS * LOOPS - 30}


def test_a_span_that_several_threads_end_ends_once():
    recording = Recording()
    handles = [recording.start() for _ in range(LOOPS)]
    hammer(lambda _: [recording.recorder.end_span(handle) for handle in handles], THREADS)
    assert recording.recorder.stats.ended == len(recording.spans()) == LOOPS


def test_garbage_from_many_threads_is_counted_exactly():
    recording = Recording()
    handle = recording.start()

    def work(number: int) -> None:
        for _ in range(LOOPS):
            recording.recorder.start_span(None)
            recording.recorder.add_event(handle, None)
            recording.recorder.set_attribute(handle, "", 1)

    hammer(work, THREADS)
    assert recording.drops == {"malformed": 3 * THREADS * LOOPS}


def test_a_full_queue_counts_exactly():
    recording = Recording(limits=Limits(queue_spans=100))
    hammer(lambda _: [recording.recorder.end_span(recording.start()) for _ in range(LOOPS)], THREADS)
    assert len(recording.spans()) == 100
    assert recording.drops == {"queue_full": THREADS * LOOPS - 100}
