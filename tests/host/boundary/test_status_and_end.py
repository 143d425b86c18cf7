"""set_status and end_span: what of a status and of a time reaches the tracer (ABI.md, "Status", "end_span")."""

from __future__ import annotations

import pytest

from bext_abi import SpanStatus, StatusCode, codec


@pytest.mark.parametrize("code", list(StatusCode))
@pytest.mark.parametrize("message", ["", "no"])
def test_every_status_is_handed_to_the_tracer_as_it_came(guest, code, message):
    """OpenTelemetry's precedence is the tracer's to apply."""
    span = guest.start()
    guest.record("set_status", span, codec.encode_span_status(SpanStatus(code, message)))
    assert guest.seen("set_status") == [(span, SpanStatus(code, message))]


@pytest.mark.parametrize("code", [b"\x03", b"\x07", b"\xff", b"\xcf" + b"\xff" * 8, b"\xc3", b"\xc0"])
def test_a_code_that_does_not_exist_drops_the_call(guest, code):
    span = guest.start()
    guest.record("set_status", span, b"\x81\xa4code" + code)
    assert guest.seen("set_status") == []
    assert guest.drops == {"malformed": 1}


@pytest.mark.parametrize(
    ("given", "seen"),
    [(0, None), (1, 1), (2**63 - 1, 2**63 - 1), (2**63, None), (2**63 + 1, None), (2**64 - 1, None)],
)
def test_an_end_time_beyond_63_bits_counts_as_none(guest, given, seen):
    span = guest.start()
    guest.end(span, given)
    assert guest.seen("end_span") == [(span, seen)]
    assert guest.drops == {}


@pytest.mark.parametrize(("given", "seen"), [(0, None), (1, 1), (2**63 - 1, 2**63 - 1)])
def test_a_start_time_of_0_counts_as_none(guest, given, seen):
    guest.start(b"\x82\xa4name\xa1s\xb5start_time_unix_nanos\xcf" + given.to_bytes(8, "big"))
    assert guest.seen("start_span")[0][0].start_time_unix_nanos == seen


def test_a_start_time_beyond_63_bits_drops_the_call(guest):
    guest.start(b"\x82\xa4name\xa1s\xb5start_time_unix_nanos\xcf" + (2**63).to_bytes(8, "big"))
    assert guest.drops == {"malformed": 1}


def test_a_span_is_ended_once(guest):
    span = guest.start()
    guest.end(span)
    guest.end(span)
    assert len(guest.seen("end_span")) == 1
    assert guest.drops == {"unknown_handle": 1}
