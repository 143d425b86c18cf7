"""What a span becomes: its ids, its place in the trace, its times and its content."""

from __future__ import annotations

import pytest

from bext_abi import HostTracerPlugin, SpanEvent, SpanHandle, SpanKind, SpanLink, SpanStart, SpanStatus, StatusCode, TracerPlugin
from bext_host import SpanRecorder
from bext_host.exporters import MemoryExporter
from support.recording import Recording, assert_well_formed

REMOTE = SpanHandle(0x4BF92F3577B34DA6A3CE929D0E0E4736, 0x00F067AA0BA902B7)
STRANGER = SpanHandle(5, 6)


@pytest.fixture
def recording() -> Recording:
    return Recording()


def test_a_recorder_is_a_tracer_plugin_that_also_takes_the_hosts_facts(recording):
    assert isinstance(recording.recorder, TracerPlugin)
    assert isinstance(recording.recorder, HostTracerPlugin)


def test_all_that_was_said_at_the_start_is_on_the_finished_span(recording):
    link = SpanLink(STRANGER, {"why": "retry"})
    handle = recording.start(
        "GET /",
        kind=SpanKind.SERVER,
        attributes={"a": 1, "b": [True, False], "c": "x", "d": 1.5},
        links=(link,),
        start_time_unix_nanos=1_000,
        scope_name="plugin",
        scope_version="3",
    )
    recording.recorder.end_span(handle, 5_000)
    (span,) = recording.spans()
    assert (span.name, span.kind, span.handle, span.parent) == ("GET /", SpanKind.SERVER, handle, None)
    assert span.attributes == {"a": 1, "b": (True, False), "c": "x", "d": 1.5}
    assert span.links == (link,)
    assert (span.start_time_unix_nanos, span.end_time_unix_nanos) == (1_000, 5_000)
    assert (span.scope_name, span.scope_version) == ("plugin", "3")
    assert span.status == SpanStatus()
    assert span.is_local_root
    assert_well_formed(span)


def test_a_span_is_not_handed_out_before_it_has_ended(recording):
    handle = recording.start()
    assert recording.spans() == []
    assert recording.recorder.open_spans == 1
    recording.recorder.end_span(handle)
    assert recording.recorder.open_spans == 0
    assert recording.recorder.queued_spans == 1
    assert len(recording.spans()) == 1
    assert recording.recorder.queued_spans == 0


def test_spans_are_exported_once_and_in_the_order_in_which_they_ended(recording):
    first, second, third = (recording.start(name) for name in ("first", "second", "third"))
    for handle in (second, third, first):
        recording.recorder.end_span(handle)
    assert [span.name for span in recording.spans()] == ["second", "third", "first"]
    assert [span.name for span in recording.spans()] == ["second", "third", "first"]


def test_ids_are_never_zero_and_never_the_same():
    recording = Recording()
    handles = [recording.start() for _ in range(5_000)]
    assert not any(handle.is_invalid for handle in handles)
    assert len({handle.trace_id for handle in handles}) == len(handles)
    assert len({handle.span_id for handle in handles}) == len(handles)


def test_ids_use_their_whole_width():
    recording = Recording()
    handles = [recording.start() for _ in range(200)]
    for width, ids in ((128, [handle.trace_id for handle in handles]), (64, [handle.span_id for handle in handles])):
        for bit in range(width):
            assert len({value >> bit & 1 for value in ids}) == 2


def test_ids_do_not_follow_pythons_seedable_generator():
    import random

    random.seed(1)
    first = Recording().start()
    random.seed(1)
    assert Recording().start() != first


# --- Parents ---


def test_a_child_is_in_its_parents_trace_with_an_id_of_its_own(recording):
    parent = recording.start("parent")
    child = recording.start("child", parent=parent)
    assert child.trace_id == parent.trace_id
    assert child.span_id != parent.span_id
    span = recording.ended(child)
    assert span.parent == parent
    assert not span.is_local_root


def test_a_parent_is_taken_as_it_is_even_where_the_recorder_never_saw_it(recording):
    child = recording.start(parent=STRANGER)
    assert child.trace_id == STRANGER.trace_id
    assert recording.ended(child).parent == STRANGER


def test_a_child_may_start_after_its_parent_ended(recording):
    parent = recording.start()
    recording.recorder.end_span(parent)
    child = recording.start(parent=parent)
    assert recording.ended(child).parent == parent


def test_a_remote_parents_trace_is_continued_and_marked(recording):
    handle = recording.start(parent=REMOTE, parent_is_remote=True, trace_state="vendor=1")
    assert handle.trace_id == REMOTE.trace_id
    span = recording.ended(handle)
    assert (span.parent, span.parent_is_remote, span.trace_state) == (REMOTE, True, "vendor=1")
    assert span.is_local_root


@pytest.mark.parametrize(("flags", "sampled"), [(0, False), (1, True), (2, False), (3, True), (0xFE, False), (0xFF, True)])
def test_the_sampled_bit_of_a_remote_parent_decides(recording, flags, sampled):
    handle = recording.start(parent=REMOTE, parent_is_remote=True, parent_flags=flags)
    assert handle.is_invalid is not sampled
    assert recording.recorder.stats.unsampled == (not sampled)
    assert recording.recorder.stats.started == sampled


def test_flags_of_a_parent_that_is_not_remote_mean_nothing(recording):
    parent = recording.start()
    assert not recording.start(parent=parent, parent_flags=0).is_invalid


@pytest.mark.parametrize("parent", [SpanHandle.INVALID, SpanHandle(0, 7), SpanHandle(7, 0)])
def test_an_invalid_parent_makes_an_unsampled_span(recording, parent):
    assert recording.start(parent=parent) == SpanHandle.INVALID
    assert recording.recorder.stats.unsampled == 1
    assert recording.drops == {}


def test_an_invalid_remote_parent_counts_as_none(recording):
    handle = recording.start(parent=SpanHandle.INVALID, parent_is_remote=True, parent_flags=0)
    assert not handle.is_invalid
    span = recording.ended(handle)
    assert span.parent is None
    assert not span.parent_is_remote


def test_descendants_inherit_the_trace_state_while_their_parent_is_open(recording):
    root = recording.start(parent=REMOTE, parent_is_remote=True, trace_state="vendor=1")
    child = recording.start(parent=root)
    grandchild = recording.start(parent=child)
    assert recording.ended(grandchild).trace_state == "vendor=1"
    assert recording.ended(child).trace_state == "vendor=1"


def test_a_root_has_no_trace_state_whatever_it_brings(recording):
    assert recording.ended(recording.start(trace_state="vendor=1")).trace_state == ""


def test_a_remote_parent_that_happens_to_be_open_here_keeps_the_trace_state_it_came_with(recording):
    caller = recording.start()
    called = recording.start(parent=caller, parent_is_remote=True, trace_state="vendor=1")
    assert recording.ended(called).trace_state == "vendor=1"


# --- Attributes and events ---


def test_an_attribute_set_again_has_the_last_value_at_its_first_place(recording):
    handle = recording.start(attributes={"a": 1, "b": 2})
    recording.recorder.set_attribute(handle, "a", "again")
    recording.recorder.set_attribute(handle, "c", 3)
    assert list(recording.ended(handle).attributes.items()) == [("a", "again"), ("b", 2), ("c", 3)]


def test_what_the_caller_changes_afterwards_does_not_change_the_span(recording):
    attributes, values = {"a": 1}, ["x"]
    handle = recording.start(attributes=attributes)
    recording.recorder.set_attribute(handle, "array", values)
    recording.recorder.add_event(handle, SpanEvent("e", attributes))
    attributes["a"] = 2
    values.append("y")
    span = recording.ended(handle)
    assert span.attributes == {"a": 1, "array": ("x",)}
    assert span.events[0].attributes == {"a": 1}


def test_texts_and_numbers_of_other_classes_are_stored_as_plain_ones(recording):
    class Text(str):
        __slots__ = ()

    handle = recording.start(Text("name"), attributes={Text("kind"): SpanKind.CLIENT, "text": Text("x"), "texts": [Text("x"), "y"]})
    recording.recorder.add_event(handle, SpanEvent(Text("e"), {Text("k"): Text("v")}))
    recording.recorder.set_status(handle, SpanStatus(StatusCode.ERROR, Text("m")))
    assert_well_formed(recording.ended(handle))


def test_text_that_has_no_utf8_form_is_repaired(recording):
    handle = recording.start("\ud800n", attributes={"\udfffk": "\ud800v"})
    recording.recorder.add_event(handle, SpanEvent("\ud800e", {"\ud800": "\ud800"}))
    recording.recorder.set_status(handle, SpanStatus(StatusCode.ERROR, "\ud800m"))
    span = recording.ended(handle)
    assert span.name == "\ufffdn"
    assert span.attributes == {"\ufffdk": "\ufffdv"}
    assert span.events[0].name == "\ufffde"
    assert span.events[0].attributes == {"\ufffd": "\ufffd"}
    assert span.status.message == "\ufffdm"


def test_events_keep_their_order_whatever_their_times(recording):
    handle = recording.start()
    for name, at in (("late", 9_000), ("early", 1_000)):
        recording.recorder.add_event(handle, SpanEvent(name, {}, at))
    assert [event.name for event in recording.ended(handle).events] == ["late", "early"]


def test_a_link_to_an_invalid_handle_is_no_link_and_no_drop(recording):
    span = recording.ended(recording.start(links=(SpanLink(SpanHandle.INVALID), SpanLink(STRANGER))))
    assert [link.handle for link in span.links] == [STRANGER]
    assert span.dropped_links_count == 0
    assert recording.drops == {}


# --- Handles that are not open ---


@pytest.mark.parametrize("which", ["never started", "ended", "invalid"])
def test_calls_on_a_span_that_is_not_open_do_nothing(recording, which):
    ended = recording.start("ended")
    recording.recorder.end_span(ended)
    handle = {"never started": STRANGER, "ended": ended, "invalid": SpanHandle.INVALID}[which]
    before = recording.spans()
    recording.recorder.set_attribute(handle, "k", 1)
    recording.recorder.add_event(handle, SpanEvent("e"))
    recording.recorder.set_status(handle, SpanStatus(StatusCode.OK))
    recording.recorder.record_host(handle, attributes={"bext.x": 1})
    recording.recorder.add_dropped(handle, attributes=1)
    recording.recorder.end_span(handle)
    assert recording.spans() == before
    assert recording.drops == {}
    assert recording.recorder.stats.ended == 1


def test_one_recorder_knows_nothing_of_anothers_spans():
    one, other = Recording(), Recording()
    handle = one.start()
    other.recorder.set_attribute(handle, "k", 1)
    other.recorder.end_span(handle)
    assert one.ended(handle).attributes == {}
    assert other.spans() == []


def test_a_recorder_without_exporters_forgets_what_it_flushes():
    recorder = SpanRecorder()
    recorder.end_span(recorder.start_span(SpanStart("s")))
    recorder.flush()
    assert recorder.queued_spans == 0
    recorder.close()


def test_a_recorder_is_a_context_manager_that_flushes_at_its_end():
    exporter = MemoryExporter()
    with SpanRecorder(exporter) as recorder:
        recorder.end_span(recorder.start_span(SpanStart("s")))
    assert [span.name for span in exporter.spans] == ["s"]
