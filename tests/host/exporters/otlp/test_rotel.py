"""OTLP sent to rotel, a collector in Rust, which forwards it to a second receiver: how a site runs an agent beside each process."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, TracesData

from bext_abi import AttrValue, FlushError, SpanStart
from bext_host import FinishedSpan, SpanRecorder
from bext_host.exporters import FileExporter, StdoutExporter
from bext_host.exporters.http import BackOff
from bext_host.exporters.otlp import OtlpSpanExporter
from bext_host.exporters.resource import resource_attributes
from host.exporters.finished_files import lines
from host.exporters.otlp_messages import request_of
from host.exporters.sample_spans import EVERY_VALUE, FULL, a_request, span
from receivers import ddapm, rotel
from receivers.ddapm_otlp import services, spans_read, spans_recorded
from receivers.programs import free_ports, wait_until
from support.http_receiver import Receiver

pytestmark = pytest.mark.skipif(rotel.PROGRAM is None, reason=rotel.WHY_NOT)

RESOURCE: dict[str, AttrValue] = {"service.name": "shop"}


def deadline() -> float:
    return time.monotonic() + 20.0


def exporter(url: str, **options: Any) -> OtlpSpanExporter:
    return OtlpSpanExporter(resource=RESOURCE, endpoint=url, back_off=BackOff(0.001, 0.01), **options)


def parts(messages: Iterable[TracesData]) -> list[str]:
    """Each span with the resource and the scope that it stands in, as text: NaN equals nothing but by its name."""
    return sorted(
        f"{of_process.resource}\n{group.scope}\n{each}"
        for message in messages
        for of_process in message.resource_spans
        for group in of_process.scope_spans
        for each in group.spans
    )


def spans_in(messages: Iterable[TracesData]) -> list[Span]:
    return [
        each for message in messages for of_process in message.resource_spans for group in of_process.scope_spans for each in group.spans
    ]


def forwarded(second: Receiver) -> list[TracesData]:
    """What rotel made of what it got, read with the classes that OpenTelemetry generates."""
    assert {request.headers["content-type"] for request in second.requests} <= {"application/x-protobuf"}
    return [
        TracesData.FromString(gzip.decompress(request.body) if request.headers.get("content-encoding") == "gzip" else request.body)
        for request in second.requests
    ]


def finite(one: FinishedSpan) -> FinishedSpan:
    """The span without attributes that are no finite numbers."""
    kept = {key: value for key, value in EVERY_VALUE.items() if key not in {"nan", "inf", "-inf", "floats"}}
    kept["floats"] = (0.0, 1e16)
    return replace(
        one,
        attributes=kept,
        events=tuple(replace(event, attributes=kept) for event in one.events),
        links=tuple(replace(link, attributes=kept) for link in one.links),
    )


# --- Protobuf ---


@pytest.mark.skipif(ddapm.PROGRAM is None, reason=ddapm.WHY_NOT)
@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_the_tree_arrives_at_a_second_receiver_that_is_not_ours_either(tmp_path, compression):
    with ddapm.running_test_agent(tmp_path) as agent:
        with rotel.running_rotel(tmp_path, f"http://127.0.0.1:{agent.otlp_port}") as collector:
            exporter(collector.url, compression=compression).export(a_request(), deadline())
        requests = agent.otlp_requests()
    assert services(requests) == {"shop"}
    assert spans_read(requests) == spans_recorded(a_request())


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_no_field_and_no_type_is_lost_on_the_way(tmp_path, compression):
    batch = [FULL, *a_request()]
    with Receiver() as second, rotel.running_rotel(tmp_path, f"http://127.0.0.1:{second.port}") as collector:
        exporter(collector.url, compression=compression).export(batch, deadline())
        wait_until(lambda: len(second.requests) > 0, "rotel forwards")
        assert parts(forwarded(second)) == parts([request_of(batch, resource_attributes(attributes=RESOURCE))])


def test_it_decoded_what_was_recorded_in_its_own_words(tmp_path):
    with Receiver() as second, rotel.running_rotel(tmp_path, f"http://127.0.0.1:{second.port}") as collector:
        exporter(collector.url).export([FULL], deadline())
    [found] = collector.spans_in_log()
    for words in (
        f"Trace ID       : {FULL.handle.trace_id_hex}",
        f"    ID             : {FULL.handle.span_id_hex}",
        "Parent ID      : 0000000000000001",
        "Name           : load",
        "Kind           : SPAN_KIND_CLIENT",
        "TraceState     : vendor=1",
        f"Start time: {FULL.start_time_unix_nanos}",
        f"End time: {FULL.end_time_unix_nanos}",
        "Status code    : STATUS_CODE_ERROR",
        "Status message : no",
        "-> text: Str(grüße ☃ 𝄞)",
        "-> no: Bool(false)",
        f"-> least: Int({-(2**63)})",
        "-> minus nought: Double(-0)",
        "-> nan: Double(NaN)",
        "-> -inf: Double(-inf)",
        "-> none: Slice()",
        "-> ints: Slice(Int(0), Int(-1), Int(9223372036854775807))",
    ):
        assert f"{words}\n" in found


def test_each_of_many_spans_from_two_recorders_at_once_arrives_once(tmp_path):
    with Receiver() as second, rotel.running_rotel(tmp_path, f"http://127.0.0.1:{second.port}") as collector:

        def record(_: int) -> list[int]:
            recorder, ids = SpanRecorder(exporter(collector.url, compression="gzip")), []
            for number in range(5_000):
                handle = recorder.start_span(SpanStart("work", attributes={"number": number}))
                recorder.end_span(handle)
                ids.append(handle.span_id)
                if number % 1_000 == 999:
                    recorder.flush()
            recorder.close()
            return ids

        with ThreadPoolExecutor(2) as threads:
            recorded = [span_id for ids in threads.map(record, range(2)) for span_id in ids]
        wait_until(lambda: len(spans_in(forwarded(second))) >= len(recorded), "all were forwarded")
        assert sorted(int.from_bytes(each.span_id, "big") for each in spans_in(forwarded(second))) == sorted(recorded)


# --- OTLP/JSON ---


def test_lines_of_a_file_are_decoded_like_protobuf(tmp_path):
    path = tmp_path / "traces.jsonl"
    batches = [[finite(FULL)], a_request()]
    to_file = FileExporter(path, resource=RESOURCE)
    for batch in batches:
        to_file.export(batch, deadline())
    with Receiver() as second:
        with rotel.running_rotel(tmp_path, f"http://127.0.0.1:{second.port}") as collector:
            assert [collector.post_json(line) for line in lines(path)] == [200, 200]
        assert parts(forwarded(second)) == parts(request_of(batch, resource_attributes(attributes=RESOURCE)) for batch in batches)


def test_lines_of_the_standard_output_are_as_well(tmp_path):
    path = tmp_path / "stdout"
    with path.open("w") as stream:
        StdoutExporter("otlp-json", stream).export(a_request(), deadline())
    with Receiver() as second:
        with rotel.running_rotel(tmp_path, f"http://127.0.0.1:{second.port}") as collector:
            assert [collector.post_json(line) for line in lines(path)] == [200]
        assert parts(forwarded(second)) == parts([request_of(a_request(), resource_attributes())])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_words_for_what_is_no_finite_number_are_right_and_yet_this_collector_refuses_them(tmp_path, value):
    """The JSON mapping of proto3, which OTLP/JSON is, has the strings NaN, Infinity and -Infinity for these doubles, and JSON has no number
    that could say them. This version of rotel answers 400 to them; protobuf's own reader takes them (test_otlp_json.py), and so does rotel
    over protobuf (above). Where this test fails with a newer rotel, it has learnt them, and what it forwards is to be held against ours.
    """
    path = tmp_path / "traces.jsonl"
    FileExporter(path).export([span(1, attributes={"x": value})], deadline())
    with Receiver() as second, rotel.running_rotel(tmp_path, f"http://127.0.0.1:{second.port}") as collector:
        assert [collector.post_json(line) for line in lines(path)] == [400]


# --- A collector that goes and comes back ---


def test_a_collector_that_is_gone_is_said_and_one_that_is_back_gets_the_spans_that_waited_first(tmp_path: Path):
    [port] = free_ports(1)
    with Receiver() as second:
        forward_to = f"http://127.0.0.1:{second.port}"
        recorder = SpanRecorder(exporter(f"http://127.0.0.1:{port}/v1/traces", timeout_seconds=2.0))

        def flush(name: str) -> None:
            recorder.end_span(recorder.start_span(SpanStart(name)))
            recorder.flush()

        with rotel.running_rotel(tmp_path, forward_to, port):
            flush("before")
        with pytest.raises(FlushError, match=rf"1 span waits .*: http://127\.0\.0\.1:{port}/v1/traces: .*refused.*, after \d+ attempts"):
            flush("while it was gone")
        with rotel.running_rotel(tmp_path, forward_to, port):
            flush("after")
    assert [each.name for each in spans_in(forwarded(second))] == ["before", "while it was gone", "after"]
    assert (recorder.stats.exported, recorder.stats.dropped.total()) == ({"otlp": 3}, 0)
