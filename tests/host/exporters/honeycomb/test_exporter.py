"""What a receiver on loopback gets in Honeycomb's place: path, headers and bytes, on both engines; and no command of a guest's."""

from __future__ import annotations

import gzip
import logging
import os
import time

import pytest

from bext_abi import FlushError, SpanEvent, SpanHandle, SpanLink, SpanStart
from bext_host import SpanRecorder
from bext_host.exporters import SpansLost, SpansWaiting
from bext_host.exporters.honeycomb import HoneycombSettings, HoneycombSpanExporter
from bext_host.exporters.honeycomb.commands import COMMAND_KEYS, COMMAND_PREFIXES
from bext_host.exporters.http import BackOff
from bext_host.exporters.otlp import OtlpSpanExporter, encode_request
from bext_host.exporters.otlp.reference import messages
from bext_host.exporters.resource import resource_attributes
from bext_host.runtime.our_tracers import OURS
from host.exporters.sample_spans import a_request, span
from support.http_receiver import Receiver, answer, close
from support.raw_guest import ENGINES

KEY = "hcaik_" + "k3y" * 19 + "x"
PROTOBUF = {"Content-Type": "application/x-protobuf"}
EVERY_ENGINE = pytest.mark.parametrize("engine", ENGINES)
COMMANDS = [*COMMAND_KEYS, *(prefix + "anything" for prefix in COMMAND_PREFIXES)]
HARMLESS = ["samplerate", "SAMPLERATE", "Name", "names", "meta", "metadata", "trace_id", "http.route", "sampleRate2", "guest.name", " name"]


@pytest.fixture(autouse=True)
def _only_these_variables(monkeypatch):
    for name in list(os.environ):
        if name.startswith(("OTEL_", "HONEYCOMB_")):
            monkeypatch.delenv(name)


def exporter(receiver, **options) -> HoneycombSpanExporter:
    settings = HoneycombSettings.of(api_key=KEY, endpoint=f"http://127.0.0.1:{receiver.port}")
    return HoneycombSpanExporter(settings, back_off=BackOff(0.001, 0.01), **options)


def told_by(receiver, **options) -> str:
    """What is said of a span that was not taken."""
    with pytest.raises((SpansLost, SpansWaiting)) as caught:
        exporter(receiver, **options).export([span(1)], time.monotonic() + 10.0)
    return str(caught.value)


def test_a_request_has_honeycombs_path_and_headers_and_otlps_bytes():
    with Receiver(answer(200, b"", PROTOBUF)) as receiver:
        exporter(receiver, resource={"service.name": "shop"}).export(a_request(), time.monotonic() + 10.0)
        [request] = receiver.requests
    assert request.line == "POST /v1/traces HTTP/1.1"
    assert request.headers["x-honeycomb-team"] == KEY
    assert "x-honeycomb-dataset" not in request.headers
    assert (request.headers["content-type"], request.headers["content-encoding"]) == ("application/x-protobuf", "gzip")
    assert gzip.decompress(request.body) == encode_request(a_request(), resource_attributes("shop"))


def test_the_factorys_options_and_variables_get_there(monkeypatch):
    monkeypatch.setenv("HONEYCOMB_API_KEY", "0123456789abcdef" * 2)
    monkeypatch.setenv("HONEYCOMB_DATASET", "orders")
    with Receiver(answer(200, b"", PROTOBUF)) as receiver:
        monkeypatch.setenv("HONEYCOMB_API_ENDPOINT", f"http://127.0.0.1:{receiver.port}")
        made = OURS["tracer-honeycomb"](service_name="shop", compression="none")
        made.export([span(1)], time.monotonic() + 10.0)
        [request] = receiver.requests
    assert request.headers["x-honeycomb-team"] == "0123456789abcdef" * 2
    assert request.headers["x-honeycomb-dataset"] == "orders"
    assert request.body == encode_request([span(1)], resource_attributes("shop"))


def test_another_receivers_headers_never_reach_honeycomb_nor_honeycombs_key_another_receiver(monkeypatch):
    for prefix in ("OTEL_EXPORTER_OTLP_", "OTEL_EXPORTER_OTLP_TRACES_"):
        monkeypatch.setenv(prefix + "HEADERS", "authorization=Bearer%20other,x-honeycomb-team=other")
        monkeypatch.setenv(prefix + "COMPRESSION", "none")
        monkeypatch.setenv(prefix + "CERTIFICATE", "/nowhere.pem")
    monkeypatch.setenv("HONEYCOMB_API_KEY", KEY)
    with Receiver(answer(200, b"", PROTOBUF)) as receiver:
        exporter(receiver).export([span(1)], time.monotonic() + 10.0)
        for prefix in ("OTEL_EXPORTER_OTLP_", "OTEL_EXPORTER_OTLP_TRACES_"):
            monkeypatch.delenv(prefix + "CERTIFICATE")
        OtlpSpanExporter(endpoint=receiver.url).export([span(1)], time.monotonic() + 10.0)
        honeycomb, other = receiver.requests
    assert "other" not in str(honeycomb.headers)
    assert (honeycomb.headers["x-honeycomb-team"], honeycomb.headers["content-encoding"]) == (KEY, "gzip")
    assert KEY not in str(other.headers)


@pytest.mark.parametrize("act", [answer(401, f"unknown API key {KEY}".encode()), answer(503, KEY.encode()), close, answer(302)])
def test_what_went_wrong_never_shows_the_key_however_it_comes_back(act, caplog):
    caplog.set_level(logging.DEBUG)
    with Receiver(act) as receiver:
        told = told_by(receiver, timeout_seconds=0.3)
    assert f"http://127.0.0.1:{receiver.port}/v1/traces: " in told
    assert KEY not in told
    assert KEY not in caplog.text


@pytest.mark.parametrize("rejected", [0, 1])
def test_a_partial_success_never_shows_the_key(rejected, caplog):
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTracePartialSuccess, ExportTraceServiceResponse

    partial = ExportTracePartialSuccess(rejected_spans=rejected, error_message=f"not with {KEY}")
    body = ExportTraceServiceResponse(partial_success=partial).SerializeToString()
    with Receiver(answer(200, body, PROTOBUF)) as receiver:
        if rejected:
            assert "rejected: not with ***" in told_by(receiver)
        else:
            exporter(receiver).export([span(1)], time.monotonic() + 10.0)
            assert "not with ***" in caplog.text
    assert KEY not in caplog.text


@EVERY_ENGINE
def test_flush_names_honeycomb_and_not_the_key(engine):
    with Receiver(answer(401, KEY.encode())) as receiver:
        recorder = SpanRecorder(exporter(receiver), engine=engine, sampler="always_on")
        recorder.end_span(recorder.start_span(SpanStart("s")))
        with pytest.raises(FlushError, match=r"honeycomb: .*401 Unauthorized: \*\*\*, after 1 attempt") as caught:
            recorder.flush()
    assert KEY not in str(caught.value)
    assert KEY not in repr(caught.value)


def sent(engine: str, attributes) -> dict[str, list[tuple[str, object]]]:
    """What reached the receiver of these attributes, set on a span in both ways, on an event and on a link."""
    with Receiver(answer(200, b"", PROTOBUF)) as receiver:
        made = exporter(receiver, resource={"service.name": "shop", "SampleRate": 7})
        with SpanRecorder(made, engine=engine, sampler="always_on") as recorder:
            link = SpanLink(SpanHandle(7, 8), attributes)
            started = recorder.start_span(SpanStart("started", attributes=attributes, links=(link,)))
            recorder.add_event(started, SpanEvent("event", attributes))
            recorder.end_span(started)
            changed = recorder.start_span(SpanStart("set"))
            for key, value in attributes.items():
                recorder.set_attribute(changed, key, value)
            recorder.end_span(changed)
            recorder.flush()
        [request] = receiver.requests
    [resource] = messages().ExportTraceServiceRequest.FromString(gzip.decompress(request.body)).resource_spans
    spans = {each.name: each for scope in resource.scope_spans for each in scope.spans}
    found = {"resource": resource.resource, "event": spans["started"].events[0], "link": spans["started"].links[0], **spans}
    return {what: [(each.key, each.value.int_value) for each in holder.attributes] for what, holder in found.items()}


@EVERY_ENGINE
def test_commands_are_renamed_with_their_values_and_nothing_else_is(engine):
    found = sent(engine, {key: number for number, key in enumerate([*COMMANDS, *HARMLESS])})
    expected = [(f"guest.{key}", number) for number, key in enumerate(COMMANDS)]
    expected += [(key, number) for number, key in enumerate(HARMLESS, len(COMMANDS))]
    for what in ("started", "set", "event", "link"):
        assert found[what] == expected
    assert ("SampleRate", 7) in found["resource"]  # the site's


@EVERY_ENGINE
def test_a_key_and_its_renamed_self_are_both_sent(engine):
    assert sent(engine, {"name": 1, "guest.name": 2})["set"] == [("guest.name", 1), ("guest.name", 2)]


def test_every_entry_has_a_reason():
    assert all({**COMMAND_KEYS, **COMMAND_PREFIXES}.values())
