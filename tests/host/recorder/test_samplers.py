"""Sampling: asked once for each new trace, never for a child."""

from __future__ import annotations

import pytest

from bext_abi import SpanHandle
from bext_host import SpanRecorder
from bext_host.recorder import ALWAYS_OFF, ALWAYS_ON, Sampler
from support.recording import Recording

REMOTE = SpanHandle(0x4BF92F3577B34DA6A3CE929D0E0E4736, 0x00F067AA0BA902B7)


class AskedSampler:
    """Answers with `decision`, and lists what it was asked."""

    def __init__(self, decision: object) -> None:
        self.decision = decision
        self.asked: list[int] = []

    def should_sample(self, trace_id: int) -> bool:
        self.asked.append(trace_id)
        if isinstance(self.decision, BaseException):
            raise self.decision
        return self.decision  # type: ignore[return-value]


@pytest.mark.parametrize("sampler", ["always_on", ALWAYS_ON])
def test_always_on_records_every_trace(sampler):
    recording = Recording(sampler=sampler)
    assert not recording.start().is_invalid
    assert recording.recorder.stats.unsampled == 0


@pytest.mark.parametrize("sampler", ["always_off", ALWAYS_OFF])
def test_always_off_records_none_and_counts_no_drop(sampler):
    recording = Recording(sampler=sampler)
    assert recording.start() == SpanHandle.INVALID
    assert recording.start(parent=REMOTE, parent_is_remote=True) == SpanHandle.INVALID
    assert recording.recorder.stats.unsampled == 2
    assert recording.recorder.stats.started == 0
    assert recording.drops == {}
    assert recording.spans() == []


def test_recording_is_on_without_a_word_about_it():
    assert not Recording().start().is_invalid


@pytest.mark.parametrize("unknown", ["", "always", "ALWAYS_ON", "traceidratio"])
def test_an_unknown_name_is_refused_with_the_known_ones(unknown):
    with pytest.raises(ValueError, match="always_on, always_off"):
        SpanRecorder(sampler=unknown)


@pytest.mark.parametrize("mistake", [0.5, None, 1, object(), lambda trace_id: True])
def test_what_is_no_sampler_is_refused_at_once_and_not_at_every_span(mistake):
    with pytest.raises((TypeError, ValueError)):
        SpanRecorder(sampler=mistake)


def test_a_root_is_asked_for_by_the_trace_id_that_it_gets():
    sampler = AskedSampler(True)
    recording = Recording(sampler=sampler)
    handle = recording.start()
    assert sampler.asked == [handle.trace_id]


def test_children_follow_their_parent_without_asking():
    sampler = AskedSampler(True)
    recording = Recording(sampler=sampler)
    root = recording.start()
    sampler.decision = False
    child = recording.start(parent=root)
    assert not child.is_invalid
    assert recording.start(parent=SpanHandle.INVALID).is_invalid
    assert sampler.asked == [root.trace_id]


def test_a_remote_parent_that_is_sampled_is_asked_for_by_its_trace_id():
    sampler = AskedSampler(False)
    recording = Recording(sampler=sampler)
    assert recording.start(parent=REMOTE, parent_is_remote=True).is_invalid
    assert sampler.asked == [REMOTE.trace_id]


def test_a_remote_parent_that_is_not_sampled_is_not_asked_for():
    sampler = AskedSampler(True)
    assert Recording(sampler=sampler).start(parent=REMOTE, parent_is_remote=True, parent_flags=0).is_invalid
    assert sampler.asked == []


def test_a_sampler_that_raises_costs_the_span_and_is_counted():
    recording = Recording(sampler=AskedSampler(RuntimeError("no")))
    assert recording.start() == SpanHandle.INVALID
    assert sum(recording.drops.values()) == 1


def test_samplers_of_ones_own_are_samplers():
    assert isinstance(AskedSampler(True), Sampler)
    assert isinstance(ALWAYS_ON, Sampler)
    assert repr(ALWAYS_ON) == "always_on"
    assert repr(ALWAYS_OFF) == "always_off"
