"""Bodies that a receiver cannot take for a time: kept in order, bounded, sent again when it is back, and told by every flush."""

from __future__ import annotations

import gc
import os
import threading
import time
import weakref
from pathlib import Path

import msgpack
import pytest

from bext_abi import FlushError, SpanStart
from bext_host import FinishedSpan, Limits, SpanRecorder
from bext_host.exporters import SpansWaiting
from bext_host.exporters.datadog import DatadogSettings, DatadogSpanExporter
from bext_host.exporters.http import SEARCH_REQUESTS, BackOff, outbox
from bext_host.settings import ENGINE_VARIABLE
from host.exporters.http.http_spans import NEVER, accounts, failure, names, otlp, record, wait_until
from support.http_receiver import Receiver, answer, close, raw
from support.raw_guest import ENGINES
from support.recording import recorded_batch

HALF = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
QUICK = BackOff(0.001, 0.01)


@pytest.fixture(params=ENGINES, autouse=True)
def _engine(request, monkeypatch):
    for name in list(os.environ):
        if name.startswith(("OTEL_", "DD_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv(ENGINE_VARIABLE, request.param)


@pytest.fixture(params=["memory", "spool"])
def place(request, tmp_path) -> dict[str, object]:
    """Where it waits."""
    return {} if request.param == "memory" else {"spool": tmp_path / "spool"}


def bodies(receiver: Receiver) -> list[list[str]]:
    return [names(request.body) for request in receiver.requests]


@pytest.mark.parametrize("trouble", [answer(503), answer(429), answer(502), answer(504), close, HALF], ids=str)
def test_a_receiver_in_trouble_gets_the_spans_later_in_order(place, trouble):
    with Receiver(trouble) as receiver:
        exporter = otlp(receiver.url, **place)
        recorder = SpanRecorder(exporter)
        for name in "abc":
            record(recorder, name)
            assert " to be sent again " in failure(recorder.flush)
        assert accounts(recorder, exporter) == (0, 3, 0)
        assert bodies(receiver) == [["a"], ["a"], ["a"]]  # one request a flush: the oldest finds out for all
        receiver._acts = [answer(200)]
        recorder.flush()
        assert bodies(receiver)[3:] == [["a"], ["b"], ["c"]]
        assert accounts(recorder, exporter) == (3, 0, 0)
        recorder.close()


def test_a_flush_says_how_much_waits_where_and_why(tmp_path):
    with Receiver(answer(503, b"overloaded")) as receiver:
        for options, where in (({}, "in memory"), ({"spool": tmp_path}, f"spool {tmp_path}")):
            recorder = SpanRecorder(otlp(receiver.url, **options))
            record(recorder, *"abcde")
            why = f"{receiver.url}: 503 Service Unavailable: overloaded, after 1 attempt"
            assert failure(recorder.flush) == f"SpansWaiting: 5 spans wait to be sent again ({where}): {why}"
            assert failure(recorder.flush) == f"SpansWaiting: 5 spans wait to be sent again ({where}): {why}"


def test_the_rest_of_a_batch_waits_with_the_piece_that_failed(place):
    with Receiver(answer(200), answer(503), answer(200)) as receiver:
        exporter = otlp(receiver.url, max_body_bytes=1, **place)  # a body for each span
        recorder = SpanRecorder(exporter)
        record(recorder, *"abcd")
        assert "3 spans wait" in failure(recorder.flush)
        assert bodies(receiver) == [["a"], ["b"]]
        recorder.flush()
        assert bodies(receiver)[2:] == [["b"], ["c"], ["d"]]
        assert accounts(recorder, exporter) == (4, 0, 0)


def test_while_something_waits_new_batches_do_not_ask_again(place):
    with Receiver(answer(503)) as receiver:
        exporter = otlp(receiver.url, **place)
        recorder = SpanRecorder(exporter, limits=Limits(batch_spans=1))
        record(recorder, *"abcdefgh")
        assert "8 spans wait" in failure(recorder.flush)
        assert len(receiver.requests) == 1


def test_a_new_batch_does_not_wait_until_very_many_older_ones_are_sent(place):
    with Receiver(answer(503), answer(200)) as receiver:
        exporter = otlp(receiver.url, back_off=BackOff(1e9, 0.0), **place)  # no wait at all
        exporter.export(recorded_batch(lambda recorder: record(recorder, "a")), time.monotonic() + 20.0)
        receiver._acts = [answer(503)]
        for name in "bcdefgh":
            with pytest.raises(SpansWaiting):
                exporter.export(recorded_batch(lambda recorder, name=name: record(recorder, name)), time.monotonic() + 0.05)
        receiver._acts = [answer(200)]
        del receiver.requests[:]
        with pytest.raises(SpansWaiting, match="4 spans wait"):
            exporter.export(recorded_batch(lambda recorder: record(recorder, "i")), time.monotonic() + 20.0)
        assert bodies(receiver) == [["b"], ["c"], ["d"], ["e"]]
        exporter.resend(time.monotonic() + 20.0, lambda: True)
        assert bodies(receiver)[4:] == [["f"], ["g"], ["h"], ["i"]]
        exporter.shutdown(time.monotonic() + 20.0)


def test_retry_after_is_honoured_even_by_a_flush(place):
    with Receiver(answer(429, headers={"Retry-After": "600"}), answer(200)) as receiver:
        recorder = SpanRecorder(otlp(receiver.url, **place))
        record(recorder, "a")
        for _ in range(3):
            assert "429 Too Many Requests" in failure(recorder.flush)
        assert len(receiver.requests) == 1


def test_a_short_retry_after_is_waited_for_by_the_idle_exporter(place):
    with Receiver(answer(429, headers={"Retry-After": "1"}), answer(200)) as receiver:
        exporter = otlp(receiver.url, timeout_seconds=0.5, back_off=QUICK, **place)
        recorder = SpanRecorder(exporter)
        record(recorder, "a")
        failure(recorder.flush)
        wait_until(lambda: recorder.stats.exported["otlp"] == 1)
        assert accounts(recorder, exporter) == (1, 0, 0)
        assert len(receiver.requests) == 2


def test_what_waits_is_sent_without_a_new_batch_or_a_flush(place):
    with Receiver(*[answer(503)] * 6, answer(200)) as receiver:
        exporter = otlp(receiver.url, timeout_seconds=0.01, back_off=BackOff(0.02, 0.02), **place)
        recorder = SpanRecorder(exporter, limits=Limits(batch_spans=1))
        record(recorder, *"abc")
        failure(recorder.flush)
        wait_until(lambda: recorder.stats.exported["otlp"] == 3)
        assert accounts(recorder, exporter) == (3, 0, 0)
        assert bodies(receiver)[-3:] == [["a"], ["b"], ["c"]]


def test_a_receiver_that_is_gone_and_comes_back(place):
    with Receiver() as receiver:
        port = receiver.port
    exporter = otlp(receiver.url, **place)
    recorder = SpanRecorder(exporter)
    record(recorder, "a")
    assert "cannot connect (Connection refused)" in failure(recorder.flush)
    with Receiver(port=port) as again:
        recorder.flush()
        assert bodies(again) == [["a"]]
    assert exporter.stats.sent_again == exporter.stats.answers_lost == 0


# --- What waits is bounded, and what is lost is counted ---


def test_what_does_not_fit_is_the_newest_and_is_counted(place):
    with Receiver(answer(503), answer(200)) as receiver:
        exporter = otlp(receiver.url, max_waiting_bytes=25_000, **place)
        recorder = SpanRecorder(exporter, limits=Limits(batch_spans=1))
        record(recorder, "a" * 10_000, "b" * 10_000, "c" * 10_000, "d")
        text = failure(recorder.flush)
        assert text.startswith(f"SpansLost: 1 span lost: 1 ({receiver.url}: 503 Service Unavailable, after 1 attempt; not kept ")
        assert " of at most 25000 bytes" in text
        assert "; SpansWaiting: 3 spans wait to be sent again (" in text
        assert accounts(recorder, exporter) == (0, 3, 1)
        recorder.flush()
        assert accounts(recorder, exporter) == (3, 0, 1)
    assert [body[0][0] for body in bodies(receiver)] == ["a", "a", "b", "d"]


def test_the_number_of_bodies_is_bounded_however_small_they_are(place, monkeypatch):
    monkeypatch.setattr(outbox, "MOST_BODIES", 2)
    with Receiver(answer(503), answer(200)) as receiver:
        exporter = otlp(receiver.url, **place)
        recorder = SpanRecorder(exporter, limits=Limits(batch_spans=1))
        record(recorder, *"abcd")
        assert "2 bodies wait already" in failure(recorder.flush)
        recorder.flush()
        assert accounts(recorder, exporter) == (2, 0, 2)
        assert bodies(receiver) == [["a"], ["a"], ["b"]]


def test_with_no_room_at_all_everything_is_lost_as_it_fails():
    with Receiver(answer(503), answer(200)) as receiver:
        exporter = otlp(receiver.url, max_waiting_bytes=0)
        recorder = SpanRecorder(exporter)
        record(recorder, "a", "b")
        assert "SpansLost: 2 spans lost" in failure(recorder.flush)
        recorder.flush()
        assert accounts(recorder, exporter) == (0, 0, 2)
    assert len(receiver.requests) == 1


def test_closing_tries_once_more_and_gives_up_what_waits_in_memory():
    with Receiver(answer(503)) as receiver:
        exporter = otlp(receiver.url)
        recorder = SpanRecorder(exporter)
        record(recorder, "a", "b")
        failure(recorder.flush)
        text = failure(recorder.close)
        assert text.startswith("SpansLost: 2 spans lost: 2 (waited in memory until the end: ")
        assert "503 Service Unavailable" in text
        assert "wait to be sent" not in text
        assert accounts(recorder, exporter) == (0, 0, 2)
        assert len(receiver.requests) == 2


def test_closing_sends_what_waits_where_it_can(place):
    with Receiver(answer(503), answer(200)) as receiver:
        exporter = otlp(receiver.url, **place)
        recorder = SpanRecorder(exporter)
        record(recorder, "a")
        failure(recorder.flush)
        recorder.close()
        assert accounts(recorder, exporter) == (1, 0, 0)


def test_what_waits_in_a_spool_at_the_close_is_the_next_recorders(tmp_path):
    with Receiver(answer(503)) as receiver:
        exporter = otlp(receiver.url, spool=tmp_path)
        recorder = SpanRecorder(exporter)
        record(recorder, "a", "b")
        assert "SpansWaiting: 2 spans wait to be sent again (spool " in failure(recorder.close)
        assert accounts(recorder, exporter) == (0, 2, 0)
    with Receiver(port=receiver.port) as again:
        following = otlp(receiver.url, spool=tmp_path)
        recorder = SpanRecorder(following)
        record(recorder, "c")
        recorder.flush()
        assert bodies(again) == [["a", "b"], ["c"]]
        assert accounts(recorder, following) == (1, 0, 0)
        assert (following.stats.earlier_taken, following.stats.earlier_waiting) == (2, 0)
        recorder.close()


def test_what_an_earlier_process_left_is_sent_by_a_recorder_that_records_nothing(tmp_path):
    with Receiver(answer(503), answer(503), answer(503), answer(200)) as receiver:
        first = SpanRecorder(otlp(receiver.url, spool=tmp_path))
        record(first, "a")
        failure(first.close)
        second = SpanRecorder(otlp(receiver.url, spool=tmp_path))
        assert "1 span of earlier processes waits to be sent again (spool " in failure(second.flush)
        second.flush()
        assert bodies(receiver)[-1] == ["a"]
        assert second.stats.exported == {}
        third = otlp(receiver.url, spool=tmp_path)
        idle = SpanRecorder(third)
        idle.start_exporting()
        wait_until(lambda: third.resend_at is None)


# --- What can and what cannot be sent again ---


@pytest.mark.parametrize("status", [400, 413, 401, 404, 500])
def test_what_is_refused_for_good_does_not_wait(place, status):
    with Receiver(answer(status), answer(200)) as receiver:
        exporter = otlp(receiver.url, **place)
        recorder = SpanRecorder(exporter)
        record(recorder, "a")
        assert "SpansLost: 1 span lost" in failure(recorder.flush)
        recorder.flush()
        assert accounts(recorder, exporter) == (0, 0, 1)


def test_a_waiting_body_that_is_refused_does_not_hold_up_the_others(place):
    with Receiver(answer(503), answer(500, b"I choked"), answer(200)) as receiver:
        exporter = otlp(receiver.url, **place)
        recorder = SpanRecorder(exporter, limits=Limits(batch_spans=1))
        record(recorder, *"abc")
        failure(recorder.flush)
        text = failure(recorder.flush)
        assert text.startswith('SpansLost: 1 span lost: 1 (span "a" ')
        assert " waited, and was refused: " in text
        assert "500 Internal Server Error: I choked" in text
        assert accounts(recorder, exporter) == (2, 0, 1)
        assert bodies(receiver) == [["a"], ["a"], ["b"], ["c"]]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_wrong_key_does_not_cost_what_waits(place, status):
    with Receiver(answer(503), answer(status), answer(200)) as receiver:
        exporter = otlp(receiver.url, **place)
        recorder = SpanRecorder(exporter)
        record(recorder, "a")
        failure(recorder.flush)
        assert f": {status} " in failure(recorder.flush)
        recorder.flush()
        assert accounts(recorder, exporter) == (1, 0, 0)


def refusing(*bad: str, status: int, read=names):
    """Down for one request, then it refuses what has a bad span in it."""
    down = iter([answer(503)])
    return lambda body: next(down, answer(status, b"no") if set(bad) & set(read(body)) else answer(200))


@pytest.mark.parametrize("status", [400, 413])
def test_the_guilty_span_in_a_waiting_body_is_found_and_its_neighbours_arrive_in_order(place, status):
    wanted = [f"span-{number}" for number in range(64)]
    wanted[40] = "evil"
    with Receiver(by_body=refusing("evil", status=status)) as receiver:
        exporter = otlp(receiver.url, **place)
        recorder = SpanRecorder(exporter)
        record(recorder, *wanted)
        assert "64 spans wait" in failure(recorder.flush)
        record(recorder, "next")
        text = failure(recorder.flush)
        assert text.startswith('SpansLost: 1 span lost: 1 (span "evil" ')
        assert f" waited, and was refused: {receiver.url}: {status} " in text
        taken = [body for body in bodies(receiver)[1:] if "evil" not in body]
        assert [name for body in taken for name in body] == [name for name in wanted if name != "evil"] + ["next"]
        assert accounts(recorder, exporter) == (64, 0, 1)


def test_the_search_in_a_waiting_body_is_bounded(place):
    with Receiver(answer(503), answer(400)) as receiver:
        exporter = otlp(receiver.url, **place)
        recorder = SpanRecorder(exporter)
        record(recorder, *["x"] * 512)
        failure(recorder.flush)
        assert "SpansLost: 512 spans lost" in failure(recorder.flush)
        assert accounts(recorder, exporter) == (0, 0, 512)
        assert len(receiver.requests) <= SEARCH_REQUESTS + 20


def test_a_search_that_an_outage_interrupts_goes_on_in_the_next_process(tmp_path):
    acts = [answer(503), answer(400), answer(200), answer(400), answer(503)]
    with Receiver(*acts) as receiver:
        recorder = SpanRecorder(otlp(receiver.url, spool=tmp_path))
        record(recorder, *"abcdefgh")
        failure(recorder.flush)
        assert "4 spans wait" in failure(recorder.flush)
        assert bodies(receiver)[1:] == [[*"abcdefgh"], [*"abcd"], [*"efgh"], [*"ef"]]
        failure(recorder.close)
        receiver._acts = [answer(200)]
        exporter = otlp(receiver.url, spool=tmp_path)
        with SpanRecorder(exporter):
            pass
        assert bodies(receiver)[-2:] == [[*"ef"], [*"gh"]]
        assert exporter.stats.earlier_taken == 4
        assert list(tmp_path.rglob("*.batch")) == []


def datadog_names(body: bytes) -> list[str]:
    return [span["resource"] for chunk in msgpack.unpackb(body) for span in chunk]


def test_the_guilty_span_in_a_body_for_datadog_is_found_too(place):
    with Receiver(by_body=refusing("evil", status=400, read=datadog_names)) as receiver:
        exporter = datadog(receiver, **place)
        recorder = SpanRecorder(exporter)
        record(recorder, "a", "b", "evil", "c", "d")
        failure(recorder.flush)
        text = failure(recorder.flush)
        assert text.startswith('SpansLost: 1 span lost: 1 (span "evil" ')
        assert accounts(recorder, exporter) == (4, 0, 1)
        for request in receiver.requests:
            assert request.headers["x-datadog-trace-count"] == str(len(msgpack.unpackb(request.body)))


def test_a_partial_success_is_one_for_what_waited_too(place):
    partial = answer(200, b"\x0a\x0b\x08\x02\x12\x07too old", {"Content-Type": "application/x-protobuf"})
    with Receiver(answer(503), partial) as receiver:
        exporter = otlp(receiver.url, **place)
        recorder = SpanRecorder(exporter)
        record(recorder, *"abc")
        failure(recorder.flush)
        assert failure(recorder.flush) == f"SpansLost: 2 spans lost: 2 ({receiver.url}: rejected: too old)"
        assert accounts(recorder, exporter) == (1, 0, 2)


@pytest.mark.parametrize(("trouble", "lost"), [(close, 1), (HALF, 1), (answer(503), 0)], ids=["close", "half", "503"])
def test_a_body_that_may_have_been_taken_is_counted_where_it_is_sent_again(place, trouble, lost):
    with Receiver(trouble, answer(200)) as receiver:
        exporter = otlp(receiver.url, **place)
        recorder = SpanRecorder(exporter)
        record(recorder, "a")
        failure(recorder.flush)
        assert (exporter.stats.answers_lost, exporter.stats.sent_again) == (lost, 0)
        recorder.flush()
        assert (exporter.stats.answers_lost, exporter.stats.sent_again) == (lost, lost)
        assert exporter.stats.requests == len(receiver.requests) == 2


def test_attempts_inside_one_sending_count_as_well():
    with Receiver(close, answer(503), close, answer(200)) as receiver:
        exporter = otlp(receiver.url, back_off=QUICK)
        recorder = SpanRecorder(exporter)
        record(recorder, "a")
        recorder.flush()
        assert len(receiver.requests) == 4
        assert (exporter.stats.answers_lost, exporter.stats.sent_again) == (2, 3)


def test_a_receiver_that_hangs_may_have_taken_it():
    with Receiver() as receiver:
        receiver._acts = [receiver.hang]
        exporter = otlp(receiver.url, timeout_seconds=0.1)
        recorder = SpanRecorder(exporter)
        record(recorder, "a")
        assert "no answer in time" in failure(recorder.flush)
        assert exporter.stats.answers_lost == 1


# --- The spool ---


def test_what_was_meant_for_one_address_is_never_sent_to_another(tmp_path):
    with Receiver(answer(503), answer(503), answer(200)) as first, Receiver() as other:
        recorder = SpanRecorder(otlp(first.url, spool=tmp_path))
        record(recorder, "secret")
        failure(recorder.close)
        for url in (other.url, first.url + "?tenant=2", first.url + "/"):
            with SpanRecorder(otlp(url, spool=tmp_path)) as elsewhere:
                record(elsewhere, "ours")
        assert bodies(other) == [["ours"]]
        assert bodies(first)[2:] == [["ours"], ["ours"]]
        with SpanRecorder(otlp(first.url, spool=tmp_path)):
            pass
        assert bodies(first)[4:] == [["secret"]]


def test_a_spool_has_no_key_and_no_address_in_it(tmp_path):
    with Receiver(answer(503)) as receiver:
        url = receiver.url + "?key=tops3cret"
        recorder = SpanRecorder(otlp(url, spool=tmp_path, headers={"x-key": "tops3cret"}))
        record(recorder, "a")
        failure(recorder.close)
        for path in tmp_path.rglob("*"):
            assert "tops3cret" not in str(path)
            assert str(receiver.port) not in path.relative_to(tmp_path).parts[0]
            if path.is_file():
                assert b"tops3cret" not in path.read_bytes()
                assert b"127.0.0.1" not in path.read_bytes()


def datadog(receiver: Receiver, **options) -> DatadogSpanExporter:
    settings = DatadogSettings(agent_url=f"http://127.0.0.1:{receiver.port}")
    return DatadogSpanExporter(settings, back_off=NEVER, **options)


def test_datadogs_trace_count_is_that_of_the_body_when_it_comes_from_a_spool(tmp_path):
    with Receiver(answer(503)) as receiver:
        recorder = SpanRecorder(datadog(receiver, spool=tmp_path))
        record(recorder, *"abc")
        failure(recorder.close)
    with Receiver(port=receiver.port) as again:
        exporter = datadog(again, spool=tmp_path)
        with SpanRecorder(exporter):
            pass
        [request] = again.requests
        assert len(msgpack.unpackb(request.body)) == 3
        assert request.headers["x-datadog-trace-count"] == "3"
        assert exporter.stats.earlier_taken == 3


def test_formats_are_kept_apart(tmp_path):
    with Receiver(answer(503)) as receiver:
        for exporter in (datadog(receiver, spool=tmp_path), otlp(f"http://127.0.0.1:{receiver.port}/v0.4/traces", spool=tmp_path)):
            recorder = SpanRecorder(exporter)
            record(recorder, "a")
            failure(recorder.close)
    assert sorted(path.name.partition("-")[0] for path in tmp_path.iterdir()) == ["datadog", "otlp"]


def test_a_compressed_body_waits_as_it_is_and_is_compressed_when_it_is_sent(tmp_path):
    with Receiver(answer(503), answer(200)) as receiver:
        recorder = SpanRecorder(otlp(receiver.url, spool=tmp_path, compression="gzip"))
        record(recorder, "a name to look for")
        failure(recorder.flush)
        [path] = tmp_path.rglob("*.batch")
        assert b"a name to look for" in path.read_bytes()
        recorder.flush()
        assert receiver.requests[1].headers["content-encoding"] == "gzip"


def refused(path: Path) -> str:
    with pytest.raises(ValueError, match="spool") as raised:
        otlp("http://127.0.0.1:9/", spool=path)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_directory_that_cannot_be_is_refused_at_the_start(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    assert refused(file) == f"spool {file} cannot be used: Not a directory: {file}"
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    assert refused(open_to_all) == f"spool {open_to_all} cannot be used: {open_to_all}: others may write it (chmod go-w)"
    assert "spool must be the name of a directory" in refused("")
    assert not (tmp_path / "new").exists()
    otlp("http://127.0.0.1:9/", spool=tmp_path / "new" / "deeper")
    assert not (tmp_path / "new").exists()


def test_a_spool_that_cannot_be_written_later_costs_what_it_should_have_kept_and_nothing_else(tmp_path):
    with Receiver(answer(503), answer(200)) as receiver:
        spool = tmp_path / "spool"
        exporter = otlp(receiver.url, spool=spool)
        recorder = SpanRecorder(exporter)
        spool.write_text("somebody else's")
        record(recorder, "a")
        assert f"not kept (spool {spool}): Not a directory" in failure(recorder.flush)
        assert accounts(recorder, exporter) == (0, 0, 1)
        record(recorder, "b")
        recorder.flush()
        assert accounts(recorder, exporter) == (1, 0, 1)


def test_spans_in_a_file_that_somebody_damaged_are_counted_as_lost(tmp_path):
    with Receiver(answer(503), answer(200)) as receiver:
        exporter = otlp(receiver.url, spool=tmp_path)
        recorder = SpanRecorder(exporter, limits=Limits(batch_spans=2))
        record(recorder, *"abcd")
        failure(recorder.flush)
        min(tmp_path.rglob("*.batch")).write_bytes(b"")
        assert failure(recorder.flush).startswith("SpansLost: 2 spans lost: 2 (damaged or removed while they waited (spool ")
        assert accounts(recorder, exporter) == (2, 0, 2)
        assert exporter.stats.damaged == 1


def test_two_exporters_of_one_process_keep_apart_what_they_have_in_one_directory(tmp_path):
    with Receiver(answer(503), answer(503), answer(200)) as receiver:
        exporters = [otlp(receiver.url, spool=tmp_path) for _ in range(2)]
        recorder = SpanRecorder(*exporters)
        record(recorder, "a")
        with pytest.raises(FlushError) as raised:
            recorder.flush()
        assert sorted(raised.value.failures) == ["otlp", "otlp-2"]
        recorder.flush()
        assert bodies(receiver) == [["a"]] * 4
        assert [exporter.stats.taken for exporter in exporters] == [1, 1]


def test_a_flush_with_nothing_to_send_starts_no_thread():
    before = set(threading.enumerate())
    SpanRecorder(otlp("http://127.0.0.1:9/")).flush()
    assert set(threading.enumerate()) - before == set()


def test_a_forked_child_starts_empty_handed(place):
    with Receiver(answer(503), answer(200)) as receiver:
        exporter = otlp(receiver.url, **place)
        recorder = SpanRecorder(exporter)
        record(recorder, "parent")
        failure(recorder.flush)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                empty = exporter.stats.waiting == 0 and recorder.stats.waiting == {}
                recorder.end_span(recorder.start_span(SpanStart("child")))
                recorder.flush()
                code = 0 if empty else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert bodies(receiver)[1:] == [["child"]]
        recorder.flush()
        assert bodies(receiver)[2:] == [["parent"]]


def test_a_body_that_no_one_can_read_holds_up_no_other_and_costs_no_new_batch(tmp_path, caplog):
    """Whole by its checksum, but of another format: every batch from then on was lost, uncounted by the exporter, and it stayed."""
    with Receiver(answer(200, b"{}")) as receiver:
        settings = DatadogSettings(agent_url=receiver.url.removesuffix("/v1/traces"), service="s")
        exporter = DatadogSpanExporter(settings, spool=tmp_path / "spool")
        left = outbox.Outbox("datadog", exporter._dispatch._sender.destination, tmp_path / "spool")
        left.put(b"\xc1", 3, is_doubtful=False)
        left.put(msgpack.packb([[{}]]), 1, is_doubtful=False)
        left.close()
        recorder = SpanRecorder(exporter)
        record(recorder, "a")
        recorder.flush()
        assert accounts(recorder, exporter) == (1, 0, 0)
        assert (exporter.stats.earlier_taken, exporter.stats.earlier_given_up, exporter.stats.earlier_waiting) == (1, 3, 0)
        recorder.close()
    assert "of earlier processes: 3 spans lost: 3 (waited, and cannot be read: " in caplog.text


def test_a_body_that_cannot_be_looked_into_is_refused_as_a_whole(tmp_path):
    with Receiver(answer(400)) as receiver:
        exporter = otlp(receiver.url, spool=tmp_path / "spool")
        left = outbox.Outbox("otlp", exporter._dispatch._sender.destination, tmp_path / "spool")
        for spans in (1, 5):
            left.put(b"\xff", spans, is_doubtful=False)
        left.close()
        recorder = SpanRecorder(exporter)
        recorder.flush()
        assert (exporter.stats.earlier_given_up, exporter.stats.earlier_waiting) == (6, 0)
        recorder.close()


def test_what_a_receiver_says_with_every_answer_is_logged_once(caplog):
    message = answer(200, b"\x0a\x09\x12\x07old api", {"Content-Type": "application/x-protobuf"})
    with Receiver(message) as receiver:
        recorder = SpanRecorder(otlp(receiver.url))
        for _ in range(5):
            record(recorder, "a")
            recorder.flush()
    assert [record.getMessage() for record in caplog.records] == [f"{receiver.url} took the spans, and says: old api"]


def test_what_was_left_and_is_refused_is_one_line_of_the_log_however_many_bodies(tmp_path, caplog):
    with Receiver(answer(500)) as receiver:
        exporter = otlp(receiver.url, spool=tmp_path / "spool")
        left = outbox.Outbox("otlp", exporter._dispatch._sender.destination, tmp_path / "spool")
        for _ in range(9):
            left.put(b"", 2, is_doubtful=False)
        left.close()
        recorder = SpanRecorder(exporter)
        recorder.flush()
        assert exporter.stats.earlier_given_up == 18
        recorder.close()
    (line,) = caplog.records
    assert line.getMessage().startswith("of earlier processes: 18 spans lost: 18 (waited, and was refused: ")


def test_while_a_receiver_is_in_trouble_no_batch_is_held_beside_its_body():
    """The error of the last request held the spans, by the frames of its traceback."""

    class Watched(list[FinishedSpan]):
        """A batch that can be watched."""

    exporter = otlp("http://127.0.0.1:9/v1/traces", timeout_seconds=0.1)
    batch = Watched([])
    batch += recorded_batch(lambda recorder: record(recorder, "a"))
    held = weakref.ref(batch)
    with pytest.raises(SpansWaiting):
        exporter.export(batch, time.monotonic() + 5.0)
    del batch
    gc.collect()
    assert held() is None
