"""The status of a span: OpenTelemetry's rules, and the host's verdict above them."""

from __future__ import annotations

import itertools

import pytest

from bext_abi import SpanStatus, StatusCode
from support.recording import Recording

UNSET, OK, ERROR = StatusCode.UNSET, StatusCode.OK, StatusCode.ERROR

RULES = [
    ("never set, it is unset", [], (UNSET, "")),
    ("unset changes nothing", [(UNSET, "")], (UNSET, "")),
    ("an error keeps its message", [(ERROR, "disk full")], (ERROR, "disk full")),
    ("the last error counts", [(ERROR, "first"), (ERROR, "second")], (ERROR, "second")),
    ("an error without a message takes the one before away", [(ERROR, "first"), (ERROR, "")], (ERROR, "")),
    ("unset never overwrites an error", [(ERROR, "disk full"), (UNSET, "")], (ERROR, "disk full")),
    ("ok overwrites an error", [(ERROR, "first try"), (OK, "")], (OK, "")),
    ("ok has no message", [(OK, "fine")], (OK, "")),
    ("unset has no message", [(UNSET, "what")], (UNSET, "")),
    ("ok is final against an error", [(OK, ""), (ERROR, "too late")], (OK, "")),
    ("ok is final against unset", [(OK, ""), (UNSET, "")], (OK, "")),
    ("ok twice is ok", [(OK, ""), (OK, "")], (OK, "")),
    ("plain numbers are codes", [(2, "by number")], (ERROR, "by number")),
]


@pytest.mark.parametrize(("steps", "result"), [rule[1:] for rule in RULES], ids=[rule[0] for rule in RULES])
def test_rule(steps, result):
    recording = Recording()
    handle = recording.start()
    for code, message in steps:
        recording.recorder.set_status(handle, SpanStatus(code, message))
    assert recording.ended(handle).status == SpanStatus(*result)
    assert recording.drops == {}


@pytest.mark.parametrize(("before", "after"), list(itertools.product(StatusCode, StatusCode)))
def test_the_hosts_verdict_overrides_and_is_final(before, after):
    recording = Recording()
    handle = recording.start()
    recording.recorder.set_status(handle, SpanStatus(before, "guest"))
    recording.recorder.record_host(handle, status=SpanStatus(ERROR, "trap"))
    recording.recorder.set_status(handle, SpanStatus(after, "guest"))
    assert recording.ended(handle).status == SpanStatus(ERROR, "trap")


def test_a_later_verdict_overrides_an_earlier_one():
    recording = Recording()
    handle = recording.start()
    recording.recorder.record_host(handle, status=SpanStatus(OK))
    recording.recorder.record_host(handle, status=SpanStatus(ERROR, "trap"))
    assert recording.ended(handle).status == SpanStatus(ERROR, "trap")


def test_host_facts_without_a_verdict_leave_the_status_to_the_guest():
    recording = Recording()
    handle = recording.start()
    recording.recorder.record_host(handle, attributes={"bext.x": 1})
    recording.recorder.set_status(handle, SpanStatus(OK))
    assert recording.ended(handle).status == SpanStatus(OK)


@pytest.mark.parametrize("nonsense", [SpanStatus(3), SpanStatus(-1), SpanStatus("error"), SpanStatus(None), None, "error", 2])
def test_a_status_that_is_none_is_dropped_and_counted(nonsense):
    recording = Recording()
    handle = recording.start()
    recording.recorder.set_status(handle, SpanStatus(ERROR, "kept"))
    recording.recorder.set_status(handle, nonsense)
    assert recording.drops == {"malformed": 1}
    assert recording.ended(handle).status == SpanStatus(ERROR, "kept")
