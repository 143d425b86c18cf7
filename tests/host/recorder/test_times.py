"""The times of a span: the clock's where none was given, and never an end before a start."""

from __future__ import annotations

import time

import pytest

from bext_abi import SpanEvent
from support.recording import LAST_TIME, Recording


@pytest.fixture
def recording() -> Recording:
    return Recording()


def test_the_clock_gives_the_time_of_day_and_ends_after_it_started(recording):
    before = time.time_ns()
    span = recording.ended(recording.start())
    after = time.time_ns()
    second = 1_000_000_000
    assert before - second <= span.start_time_unix_nanos <= span.end_time_unix_nanos <= after + second


def test_explicit_times_are_kept(recording):
    handle = recording.start(start_time_unix_nanos=1)
    recording.recorder.add_event(handle, SpanEvent("first", {}, LAST_TIME))
    recording.recorder.end_span(handle, LAST_TIME)
    (span,) = recording.spans()
    assert (span.start_time_unix_nanos, span.events[0].time_unix_nanos, span.end_time_unix_nanos) == (1, LAST_TIME, LAST_TIME)


def test_an_explicit_end_before_the_start_becomes_the_start(recording):
    handle = recording.start(start_time_unix_nanos=5_000)
    recording.recorder.end_span(handle, 4_999)
    (span,) = recording.spans()
    assert span.end_time_unix_nanos == span.start_time_unix_nanos == 5_000


def test_a_span_that_starts_in_the_future_never_ends_before_its_start(recording):
    future = time.time_ns() + 3_600_000_000_000
    span = recording.ended(recording.start(start_time_unix_nanos=future))
    assert span.start_time_unix_nanos == future
    assert span.end_time_unix_nanos >= future


@pytest.mark.parametrize("nonsense", [0, -1, LAST_TIME + 1, 2**64, None, True, 1.5, "now"])
def test_a_time_that_is_none_means_the_clock(recording, nonsense):
    before = time.time_ns() - 1_000_000_000
    handle = recording.start(start_time_unix_nanos=nonsense)
    recording.recorder.add_event(handle, SpanEvent("e", {}, nonsense))
    recording.recorder.end_span(handle, nonsense)
    (span,) = recording.spans()
    assert before < span.start_time_unix_nanos <= span.events[0].time_unix_nanos <= span.end_time_unix_nanos


def test_a_step_of_the_wall_clock_bends_no_trace(recording, monkeypatch):
    root = recording.start("root")
    monkeypatch.setattr(time, "time_ns", lambda: 1_000)
    child = recording.start("child", parent=root)
    recording.recorder.add_event(child, SpanEvent("e"))
    recording.recorder.end_span(child)
    recording.recorder.end_span(root)
    inner, outer = recording.spans()
    assert outer.start_time_unix_nanos <= inner.start_time_unix_nanos <= inner.events[0].time_unix_nanos
    assert inner.events[0].time_unix_nanos <= inner.end_time_unix_nanos <= outer.end_time_unix_nanos
