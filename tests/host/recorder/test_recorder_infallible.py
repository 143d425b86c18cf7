"""Whatever is passed to a recording method, it never raises, it is counted, and what comes out is sound."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bext_abi import SpanEvent, SpanHandle, SpanLink, SpanStart, SpanStatus, StatusCode
from bext_host import FinishedSpan
from bext_host.exporters import StdoutExporter
from support.garbage import ATTRIBUTES, EVENTS, GARBAGE, HOSTILE, STARTS, STATUSES, HostileMapping, mostly
from support.recording import Recording, assert_well_formed


def check_soundness(recording: Recording) -> None:
    """The recorder still records, and every exporter can write what came out of it."""
    handle = recording.start("still works", attributes={"k": 1})
    assert recording.ended(handle).attributes == {"k": 1}
    print_everywhere(recording.exporter.spans)
    for span in recording.exporter.spans:
        assert_well_formed(span)


def print_everywhere(spans: Sequence[FinishedSpan]) -> None:
    """Write them in every format that there is."""
    for form in ("json", "tree"):
        exporter = StdoutExporter(format=form, stream=io.StringIO())
        exporter.export(spans, math.inf)
        exporter.shutdown(math.inf)


@settings(max_examples=100)
@given(st.one_of(STARTS, GARBAGE))
def test_start_span_takes_anything(start):
    recording = Recording()
    handle = recording.recorder.start_span(start)
    assert type(handle) is SpanHandle
    recording.recorder.end_span(handle)
    check_soundness(recording)


@settings(max_examples=100)
@given(key=GARBAGE, value=GARBAGE)
def test_set_attribute_takes_anything(key, value):
    recording = Recording()
    handle = recording.start()
    recording.recorder.set_attribute(handle, key, value)
    span = recording.ended(handle)
    assert len(span.attributes) + span.dropped_attributes_count == 1
    assert sum(recording.drops.values()) == span.dropped_attributes_count
    check_soundness(recording)


@settings(max_examples=100)
@given(st.one_of(EVENTS, GARBAGE))
def test_add_event_takes_anything(event):
    recording = Recording()
    handle = recording.start()
    recording.recorder.add_event(handle, event)
    span = recording.ended(handle)
    assert len(span.events) + span.dropped_events_count == 1
    check_soundness(recording)


@settings(max_examples=100)
@given(st.one_of(STATUSES, GARBAGE))
def test_set_status_takes_anything(status):
    recording = Recording()
    handle = recording.start()
    recording.recorder.set_status(handle, status)
    recording.recorder.end_span(handle)
    check_soundness(recording)


@settings(max_examples=100)
@given(attributes=ATTRIBUTES, events=st.one_of(GARBAGE, st.lists(EVENTS, max_size=3)), status=st.one_of(STATUSES, GARBAGE))
def test_record_host_takes_anything(attributes, events, status):
    recording = Recording()
    handle = recording.start()
    recording.recorder.record_host(handle, attributes=attributes, events=events, status=status)
    recording.recorder.end_span(handle)
    check_soundness(recording)


@settings(max_examples=100)
@given(attributes=mostly(st.integers(0, 9)), events=mostly(st.integers(0, 9)))
def test_add_dropped_takes_anything(attributes, events):
    recording = Recording()
    handle = recording.start()
    recording.recorder.add_dropped(handle, attributes=attributes, events=events)
    recording.recorder.end_span(handle)
    check_soundness(recording)


@settings(max_examples=100)
@given(GARBAGE)
def test_end_span_takes_any_time(end_time):
    recording = Recording()
    recording.recorder.end_span(recording.start(), end_time)
    assert len(recording.spans()) == 1
    check_soundness(recording)


@settings(max_examples=100)
@given(GARBAGE)
def test_any_handle_that_is_not_open_is_a_no_op(handle):
    recording = Recording()
    recorder = recording.recorder
    recorder.set_attribute(handle, "k", 1)
    recorder.set_status(handle, SpanStatus(StatusCode.OK))
    recorder.add_event(handle, SpanEvent("e"))
    recorder.record_host(handle, attributes={"k": 1})
    recorder.add_dropped(handle, attributes=1)
    recorder.end_span(handle)
    assert recording.spans() == []
    check_soundness(recording)


@pytest.mark.parametrize("operation", ["start_span", "set_attribute", "set_status", "add_event", "end_span", "record_host", "add_dropped"])
@pytest.mark.parametrize("arguments", [(), (HOSTILE,), (1, 2, 3, 4, 5)], ids=["none", "hostile", "too many"])
def test_calls_with_other_arguments_than_the_methods_are_counted_and_forgotten(operation, arguments):
    recording = Recording()
    recording.start("open")
    getattr(recording.recorder, operation)(*arguments)
    assert recording.drops == {"malformed": 1}
    check_soundness(recording)


@pytest.mark.parametrize(
    "start",
    [
        None,
        {"name": "s"},
        SpanStart(None),
        SpanStart("s", kind=None),
        SpanStart("s", kind=9),
        SpanStart("s", parent="00-..."),
        SpanStart("s", attributes=[("k", 1)]),
        SpanStart("s", attributes=HostileMapping()),
        SpanStart("s", links=(None,)),
        SpanStart("s", parent=SpanHandle(1, 2), parent_is_remote=True, parent_flags="01"),
    ],
)
def test_a_start_that_is_none_is_counted_once_and_gives_no_span(start):
    recording = Recording()
    assert recording.recorder.start_span(start) == SpanHandle.INVALID
    assert recording.drops == {"malformed": 1}
    assert recording.recorder.open_spans == 0


@pytest.mark.parametrize(
    "field",
    [
        {"kind": 7},
        {"kind": 2.5},
        {"parent_is_remote": None},
        {"trace_state": None},
        {"trace_state": "\ud800"},
        {"scope_name": None},
        {"scope_name": "\udcff"},
        {"scope_version": 3},
        {"dropped_attributes_count": -1},
        {"dropped_attributes_count": 0.5},
        {"dropped_links_count": math.nan},
        {"links": (SpanLink(SpanHandle(1, 2), {}, trace_state=None),)},
        {"links": (SpanLink(SpanHandle(1, 2), {}, dropped_attributes_count=math.nan),)},
    ],
    ids=str,
)
def test_a_field_that_is_none_reaches_no_exporter(field):
    recording = Recording()
    parent = SpanHandle(1, 2)
    recording.recorder.end_span(recording.start(parent=parent, **field))
    check_soundness(recording)


@pytest.mark.parametrize("kind", [3, True, 1.0])
def test_a_kind_given_as_a_plain_number_is_that_kind_or_no_span(kind):
    recording = Recording()
    recording.recorder.end_span(recording.start(kind=kind))
    check_soundness(recording)


def test_a_bad_attribute_costs_only_itself():
    recording = Recording()
    bad = {
        "": 1,
        5: 1,
        "none": None,
        "mixed": [1, 1.0],
        "bools and ints": [True, 1],
        "big": 2**63,
        "bytes": b"x",
        "map": {},
        "nested": [[1]],
    }
    handle = recording.start(attributes={"before": 1, **bad, "after": 2})
    for key, value in bad.items():
        recording.recorder.set_attribute(handle, key, value)
    span = recording.ended(handle)
    assert span.attributes == {"before": 1, "after": 2}
    assert span.dropped_attributes_count == 2 * len(bad)
    assert recording.drops == {"malformed": 2 * len(bad)}


def test_an_event_that_is_none_counts_as_a_dropped_event_of_its_span():
    recording = Recording()
    handle = recording.start()
    recording.recorder.add_event(handle, SpanEvent(None))
    assert recording.ended(handle).dropped_events_count == 1
    assert recording.drops == {"malformed": 1}


@pytest.mark.parametrize("count", [-3, 1.5, math.nan, "2", None])
def test_a_dropped_count_that_is_none_does_not_bend_the_counts(count):
    recording = Recording()
    handle = recording.start(dropped_attributes_count=0)
    recording.recorder.add_dropped(handle, attributes=2, events=3)
    recording.recorder.add_dropped(handle, attributes=count, events=count)
    span = recording.ended(handle)
    assert (span.dropped_attributes_count, span.dropped_events_count) == (2, 3)


def test_what_must_stop_the_program_passes():
    class Stop(Mapping):
        def __getitem__(self, key: Any) -> Any:
            raise KeyboardInterrupt

        def __iter__(self) -> Any:
            raise KeyboardInterrupt

        def __len__(self) -> int:
            return 1

        def items(self) -> Any:
            raise KeyboardInterrupt

    recording = Recording()
    with pytest.raises(KeyboardInterrupt):
        recording.start(attributes=Stop())
    check_soundness(recording)
