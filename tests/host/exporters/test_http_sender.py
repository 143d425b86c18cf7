"""HttpSender against receivers on their bad days: the right number of attempts, the right words, never past the deadline."""

from __future__ import annotations

import gzip
import os
import socket
import subprocess
import sys
import threading
import time
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from bext_host.exporters.http import BackOff, HttpSender, SendFailed
from bext_host.exporters.http.retry import retry_after_seconds
from support.http_receiver import Receiver, answer, close, raw

QUICK = BackOff(0.001, 0.01)
HALF = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")


def soon(seconds: float = 5.0) -> float:
    return time.monotonic() + seconds


@pytest.fixture
def sender():
    made = []

    def make(url, *arguments, **options):
        made.append(HttpSender(url, *arguments, **{"back_off": QUICK, **options}))
        return made[-1]

    yield make
    for each in made:
        each.close()


def failure(sender, deadline=None) -> SendFailed:
    with pytest.raises(SendFailed) as caught:
        sender.send(b"body", soon() if deadline is None else deadline)
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_body_is_posted_with_the_headers_through_one_connection(sender):
    with Receiver(answer(200, b"taken")) as receiver:
        one = sender(receiver.url + "?key=1", {"X-Team": "7"})
        answers = [one.send(body, soon()) for body in (b"first", b"second")]
    assert [(a.status, a.body, a.attempts) for a in answers] == [(200, b"taken", 1)] * 2
    assert [request.body for request in receiver.requests] == [b"first", b"second"]
    assert receiver.connections == 1
    assert receiver.requests[0].line == "POST /v1/traces?key=1 HTTP/1.1"
    assert receiver.requests[0].headers["x-team"] == "7"
    assert receiver.requests[0].headers["user-agent"].startswith("bext-tracer/")


def test_a_body_can_be_compressed(sender):
    with Receiver() as receiver:
        sender(receiver.url, compress=True).send(b"a" * 1000, soon())
    assert receiver.requests[0].headers["content-encoding"] == "gzip"
    assert gzip.decompress(receiver.requests[0].body) == b"a" * 1000


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_may_succeed_later_is_sent_again(sender, status):
    with Receiver(answer(status), answer(status), answer(200)) as receiver:
        assert sender(receiver.url).send(b"body", soon()).attempts == 3
    assert [request.body for request in receiver.requests] == [b"body"] * 3


@pytest.mark.parametrize("status", [400, 401, 404, 413, 500, 501])
def test_what_will_not_is_sent_once(sender, status):
    with Receiver(answer(status, b"because\n of \x1b[31mthis")) as receiver:
        failed = failure(sender(receiver.url))
    assert len(receiver.requests) == failed.attempts == 1
    assert failed.status == status
    assert str(failed).startswith(f"{receiver.url}: {status} ")
    assert str(failed).endswith(": because of \\x1b[31mthis, after 1 attempt")


def test_retry_after_is_waited_for(sender):
    with Receiver(answer(429, headers={"Retry-After": "1"}), answer(200)) as receiver:
        before = time.monotonic()
        assert sender(receiver.url).send(b"body", soon()).attempts == 2
        assert time.monotonic() - before >= 1.0


def test_retry_after_beyond_the_deadline_is_not_waited_for(sender):
    with Receiver(answer(429, headers={"Retry-After": "3600"})) as receiver:
        failed = failure(sender(receiver.url))
    assert (failed.attempts, failed.status) == (1, 429)
    assert str(failed) == f"{receiver.url}: 429 Too Many Requests, after 1 attempt"


def test_retry_after_is_seconds_or_a_date():
    later = datetime.now(timezone.utc) + timedelta(seconds=100)
    assert retry_after_seconds("7") == 7.0
    assert 90.0 < (retry_after_seconds(format_datetime(later, usegmt=True)) or 0.0) <= 100.0
    assert retry_after_seconds("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert [retry_after_seconds(value) for value in (None, "", "soon", "-1", "1.5", "\u0661")] == [None] * 6


@pytest.mark.parametrize("part", ["99999999999999999999 00:00:00 GMT", "2030 99999999999999999999:00:00 GMT", "2030 00:00:00 +" + 20 * "9"])
def test_a_retry_after_with_numbers_that_no_date_has_says_nothing(sender, part):
    """Such a header made `send` raise OverflowError, and a body that waited was asked about twenty times a second for ever."""
    with Receiver(answer(503, headers={"Retry-After": f"Wed, 01 Jan {part}"})) as receiver:
        failed = failure(sender(receiver.url, timeout_seconds=0.3))
    assert (failed.is_temporary, failed.retry_after_seconds) == (True, None)


FIRST_LINES = [b"POST /v1/traces?key=sesame-open HTTP/1.1", b"HTTP/2 200 sesame-open", b"HTTP/1.1 sesame-open", 999 * b"sesame-open"]


@pytest.mark.parametrize("first_line", FIRST_LINES, ids=range(len(FIRST_LINES)))
def test_an_answer_that_is_not_http_is_not_shown_as_it_may_repeat_the_query(sender, first_line):
    with Receiver(raw(first_line + b"\r\n\r\n")) as receiver:
        failed = failure(sender(receiver.url + "?key=sesame-open", timeout_seconds=0.3))
    assert str(failed).startswith(f"{receiver.url}: its answer is not HTTP, ")
    assert "sesame" not in str(failed)


def test_a_head_that_is_malformed_is_not_logged_with_the_query_for_each_answer(sender, caplog):
    with Receiver(raw(b"HTTP/1.1 200 OK\r\nno colon\r\nX-Other: 1\r\n\r\nbody")) as receiver:
        assert sender(receiver.url + "?key=sesame-open").send(b"body", soon()).body == b"body"
    assert not caplog.records


@pytest.mark.parametrize("status", [101, 102, 103])
def test_an_interim_answer_is_none_and_never_the_next_requests(sender, status):
    two = raw(b"HTTP/1.1 %d Whatever\r\n\r\nHTTP/1.1 400 Late\r\nContent-Length: 0\r\n\r\n" % status)
    with Receiver(two, answer(200)) as receiver:
        one = sender(receiver.url)
        assert one.send(b"body", soon()).attempts == 2
        assert one.counts.answers_lost == 1
    with Receiver(two) as receiver:
        assert f"an interim answer ({status}), and no other" in str(failure(sender(receiver.url, timeout_seconds=0.3)))


def test_503_until_the_deadline(sender):
    with Receiver(answer(503, b"overloaded")) as receiver:
        failed = failure(sender(receiver.url, timeout_seconds=0.3))
    assert failed.attempts == len(receiver.requests) > 2
    assert "503 Service Unavailable: overloaded" in str(failed)
    assert str(failed).endswith(f", after {failed.attempts} attempts")
    assert failed.status == 503


def test_half_a_response_is_asked_for_again(sender):
    with Receiver(HALF, answer(200)) as receiver:
        assert sender(receiver.url).send(b"body", soon()).attempts == 2
    with Receiver(HALF) as receiver:
        assert "the connection ended before the answer did" in str(failure(sender(receiver.url, timeout_seconds=0.3)))


def test_a_closed_connection_is_opened_again(sender):
    with Receiver(close, answer(200)) as receiver:
        assert sender(receiver.url).send(b"body", soon()).attempts == 2
    with Receiver(close) as receiver:
        failed = failure(sender(receiver.url, timeout_seconds=0.3))
        assert "the connection ended before the answer did" in str(failed)
        assert failed.attempts > 2


def test_a_kept_connection_that_was_closed_meanwhile_costs_nothing(sender):
    with Receiver(answer(200, keep=False)) as receiver:
        one = sender(receiver.url)
        one.send(b"first", soon())
        time.sleep(0.1)
        assert one.send(b"second", soon()).attempts == 1
    assert receiver.connections == 2


@pytest.mark.parametrize("kind", ["hang", "drip"])
def test_no_answer_in_time(sender, kind):
    with Receiver() as receiver:
        receiver._acts = [getattr(receiver, kind)]
        before = time.monotonic()
        failed = failure(sender(receiver.url, timeout_seconds=60.0), before + 0.4)
        assert time.monotonic() - before < 5.0
    assert str(failed) == f"{receiver.url}: no answer in time, after 1 attempt"


def test_a_receiver_that_does_not_read(sender):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        before = time.monotonic()
        with pytest.raises(SendFailed, match="no answer in time, after 1 attempt"):
            sender(url, timeout_seconds=60.0).send(b"x" * 50_000_000, before + 0.4)
        assert time.monotonic() - before < 5.0


def test_what_was_not_written_to_its_end_cannot_have_been_taken(sender):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        one = sender(f"http://127.0.0.1:{listener.getsockname()[1]}/", timeout_seconds=0.3)
        with pytest.raises(SendFailed) as failed:
            one.send(b"x" * 50_000_000, soon())
    assert not failed.value.is_doubtful
    assert (one.counts.requests, one.counts.answers_lost) == (1, 0)


@pytest.mark.parametrize(("act", "lost"), [(close, 1), (HALF, 1), (answer(503), 0)], ids=["close", "half", "503"])
def test_a_request_without_a_whole_answer_is_doubtful_and_counted_where_it_is_sent_again(sender, act, lost):
    with Receiver(act, answer(503), answer(200)) as receiver:
        one = sender(receiver.url)
        with pytest.raises(SendFailed) as failed:
            one.send(b"body", soon(), at_most_attempts=1)
        assert (failed.value.is_doubtful, failed.value.is_temporary) == (bool(lost), True)
        one.send(b"body", soon(), is_doubtful=failed.value.is_doubtful)
        assert (one.counts.requests, one.counts.answers_lost, one.counts.sent_again) == (3, lost, 2 * lost)


def test_a_failure_says_whether_it_is_temporary_and_what_the_receiver_asked_for(sender):
    with Receiver(answer(429, headers={"Retry-After": "60"}), answer(400)) as receiver:
        busy, refused = failure(sender(receiver.url)), failure(sender(receiver.url))
    assert (busy.is_temporary, busy.retry_after_seconds) == (True, 60.0)
    assert (refused.is_temporary, refused.retry_after_seconds) == (False, None)
    late = failure(sender(receiver.url), time.monotonic() - 1.0)
    assert (late.is_temporary, late.attempts) == (True, 0)


def test_one_receiver_is_one_destination_however_its_url_is_written(sender):
    assert sender("http://HOST/a").destination == sender("http://host:80/a").destination
    others = ["http://host/a", "https://host/a", "http://host:81/a", "http://host/a?b", "http://host2/a", "http://host/a/"]
    assert len({sender(url).destination for url in others}) == len(others)


def test_nobody_listens(sender):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    failed = failure(sender(f"http://127.0.0.1:{port}/", timeout_seconds=0.3))
    assert failed.attempts > 2
    assert "cannot connect (Connection refused)" in str(failed)


def test_a_redirect_is_not_followed(sender):
    with Receiver(answer(307, headers={"Location": "http://127.0.0.1:9/"})) as receiver:
        failed = failure(sender(receiver.url))
    assert len(receiver.requests) == 1
    assert "307 Temporary Redirect (redirects are not followed)" in str(failed)


def test_an_answer_is_read_up_to_a_bound(sender):
    with Receiver(answer(200, b"x" * 1_000_000)) as receiver:
        one = sender(receiver.url)
        assert len(one.send(b"body", soon()).body) == 64 * 1024
        one.send(b"body", soon())
    assert receiver.connections == 2


def test_closing_interrupts_a_wait(sender):
    with Receiver(answer(503, headers={"Retry-After": "60"})) as receiver:
        one = sender(receiver.url, timeout_seconds=600.0)
        threading.Timer(0.2, one.close).start()
        before = time.monotonic()
        assert failure(one, soon(600.0)).attempts == 1
        assert time.monotonic() - before < 30.0
        assert "closed" in str(failure(one))


def test_a_deadline_that_has_passed_sends_nothing(sender):
    with Receiver() as receiver:
        assert failure(sender(receiver.url), time.monotonic() - 1.0).attempts == 0
    assert receiver.requests == []


def test_a_forked_child_connects_anew(sender):
    with Receiver() as receiver:
        one = sender(receiver.url)
        one.send(b"parent", soon())
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = 0 if one.send(b"child", soon()).attempts == 1 else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        one.send(b"parent again", soon())
    assert [(request.body, request.connection) for request in receiver.requests] == [(b"parent", 1), (b"child", 2), (b"parent again", 1)]


@pytest.mark.parametrize(
    ("url", "headers", "words"),
    [
        ("ftp://host/", {}, "no http:// or https:// URL"),
        ("host:4318", {}, "no http:// or https:// URL"),
        ("http://me:secret@host/", {}, "credentials"),
        ("http://host:port/", {}, "cannot be read"),
        ("http://host/a b", {}, "percent-encoded"),
        ("http://host/", {"a b": "1"}, "'a b' is no name of a header"),
        ("http://host/", {"key": "secret\r\nx: y"}, "the value of the header 'key'"),
    ],
)
def test_what_cannot_be_right_is_refused_when_a_sender_is_made(url, headers, words):
    with pytest.raises(ValueError, match=words) as caught:
        HttpSender(url, headers)
    assert "secret" not in str(caught.value)


def test_a_query_is_not_shown(sender):
    assert sender("https://host:1/a?key=secret").address == "https://host:1/a"


def test_the_library_comes_with_the_first_sender():
    code = "import sys, bext_host, bext_host.exporters.http; assert 'urllib3' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_host_that_is_not_ascii_is_refused_in_words(sender):
    with pytest.raises(ValueError, match="must be in its ASCII form, which begins with xn--"):
        sender("http://ex\u00e4mple.test/")
