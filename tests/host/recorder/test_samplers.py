"""Sampling: asked once for each new trace, never for a child."""

from __future__ import annotations

import pytest

from bext_abi import SpanHandle
from bext_host import SpanRecorder
from bext_host.recorder import ALWAYS_OFF, ALWAYS_ON, Sampler, TraceIdRatio
from bext_host.recorder.sampler import sampler_of
from bext_host.settings import SAMPLER_ARG_VARIABLE, SAMPLER_VARIABLE
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


# --- A part of all traces ---


def lower_half(trace_id: int) -> int:
    return trace_id & (2**64 - 1)


@pytest.mark.parametrize("ratio", [0, 0.0, 1e-9, 0.25, 0.5, 1 - 2**-53, 1, 1.0])
def test_a_ratio_decides_by_the_lower_half_of_the_trace_id_as_opentelemetry_does(ratio):
    sampler = TraceIdRatio(ratio)
    bound = round(ratio * 2**64)
    for trace_id in {0, max(bound - 1, 0), bound, 2**64 - 1, 2**127 | max(bound - 1, 0), 2**127 | lower_half(bound)}:
        assert sampler.should_sample(trace_id) is (lower_half(trace_id) < bound)


def test_a_ratio_records_that_part_of_the_traces_and_never_another():
    recording = Recording(sampler=TraceIdRatio(0.25))
    handles = [recording.start() for _ in range(4_000)]
    sampled = [handle for handle in handles if not handle.is_invalid]
    assert 800 < len(sampled) < 1_200  # 6 sigma and more
    assert all(lower_half(handle.trace_id) < 2**62 for handle in sampled)
    assert recording.recorder.stats.unsampled == 4_000 - len(sampled)


def test_a_remote_parent_is_sampled_by_its_own_trace_id():
    recording = Recording(sampler=TraceIdRatio(0.5))
    for number, sampled in ((2**63 - 1, True), (2**63, False)):
        parent = SpanHandle(1 << 64 | number, 7)
        assert recording.start(parent=parent, parent_is_remote=True).is_invalid is not sampled


def test_a_ratio_of_nothing_and_of_all_are_exact():
    assert Recording(sampler=TraceIdRatio(0)).start().is_invalid
    assert not any(Recording(sampler=TraceIdRatio(1)).start().is_invalid for _ in range(100))


@pytest.mark.parametrize(
    ("wrong", "error"), [(-0.1, ValueError), (1.1, ValueError), (float("nan"), ValueError), ("0.5", TypeError), (True, TypeError)]
)
def test_what_is_no_ratio_is_refused(wrong, error):
    with pytest.raises(error, match=r"0\.0 to 1\.0"):
        TraceIdRatio(wrong)


# --- From the environment ---


@pytest.mark.parametrize(
    ("name", "argument", "expected"),
    [
        (None, None, "always_on"),
        ("", "0.1", "always_on"),
        ("always_on", None, "always_on"),
        ("always_off", None, "always_off"),
        ("parentbased_always_on", None, "always_on"),
        ("parentbased_always_off", None, "always_off"),
        ("traceidratio", "0.25", "TraceIdRatio(0.25)"),
        ("parentbased_traceidratio", " 0.25 ", "TraceIdRatio(0.25)"),
        ("traceidratio", None, "always_on"),
        ("traceidratio", "", "always_on"),
    ],
)
def test_the_environment_names_the_sampler(monkeypatch, caplog, name, argument, expected):
    set_sampler(monkeypatch, name, argument)
    assert repr(sampler_of(None)) == expected
    assert caplog.records == []


@pytest.mark.parametrize(
    ("name", "argument"), [("xray", None), ("ALWAYS_OFF", None), ("traceidratio", "half"), ("traceidratio", "2"), ("traceidratio", "nan")]
)
def test_what_makes_no_sense_in_the_environment_is_warned_of_and_not_used(monkeypatch, caplog, name, argument):
    set_sampler(monkeypatch, name, argument)
    assert sampler_of(None) is ALWAYS_ON
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert (argument or name) in record.getMessage()


def test_the_environment_counts_only_where_the_code_says_nothing(monkeypatch):
    set_sampler(monkeypatch, "always_off", None)
    assert Recording().start().is_invalid
    assert not Recording(sampler="always_on").start().is_invalid


def set_sampler(monkeypatch, name, argument):
    for variable, value in ((SAMPLER_VARIABLE, name), (SAMPLER_ARG_VARIABLE, argument)):
        if value is None:
            monkeypatch.delenv(variable, raising=False)
        else:
            monkeypatch.setenv(variable, value)


# --- Mistakes, and samplers of one's own ---


@pytest.mark.parametrize("unknown", ["", "always", "ALWAYS_ON", "traceidratio"])
def test_an_unknown_name_is_refused_with_the_known_ones(unknown):
    with pytest.raises(ValueError, match="always_on, always_off"):
        SpanRecorder(sampler=unknown)


@pytest.mark.parametrize("mistake", [0.5, 1, object(), lambda trace_id: True])
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
