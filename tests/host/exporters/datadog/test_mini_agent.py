"""Spans sent to Datadog's own agent core, which takes them and forwards them to a site's intake with nothing missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgpack
import pytest

from bext_abi import SpanHandle
from bext_host import FinishedSpan
from bext_host.exporters.datadog import encode
from host.exporters.sample_spans import FULL, HOSTILE, a_request, span, span_that_says
from receivers.agent_payload import entries, payload_of, spans_of
from receivers.mini_agent import send_to_mini_agent, why_not
from receivers.mini_agent_task import SETTINGS, Outcome

FIELDS = ("service", "name", "resource", "type", "trace_id", "span_id", "parent_id", "start", "duration", "error")
LARGEST = SpanHandle(2**128 - 1, 2**64 - 1)
NO_SPANS = (b"\x90", b"\x91\x90")
BROKEN = (b"", b"\xc1", b"\x91\x91\x81\xa7span_id\xa1x")
"""No msgpack at all, and a span whose id is a text."""


def in_trace(number: int, spans: Sequence[FinishedSpan]) -> list[FinishedSpan]:
    """The same spans with another trace id."""
    return [
        replace(
            one,
            handle=SpanHandle(number, one.handle.span_id),
            parent=None if one.parent is None else SpanHandle(number, one.parent.span_id),
        )
        for one in spans
    ]


def batches() -> list[list[FinishedSpan]]:
    """A request; every field and type; hostile texts, each in a trace of its own; and ids at the edge."""
    hostile = [one for number, text in enumerate(HOSTILE, 1) for one in in_trace(number, span_that_says(text))]
    return [a_request(), in_trace(2**100 + 1, [FULL]), hostile, [span(1, handle=LARGEST), span(2, trace_id=0xABC << 64)]]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    if why_not():
        pytest.skip(why_not())
    return send_to_mini_agent(tmp_path_factory.mktemp("mini_agent"), batches(), [*NO_SPANS, *BROKEN])


def sent() -> list[dict[str, Any]]:
    """What the exporter writes for the agent, read as plain msgpack."""
    return [one for batch in batches() for chunk in msgpack.unpackb(encode(batch, SETTINGS).body) for one in chunk]


def test_every_batch_is_taken_and_forwarded(outcome):
    assert outcome.errors == []
    assert "/api/v0.2/traces" in outcome.paths
    payloads = [payload_of(body) for body in outcome.forwarded]
    assert {(one.language, chunk.priority) for each in payloads for one in each.tracer_payloads for chunk in one.chunks} == {("python", 1)}


def test_every_span_comes_out_with_the_fields_it_went_in_with(outcome):
    found = [[getattr(one, name) for name in FIELDS] for body in outcome.forwarded for one in spans_of(payload_of(body))]
    assert sorted(found) == sorted([one[name] for name in FIELDS] for one in sent())


def test_no_tag_is_lost_or_changed(outcome):
    found = {(one.trace_id, one.span_id): one for body in outcome.forwarded for one in spans_of(payload_of(body))}
    for one in sent():
        arrived = found[one["trace_id"], one["span_id"]]
        meta, metrics = entries(arrived.meta), entries(arrived.metrics)  # with more in them, which the agent adds
        assert {key: meta.get(key) for key in one["meta"]} == one["meta"]
        assert {key: metrics.get(key) for key in one["metrics"]} == one["metrics"]


def test_its_decoder_refuses_what_is_no_trace(outcome):
    """So that the tests above do not pass because nothing was looked at."""
    assert all(status == 200 for status in outcome.statuses[: len(NO_SPANS)])
    assert all(status >= 400 for status in outcome.statuses[len(NO_SPANS) :])
