"""OtlpSpanExporter: batches cut, the guilty span found and named, and the count of what was lost exact."""

from __future__ import annotations

import logging
import time

import pytest

from bext_abi import FlushError, SpanStart
from bext_host import SpanRecorder
from bext_host.exporters import SpansLost
from bext_host.exporters.http import SEARCH_REQUESTS, Answer, BackOff, PartialSuccess
from bext_host.exporters.otlp import Encoded
from bext_host.exporters.otlp import exporter as exporter_module
from bext_host.exporters.otlp.answers import partial_success, status_message
from bext_host.exporters.otlp.exporter import OtlpSpanExporter
from host.exporters.sample_spans import span
from support.http_receiver import Receiver, answer

PROTOBUF = {"Content-Type": "application/x-protobuf"}


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch):
    import os

    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _readable_bytes(monkeypatch):
    monkeypatch.setattr(exporter_module, "encode_range", encode_lines)


def encode_lines(batch, start: int, stop: int, _resource: bytes) -> Encoded:
    """Stands in for protobuf: one line a span; a span of the name "broken" cannot be encoded."""
    spans = batch[start:stop]
    if any(each.name == "broken" for each in spans):
        raise ValueError("not today")
    return Encoded("".join(f"{each.name}\n" for each in spans).encode(), start, stop)


def named(*names: str):
    return [span(number, name=name) for number, name in enumerate(names, 1)]


def exporter(receiver, **options) -> OtlpSpanExporter:
    return OtlpSpanExporter(**{"endpoint": receiver.url, "back_off": BackOff(0.001, 0.01), **options})


def export(receiver, spans, **options) -> SpansLost | None:
    one = exporter(receiver, **options)
    try:
        one.export(spans, time.monotonic() + 10.0)
    except SpansLost as lost:
        return lost
    finally:
        one.shutdown(time.monotonic())
    return None


def taken(receiver) -> list[str]:
    return b"".join(request.body for request in receiver.requests).decode().split()


def refusing(*bad: bytes, status: int = 400, most: int = 2**30, body: bytes = b"no"):
    def decide(request: bytes):
        refused = len(request) > most or set(bad) & set(request.split())
        return answer(status, body) if refused else answer(200, b"", PROTOBUF)

    return decide


def test_a_batch_is_one_request():
    with Receiver() as receiver:
        assert export(receiver, named("a", "b", "c")) is None
    assert [request.body for request in receiver.requests] == [b"a\nb\nc\n"]
    assert receiver.requests[0].headers["content-type"] == "application/x-protobuf"


def test_an_empty_batch_is_none():
    with Receiver() as receiver:
        assert export(receiver, []) is None
    assert receiver.requests == []


def test_a_batch_is_cut_by_its_encoded_size():
    names = [f"span-{number}" for number in range(100)]
    with Receiver() as receiver:
        assert export(receiver, named(*names), max_body_bytes=100) is None
    assert taken(receiver) == names
    assert max(len(request.body) for request in receiver.requests) <= 100
    assert receiver.connections == 1


def test_a_span_that_is_too_large_alone_is_the_receivers_to_judge():
    with Receiver() as receiver:
        assert export(receiver, named("a", "b" * 200, "c"), max_body_bytes=100) is None
    assert taken(receiver) == ["a", "b" * 200, "c"]


def test_a_span_that_an_encoder_leaves_out_is_counted_once_however_often_its_neighbours_are_sent(monkeypatch):
    def without_broken(batch, start: int, stop: int, resource: bytes) -> Encoded:
        kept = [each for each in batch[start:stop] if each.name != "broken"]
        return Encoded(encode_lines(kept, 0, len(kept), resource).data, start, stop, stop - start - len(kept))

    monkeypatch.setattr(exporter_module, "encode_range", without_broken)
    with Receiver(by_body=refusing(b"bad")) as receiver:
        lost = export(receiver, named("a", "broken", "b", "bad", "c"))
    assert lost is not None
    assert (lost.count, lost.unencodable) == (2, 1)


def test_a_span_that_cannot_be_encoded_is_dropped_alone():
    with Receiver() as receiver:
        lost = export(receiver, named("a", "b", "broken", "c"))
    assert sorted(taken(receiver)) == ["a", "b", "c"]
    assert lost is not None
    assert (lost.count, lost.unencodable) == (1, 1)
    expected = (
        '1 span lost: 1 (span "broken" 0000000000000003 of trace 4bf92f3577b34da6a3ce929d0e0e4736 cannot be encoded: ValueError: not today)'
    )
    assert str(lost) == expected


@pytest.mark.parametrize("status", [400, 413])
def test_the_guilty_span_is_found_and_named(status):
    names = [f"span-{number}" for number in range(512)]
    names[300] = "evil\x1b"
    with Receiver(by_body=refusing(b"evil\x1b", status=status)) as receiver:
        lost = export(receiver, named(*names))
    assert lost is not None
    assert lost.count == 1
    assert f'span "evil\\x1b" {301:016x} of trace' in str(lost)
    assert f"{status} " in str(lost)
    assert ": no, after 1 attempt" in str(lost)
    assert len(receiver.requests) == 19  # 1 + 2 for each of 9 halvings


def test_a_413_is_cut_until_it_fits():
    names = [f"span-{number}" for number in range(64)]
    with Receiver(by_body=refusing(status=413, most=100)) as receiver:
        assert export(receiver, named(*names)) is None
    assert [line for request in receiver.requests if len(request.body) <= 100 for line in request.body.decode().split()] == names


def test_the_search_is_bounded():
    with Receiver(answer(400, b"nothing pleases me")) as receiver:
        lost = export(receiver, named(*["x"] * 512))
    assert lost is not None
    assert lost.count == 512
    assert len(receiver.requests) <= SEARCH_REQUESTS + 10
    assert len(str(lost)) < 3000


def test_what_no_piece_would_survive_is_sent_once():
    with Receiver(answer(401, b"who are you")) as receiver:
        lost = export(receiver, named(*["span"] * 100), max_body_bytes=100)
    assert lost is not None
    assert lost.count == 100
    assert len(receiver.requests) == 1
    assert str(lost) == f"100 spans lost: 100 ({receiver.url}: 401 Unauthorized: who are you, after 1 attempt)"


def test_a_partial_success_is_reported():
    body = b"\x0a\x0b\x08\x02\x12\x07too old"
    with Receiver(answer(200, body, PROTOBUF)) as receiver:
        lost = export(receiver, named("a", "b", "c"))
    assert lost is not None
    assert str(lost) == f"2 spans lost: 2 ({receiver.url}: rejected: too old)"


def test_a_warning_is_logged(caplog):
    with Receiver(answer(200, b"\x0a\x09\x12\x07old api", PROTOBUF)) as receiver, caplog.at_level(logging.WARNING):
        assert export(receiver, named("a")) is None
    assert "took the spans, and says: old api" in caplog.text


def test_a_status_message_is_read_from_protobuf():
    with Receiver(answer(400, b"\x08\x03\x12\x08bad name", PROTOBUF)) as receiver:
        lost = export(receiver, named("a"))
    assert "400 Bad Request: bad name, after 1 attempt" in str(lost)


@pytest.mark.parametrize("body", [b"\xff", b"\x0a\xff", b"\x0a\x02\x08", b"\x0f", b"\x80" * 12, b"\x0a\x0b\x08" + b"\xff" * 9 + b"\x01"])
def test_a_strange_answer_changes_nothing(body):
    found = Answer(200, {"content-type": "application/x-protobuf"}, body)
    assert partial_success(found) == PartialSuccess()
    assert status_message(found) == ""
    assert partial_success(Answer(200, {"content-type": "text/html"}, b"\x0a\x02\x08\x01")) == PartialSuccess()


@pytest.mark.parametrize("engine", ["reference", None])
def test_only_what_was_lost_counts_as_lost(engine):
    with Receiver(by_body=refusing(b"bad")) as receiver:
        recorder = SpanRecorder(exporter(receiver), engine=engine)
        for name in ("a", "bad", "b", "broken", "c"):
            recorder.end_span(recorder.start_span(SpanStart(name)))
        with pytest.raises(FlushError, match=r"otlp: SpansLost: 2 spans lost: .*\"broken\""):
            recorder.close(10.0)
    assert recorder.stats.exported == {"otlp": 3}
    assert (recorder.stats.dropped["export_failed"], recorder.stats.dropped["unencodable"]) == (1, 1)


def test_a_headers_value_that_a_receiver_repeats_is_not_shown():
    with Receiver(answer(403, b"Bearer s3cret-token may not, s3cret-token")) as receiver:
        lost = export(receiver, named("a"), headers={"authorization": "Bearer s3cret-token", "x": "may"})
    assert "403 Forbidden: Bearer *** may not, ***, after 1 attempt" in str(lost)


def test_a_querys_value_that_a_receiver_repeats_is_not_shown():
    with Receiver(answer(404, b"no /v1/traces?api_key=s3cret-token here")) as receiver:
        lost = export(receiver, named("a"), endpoint=receiver.url + "?api_key=s3cret-token&x=1")
    assert "404 Not Found: no /v1/traces?api_key=*** here, after 1 attempt" in str(lost)
