"""FanoutTracer: every child sees its own handles and all of its spans, whatever another child does."""

from __future__ import annotations

import gc
import os
import threading
import time
import weakref

import pytest

from bext_abi import HostTracerPlugin, SpanEvent, SpanHandle, SpanLink, SpanStart, SpanStatus, StatusCode
from bext_host import FanoutTracer, PluginHost, SpanRecorder
from bext_host.exporters import MemoryExporter
from bext_host.testing import RecordingTracer
from support.hammer import hammer
from support.raw_guest import ENGINES, RawGuest, span_payload
from support.tracers import AnsweringTracer, FaultyTracer, HookedTracer, HostRecordingTracer
from support.wat import CURRENT, Guest, guest, hook

INVALID = SpanHandle.INVALID
STRANGER = SpanHandle(0xAAA, 0xBBB)


def operations(tracer: RecordingTracer) -> list[str]:
    return [call[0] for call in tracer.calls]


def handles(tracer: RecordingTracer) -> list[SpanHandle]:
    """What it was asked to end, in order."""
    return [call[1] for call in tracer.calls if call[0] == "end_span"]


def starts(tracer: RecordingTracer) -> list[SpanStart]:
    return [call[1] for call in tracer.calls if call[0] == "start_span"]


def numbered(first: int) -> RecordingTracer:
    """A tracer whose ids begin with this number, so that no two children agree."""
    tracer = RecordingTracer()
    tracer._ids = iter(range(first, first + 10_000))
    return tracer


def drops(fanout: FanoutTracer) -> dict[str, int]:
    return {reason: count for reason, count in fanout.stats.dropped.items() if count}


@pytest.fixture
def pair() -> tuple[FanoutTracer, RecordingTracer, RecordingTracer]:
    one, other = numbered(1), numbered(1000)
    return FanoutTracer([one, other]), one, other


def exercise(tracer: FanoutTracer) -> SpanHandle:
    span = tracer.start_span(SpanStart("s", attributes={"k": 1}))
    tracer.set_attribute(span, "k", 2)
    tracer.set_status(span, SpanStatus(StatusCode.OK))
    tracer.add_event(span, SpanEvent("e", {"k": 1}))
    tracer.end_span(span, 9)
    return span


ALL = ["start_span", "set_attribute", "set_status", "add_event", "end_span"]


def test_every_child_gets_every_call_with_its_own_handle(pair):
    fanout, one, other = pair
    span = exercise(fanout)
    assert operations(one) == operations(other) == ALL
    assert span == SpanHandle(1, 1)
    assert {call[1] for call in one.calls[1:]} == {SpanHandle(1, 1)}
    assert {call[1] for call in other.calls[1:]} == {SpanHandle(1000, 1000)}
    assert other.calls[-1] == ("end_span", SpanHandle(1000, 1000), 9)
    assert (fanout.stats.started, fanout.stats.ended, fanout.open_spans, drops(fanout)) == (1, 1, 0, {})


def test_the_public_handle_is_that_of_the_first_child_that_samples():
    one, other = AnsweringTracer(INVALID), numbered(1000)
    fanout = FanoutTracer([one, other])
    assert exercise(fanout) == SpanHandle(1000, 1000)
    assert operations(one) == ["start_span"]
    assert operations(other) == ALL


def test_where_no_child_samples_nobody_hears_more():
    one = AnsweringTracer(INVALID)
    fanout = FanoutTracer([one, AnsweringTracer(INVALID)])
    assert exercise(fanout) == INVALID
    assert operations(one) == ["start_span"]
    assert fanout.stats.unsampled == 1


@pytest.mark.parametrize("ended", [False, True])
def test_parents_and_links_are_told_in_each_childs_own_handles(pair, ended):
    fanout, one, other = pair
    parent = fanout.start_span(SpanStart("p"))
    if ended:
        fanout.end_span(parent)
    fanout.start_span(SpanStart("c", parent=parent, links=(SpanLink(parent, {"k": 1}), SpanLink(STRANGER, trace_state="a=b"))))
    assert starts(one)[1].parent == SpanHandle(1, 1)
    assert starts(other)[1].parent == SpanHandle(1000, 1000)
    assert [link.handle for link in starts(other)[1].links] == [SpanHandle(1000, 1000), STRANGER]
    assert (starts(other)[1].links[0].attributes, starts(other)[1].links[1].trace_state) == ({"k": 1}, "a=b")


@pytest.mark.parametrize("remote", [False, True])
def test_a_parent_that_is_nobodys_here_passes_as_it_is(pair, remote):
    fanout, one, other = pair
    fanout.start_span(SpanStart("c", parent=STRANGER, parent_is_remote=remote, parent_flags=0, trace_state="a=b"))
    for span in (*starts(one), *starts(other)):
        assert (span.parent, span.parent_is_remote, span.parent_flags, span.trace_state) == (STRANGER, remote, 0, "a=b")


def test_a_child_that_did_not_sample_the_parent_does_not_get_the_span_nor_a_link_to_it():
    one, other = numbered(1), AnsweringTracer(INVALID)
    fanout = FanoutTracer([one, other])
    parent = fanout.start_span(SpanStart("p"))
    fanout.start_span(SpanStart("c", parent=parent))
    fanout.start_span(SpanStart("linked", links=(SpanLink(parent),)))
    assert [span.name for span in starts(one)] == ["p", "c", "linked"]
    assert [(span.name, span.links) for span in starts(other)] == [("p", ()), ("linked", ())]


def test_an_invalid_parent_is_not_sampled_by_anybody(pair):
    fanout, one, other = pair
    assert fanout.start_span(SpanStart("c", parent=INVALID)) == INVALID
    assert one.calls == other.calls == []
    assert fanout.stats.unsampled == 1


@pytest.mark.parametrize("method", ALL)
@pytest.mark.parametrize("error", [ValueError("boom"), GeneratorExit(), MemoryError()], ids=lambda error: type(error).__name__)
def test_a_child_that_raises_is_counted_and_the_others_go_on(method, error):
    bad, good = FaultyTracer(error, method), numbered(1000)
    fanout = FanoutTracer([bad, good, numbered(5000)])
    exercise(fanout)
    assert operations(good) == ALL
    assert operations(bad) == ([] if method == "start_span" else [name for name in ALL if name != method])
    assert fanout.stats.errors == {"recording": 1}
    assert drops(fanout) == {"tracer_error": 1}


@pytest.mark.parametrize("answer", [None, 7, b"\x01" * 24, (1, 2), SpanHandle], ids=repr)
def test_an_answer_that_is_no_handle_is_counted_and_the_others_go_on(answer):
    good = numbered(1000)
    fanout = FanoutTracer([AnsweringTracer(answer), good])
    assert exercise(fanout) == SpanHandle(1000, 1000)
    assert operations(good) == ALL
    assert drops(fanout) == {"tracer_error": 1}


def test_a_handle_given_twice_is_no_second_span_of_that_child():
    taken = SpanHandle(5, 6)
    bad, good = AnsweringTracer(taken, taken, taken), numbered(1000)
    fanout = FanoutTracer([bad, good])
    first, second = fanout.start_span(SpanStart("a")), fanout.start_span(SpanStart("b"))
    assert (first, second) == (taken, SpanHandle(1001, 1001))
    fanout.end_span(second)
    fanout.end_span(first)
    assert handles(bad) == [taken]
    assert handles(good) == [SpanHandle(1001, 1001), SpanHandle(1000, 1000)]
    assert drops(fanout) == {"tracer_error": 1}
    assert fanout.start_span(SpanStart("c")) == taken


def test_a_public_handle_that_is_taken_is_replaced_by_another_of_the_same_trace():
    one = AnsweringTracer(SpanHandle(5, 6), INVALID)
    other = AnsweringTracer(SpanHandle(7, 7), SpanHandle(5, 6))
    fanout = FanoutTracer([one, other])
    first, second = fanout.start_span(SpanStart("a")), fanout.start_span(SpanStart("b"))
    assert (first, second.trace_id) == (SpanHandle(5, 6), 5)
    assert second not in (first, INVALID)
    fanout.end_span(second)
    assert (handles(one), handles(other)) == ([], [SpanHandle(5, 6)])
    fanout.end_span(first)
    assert (handles(one), handles(other)[1:]) == ([SpanHandle(5, 6)], [SpanHandle(7, 7)])


@pytest.mark.parametrize("span", [STRANGER, INVALID, None, [], 7, "handle"], ids=repr)
def test_a_handle_that_is_not_known_does_nothing(pair, span):
    fanout, one, other = pair
    for method, arguments in (("set_attribute", ("k", 1)), ("set_status", (SpanStatus(),)), ("add_event", (SpanEvent("e"),))):
        getattr(fanout, method)(span, *arguments)
    fanout.record_host(span)
    fanout.add_dropped(span, attributes=1)
    fanout.end_span(span)
    assert fanout.now(span) > 0
    assert one.calls == other.calls == []


def test_a_span_ends_once(pair):
    fanout, one, _ = pair
    fanout.end_span(exercise(fanout))
    assert operations(one) == ALL


@pytest.mark.parametrize("span", [None, 7, SpanStart("s", attributes=7), SpanStart("s", parent=[]), SpanStart("s", links=(3,))], ids=repr)
def test_what_is_no_start_is_dropped(pair, span):
    fanout, one, other = pair
    assert fanout.start_span(span) == INVALID
    assert one.calls == other.calls == []
    assert drops(fanout) == {"malformed": 1}


def test_what_is_no_event_is_dropped(pair):
    fanout, one, _ = pair
    span = fanout.start_span(SpanStart("s"))
    fanout.add_event(span, None)
    assert operations(one) == ["start_span"]
    assert drops(fanout) == {"malformed": 1}


def test_a_child_that_writes_into_what_it_is_given_changes_nothing_for_the_others():
    class Meddling(RecordingTracer):
        def start_span(self, span):
            span.attributes["added"] = 1
            span.links[0].attributes.clear()
            return super().start_span(span)

        def add_event(self, span, event):
            event.attributes.clear()

    good = numbered(1000)
    fanout = FanoutTracer([Meddling(), good])
    given = SpanStart("s", attributes={"k": 1}, links=(SpanLink(STRANGER, {"l": 1}),))
    fanout.add_event(fanout.start_span(given), SpanEvent("e", {"m": 1}))
    assert starts(good) == [SpanStart("s", attributes={"k": 1}, links=(SpanLink(STRANGER, {"l": 1}),))] == [given]
    assert good.calls[-1][2] == SpanEvent("e", {"m": 1})


# --- What must stop the program ---


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)], ids=repr)
@pytest.mark.parametrize("method", ALL[1:])
def test_what_must_stop_the_program_does_so_when_every_child_had_its_call(error, method):
    good = numbered(1000)
    fanout = FanoutTracer([FaultyTracer(error, method), good])
    with pytest.raises(type(error)):
        exercise(fanout)
    assert operations(good) == ALL[: ALL.index(method) + 1]
    assert drops(fanout) == {}


def test_a_start_that_must_stop_the_program_leaves_no_span_behind():
    good, late = numbered(1), numbered(1000)
    fanout = FanoutTracer([good, FaultyTracer(KeyboardInterrupt(), "start_span"), late], max_open_spans=1)
    with pytest.raises(KeyboardInterrupt):
        fanout.start_span(SpanStart("s"))
    assert operations(good) == operations(late) == ["start_span", "end_span"]
    assert fanout.open_spans == 0
    with pytest.raises(KeyboardInterrupt):  # its room was given back
        fanout.start_span(SpanStart("s"))


# --- Bounds ---


def test_open_spans_are_bounded_and_the_newest_is_dropped():
    one = numbered(1)
    fanout = FanoutTracer([one], max_open_spans=2)
    spans = [fanout.start_span(SpanStart(name)) for name in "abc"]
    assert (spans[2], drops(fanout), len(one.calls)) == (INVALID, {"open_span_limit": 1}, 2)
    fanout.end_span(spans[0])
    assert not fanout.start_span(SpanStart("d")).is_invalid


def test_the_oldest_ended_span_is_forgotten():
    one, other = numbered(1), numbered(1000)
    fanout = FanoutTracer([one, other], max_ended_spans=2)
    ended = [exercise(fanout) for _ in range(3)]
    for parent in ended:
        fanout.start_span(SpanStart("c", parent=parent))
    assert [span.parent for span in starts(other)[3:]] == [ended[0], SpanHandle(1001, 1001), SpanHandle(1002, 1002)]
    assert fanout.stats.forgotten == 1


@pytest.mark.parametrize(
    ("tracers", "options", "error"),
    [([], {}, ValueError), ([object()], {}, TypeError), ([RecordingTracer()], {"max_open_spans": -1}, ValueError)],
)
def test_what_makes_no_sense_is_refused(tracers, options, error):
    with pytest.raises(error):
        FanoutTracer(tracers, **options)


# --- The host's part ---


def test_the_hosts_facts_go_to_each_child_by_what_it_offers():
    plain, host = numbered(1), HostRecordingTracer()
    fanout = FanoutTracer([plain, host])
    assert isinstance(fanout, HostTracerPlugin)
    span = fanout.start_span(SpanStart("s"))
    fanout.record_host(span, attributes={"k": 1}, events=[SpanEvent("e")], status=SpanStatus(StatusCode.ERROR))
    fanout.add_dropped(span, attributes=2, events=1)
    assert operations(plain) == ["start_span", "set_attribute", "add_event", "set_status"]
    assert host.calls[1:] == [
        ("record_host", SpanHandle(1, 1), {"k": 1}, (SpanEvent("e"),), SpanStatus(StatusCode.ERROR)),
        ("add_dropped", SpanHandle(1, 1), 2, 1),
    ]


def test_the_time_is_that_of_the_first_child_that_has_the_span():
    class Clock(HostRecordingTracer):
        def now(self, span):
            return 42

    fanout = FanoutTracer([AnsweringTracer(INVALID), Clock()])
    span = fanout.start_span(SpanStart("s"))
    assert fanout.now(span) == 42
    assert fanout.now(STRANGER) != 42


# --- Threads and forks ---


def test_a_child_that_waits_keeps_no_other_thread_from_recording():
    entered, release = threading.Event(), threading.Event()

    def hang(_method: str, argument: object) -> None:
        if isinstance(argument, SpanStart) and argument.name == "hangs":
            entered.set()
            release.wait(60)

    good = numbered(1000)
    fanout = FanoutTracer([HookedTracer(hang), good])
    stuck = threading.Thread(target=fanout.start_span, args=(SpanStart("hangs"),), daemon=True)
    stuck.start()
    try:
        assert entered.wait(10)
        exercise(fanout)
        assert operations(good) == ALL
    finally:
        release.set()
    stuck.join(10)
    assert fanout.open_spans == 1


def test_many_threads_end_every_span_of_every_child_once():
    children = [numbered(1), numbered(100_000)]
    fanout = FanoutTracer(children, max_ended_spans=10)

    def work(_number: int) -> None:
        for _ in range(50):
            root = fanout.start_span(SpanStart("root"))
            child = fanout.start_span(SpanStart("child", parent=root))
            fanout.end_span(root)
            fanout.end_span(child)

    hammer(work)
    for tracer in children:
        assert sorted(call[2].span_id for call in tracer.calls if call[0] == "start_span") == sorted(h.span_id for h in handles(tracer))
        own = {call[2] for call in tracer.calls if call[0] == "start_span"}
        assert all(span.parent in own for span in starts(tracer) if span.name == "child")
    assert fanout.stats.started == fanout.stats.ended == 800
    assert (fanout.open_spans, drops(fanout)) == (0, {})


def test_a_forked_child_goes_on_though_another_thread_held_a_lock():
    fanout = FanoutTracer([SpanRecorder(MemoryExporter())])
    with fanout._lock, fanout._maps._lock:
        pid = os.fork()
        if pid == 0:
            exercise(fanout)
            fanout.flush(5)
            os._exit(0 if fanout.stats.ended == 1 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_one_that_is_forgotten_is_gone():
    fanout = FanoutTracer([RecordingTracer()])
    fanout.flush()
    forgotten = weakref.ref(fanout)
    del fanout
    gc.collect()
    assert forgotten() is None


# --- Behind a guest ---


@pytest.mark.parametrize("engine", ENGINES)
def test_behind_the_boundary_each_child_has_the_guests_tree(engine):
    exporters = [MemoryExporter(), MemoryExporter()]
    fanout = FanoutTracer([SpanRecorder(exporter) for exporter in exporters])
    raw = RawGuest(fanout, engine=engine)
    root = raw.start(span_payload("root"))
    child = raw.start(span_payload("child", parent=root))
    raw.set_attribute(child, "k", 7)
    raw.end(child)
    raw.scope.close()
    fanout.flush()
    for exporter in exporters:
        inner, outer = exporter.spans
        assert (inner.name, inner.parent, inner.attributes) == ("child", outer.handle, {"k": 7})
        assert outer.attributes == {"bext.abandoned": "closed"}
    assert exporters[0].spans[1].handle == root != exporters[1].spans[1].handle
    assert raw.drops == {}


@pytest.mark.parametrize("engine", ENGINES)
def test_behind_a_plugin_host_each_child_has_the_whole_trace(engine):
    build = Guest()
    wasm = build.module(hook("on_reload", build.current(), build.start(1, "outer", CURRENT), build.start(2, "inner", 1)))
    exporters = [MemoryExporter(), MemoryExporter()]
    good = [SpanRecorder(exporter, sampler="always_on") for exporter in exporters]
    fanout = FanoutTracer([FaultyTracer(ValueError("boom"), "set_attribute", "end_span"), *good])
    with PluginHost(fanout, engine=engine) as host:
        host.load(wasm, "guest").call("on_reload")
    for exporter in exporters:
        spans = {span.name: span for span in exporter.spans}
        assert set(spans) == {"inner", "outer", "on_reload"}
        assert spans["inner"].parent == spans["outer"].handle
        assert spans["outer"].parent == spans["on_reload"].handle
        assert spans["on_reload"].attributes["bext.plugin.outcome"] == "ok"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_host_flushes_before_a_childs_queue_is_full(engine):
    exporter = MemoryExporter()
    recorder = SpanRecorder(exporter, max_queue=8, sampler="always_on")
    with PluginHost(FanoutTracer([recorder]), engine=engine, flush_seconds=3600.0) as host:
        plugin = host.load(guest(hook("on_reload")), "guest")
        for number in range(1, 6):
            for _ in range(4):
                plugin.call("on_reload")
            give_up = time.monotonic() + 30
            while len(exporter.spans) < 4 * number and time.monotonic() < give_up:
                time.sleep(0.01)
            assert len(exporter.spans) == 4 * number
    assert recorder.stats.dropped["queue_full"] == 0
