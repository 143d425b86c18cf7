"""OpenTelemetry's Zipkin exporter behind ours: openzipkin's own model decodes the same tree, and the receiver is one that refuses."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from bext_abi import FlushError, SpanEvent, SpanHandle, SpanKind, SpanStart, SpanStatus, StatusCode
from bext_host import FinishedSpan, SpanRecorder
from bext_host.exporters import MemoryExporter
from bext_host.exporters.otel import OtelSpanExporter
from host.exporters.sample_spans import span
from receivers.zipkin import WHY_NOT, build, running_zipsink
from support.http_receiver import Receiver, answer

zipkin = pytest.importorskip("opentelemetry.exporter.zipkin.json", reason="needs the extra `senders`")

needs_the_model = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return build(tmp_path_factory.mktemp("zipsink"))


@pytest.fixture
def zipsink(program):
    with running_zipsink(program) as running:
        yield running


def sender(endpoint: str) -> OtelSpanExporter:
    return OtelSpanExporter(zipkin.ZipkinExporter(endpoint=endpoint, timeout=10), resource={"service.name": "shop"})


def record(recorder: SpanRecorder) -> None:
    """A span of every kind in one trace, the last of them with all that Zipkin has a place for."""
    remote = SpanHandle(0xAAAA2F3577B34DA6A3CE929D0E0E4736, 9)
    root = recorder.start_span(SpanStart("GET /cart", SpanKind.SERVER, remote, True, scope_name="router", scope_version="1"))
    for kind in (SpanKind.INTERNAL, SpanKind.PRODUCER, SpanKind.CONSUMER):
        recorder.end_span(recorder.start_span(SpanStart(kind.name, kind, root, scope_name="shop")))
    attributes = {"text": "é", "yes": True, "n": 2**53 + 1, "x": 2.5, "texts": ("a", "b"), "ints": (1, 2)}
    query = recorder.start_span(SpanStart("SELECT", SpanKind.CLIENT, root, attributes=attributes, scope_name="shop"))
    recorder.add_event(query, SpanEvent("row locked", {"row": 7}))
    recorder.set_status(query, SpanStatus(StatusCode.ERROR, "too slow"))
    recorder.add_dropped(query, attributes=3, events=2)
    recorder.end_span(query)
    recorder.end_span(root)


def micros(nanos: int) -> int:
    """Zipkin's times are microseconds, rounded."""
    return (nanos + 500) // 1000


def as_decoded(recorded: FinishedSpan) -> tuple[Any, ...]:
    kind = "" if recorded.kind == SpanKind.INTERNAL else recorded.kind.name
    return (
        recorded.handle.trace_id_hex,
        recorded.handle.span_id_hex,
        recorded.parent.span_id_hex if recorded.parent else "",
        recorded.name,
        kind,
        micros(recorded.start_time_unix_nanos),
        micros(recorded.end_time_unix_nanos - recorded.start_time_unix_nanos),
    )


def decoded(found: dict[str, Any]) -> tuple[Any, ...]:
    """A span as the model read it, which leaves out what is zero."""
    ids = (found["traceId"], found["id"], found.get("parentId", ""))
    return (*ids, found["name"], found.get("kind", ""), found["timestamp"], found.get("duration", 0))


@needs_the_model
@pytest.mark.toolchain
def test_openzipkins_own_model_reads_what_was_recorded(zipsink):
    memory = MemoryExporter()
    with SpanRecorder(memory, sender(zipsink.endpoint)) as recorder:
        record(recorder)
    found = zipsink.spans()
    assert len(found) == len(memory.spans) == 5
    assert sorted(map(decoded, found)) == sorted(map(as_decoded, memory.spans))
    assert {each["localEndpoint"]["serviceName"] for each in found} == {"shop"}
    [query] = [each for each in found if each["name"] == "SELECT"]
    expected = {
        "text": "é", "yes": "true", "n": str(2**53 + 1), "x": "2.5", "texts": '["a","b"]', "ints": '["1","2"]', "error": "too slow",
        "otel.status_code": "ERROR", "otel.scope.name": "shop", "otel.dropped_attributes_count": "3", "otel.dropped_events_count": "2",
    }  # fmt: skip
    assert {key: query["tags"].get(key) for key in expected} == expected
    [event] = [each for recorded in memory.spans for each in recorded.events]
    [annotation] = query["annotations"]
    assert annotation["timestamp"] == micros(event.time_unix_nanos)
    assert json.loads(annotation["value"]) == {"row locked": {"row": 7}}


GOOD = {"traceId": "1" * 32, "id": "2" * 16, "name": "s", "timestamp": 10**15, "kind": "CLIENT"}


@needs_the_model
@pytest.mark.toolchain
def test_the_receiver_refuses_what_is_wrong(zipsink):
    """So that the test above does not pass because anything would be taken."""
    assert zipsink.post([GOOD]) == (202, "")
    wrong = {"traceId": "", "id": "xyz", "kind": "OTHER", "duration": -1, "tags": {"n": 1}, "annotations": [{"timestamp": 0}]}
    for key, value in wrong.items():
        assert zipsink.post([{**GOOD, key: value}])[0] == 400, key
    without = {key: value for key, value in GOOD.items() if key != "traceId"}
    assert zipsink.post([without]) == (400, f"span {'2' * 16} has no traceId\n")
    assert len(zipsink.spans()) == 1


def test_spans_that_a_receiver_refuses_are_lost_and_said_to_be():
    with Receiver(answer(400, b"no")) as receiver, SpanRecorder(sender(receiver.url)) as recorder:
        recorder.end_span(recorder.start_span(SpanStart("s")))
        with pytest.raises(FlushError, match="ZipkinExporter answered FAILURE"):
            recorder.flush()
        assert recorder.stats.dropped["export_failed"] == 1


def test_what_the_exporter_raises_is_said_in_its_words():
    with Receiver() as gone:
        url = gone.url
    with pytest.raises(OSError, match="Connection refused"):
        sender(url).export([span(1)], time.monotonic() + 5)
