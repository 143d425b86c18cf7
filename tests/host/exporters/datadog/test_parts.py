"""A body for the agent cut in two: the same spans in their order, and what stands on the first span of a chunk stands on each part."""

from __future__ import annotations

import msgpack
import pytest

from bext_host.exporters.datadog import DatadogSettings
from bext_host.exporters.datadog.encode import encode
from bext_host.exporters.datadog.parts import chunk_count, halves, shown_first
from host.exporters.sample_spans import OTHER_TRACE, TRACE, span

SETTINGS = DatadogSettings()


def ids(body: bytes) -> list[int]:
    return [each["span_id"] for chunk in msgpack.unpackb(body) for each in chunk]


@pytest.mark.parametrize("traces", [[1, 1], [5], [2, 3], [1, 4, 1], [1] * 40, [20, 1]])
def test_halves_have_together_what_the_whole_had(traces):
    spans = [
        span(100 * trace + number, trace_id=TRACE + trace, parent_id=9)
        for trace, size in enumerate(traces)
        for number in range(1, size + 1)
    ]
    whole = encode(spans, SETTINGS).body
    cut = halves(whole)
    assert cut is not None
    first, second, count = cut
    assert len(ids(first)) == count == sum(traces) // 2
    assert ids(first) + ids(second) == ids(whole)
    for part in (first, second):
        chunks = msgpack.unpackb(part)
        assert chunk_count(part) == len(chunks)
        for chunk in chunks:
            assert chunk[0]["meta"]["_dd.p.tid"] == f"{TRACE >> 64:016x}"
            assert chunk[0]["metrics"]["_sampling_priority_v1"] == 1.0


def test_one_span_is_not_cut():
    assert halves(encode([span(1)], SETTINGS).body) is None


def test_the_first_span_is_named_for_people():
    body = encode([span(7, name="evil\x1b", trace_id=OTHER_TRACE)], SETTINGS).body
    assert shown_first(body) == f'span "evil\\x1b" 0000000000000007 of trace {OTHER_TRACE:032x}'
