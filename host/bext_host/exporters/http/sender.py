"""HttpSender: sends bodies to one URL, again where that may help, and never for longer than it may take."""

from __future__ import annotations

import gzip
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from bext_host.escape import escape
from bext_host.version import version

from .address import Address
from .answer import Answer, SendFailed, shown_message, status_words, text_message
from .headers import checked_headers
from .retry import RETRYABLE, BackOff, retry_after_seconds
from .tls import TlsFiles

if TYPE_CHECKING:
    from .connections import Connections, NoAnswer

ANSWER_BYTES: Final = 64 * 1024
"""How much of an answer's body is read."""


class _Request(NamedTuple):
    body: bytes
    headers: Mapping[str, str]


@dataclass(slots=True)
class _Course:
    """One body on its way: until when, how often it was tried, and whether it was sent without an answer that came whole."""

    latest: float
    attempts: int = 0
    is_doubtful: bool = False


@dataclass(slots=True)
class SendCounts:
    """What a sender did so far. `requests` are all that it began.

    `answers_lost` of them were written whole and had no whole answer, so that the receiver may have taken them or not; `sent_again` are
    those that were written once more after that. So a receiver has taken at most `sent_again` bodies that it had taken before.
    """

    requests: int = 0
    answers_lost: int = 0
    sent_again: int = 0


class HttpSender:
    """Sends bodies to `url` through a kept-alive connection, by POST, or PUT as `method` says.

    `timeout_seconds` bounds one `send` with all its attempts, but for two things that the system bounds alone: how long it takes to
    resolve a name, and that of a host with several addresses each is tried for all the time that is left. `compress` sends it gzipped.
    `message_of` takes a receiver's message out of an answer that is no success; default: the body as text. For one thread at a time, but
    `close`, which any thread may call. A forked child connects anew. Raises ValueError for an address, a header, a time or a file that
    cannot be right, and ImportError that says what to install where urllib3 is missing.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float = 10.0,
        *,
        method: Literal["POST", "PUT"] = "POST",
        compress: bool = False,
        tls: TlsFiles | None = None,
        back_off: BackOff | None = None,
        message_of: Callable[[Answer], str] = text_message,
    ) -> None:
        if not 0.0 < timeout_seconds < threading.TIMEOUT_MAX:
            raise ValueError(f"timeout_seconds must be above 0, not {timeout_seconds}")
        self._address = Address.of(url)
        self._headers = _all_headers(headers or {}, compress)
        self._timeout_seconds = timeout_seconds
        self._method = method
        self._compress = compress
        self._tls = (tls or TlsFiles()).context() if self._address.scheme == "https" else None
        self._back_off = back_off or BackOff()
        self._message_of = message_of
        self.counts = SendCounts()
        self._make_connections = _connections_class()
        self._start_anew()

    def _start_anew(self) -> None:
        self._process = os.getpid()
        self._closed = threading.Event()
        self._connections: Connections = self._make_connections(self._address, self._tls, ANSWER_BYTES)

    @property
    def address(self) -> str:
        """Where it sends, without the query, safe to show."""
        return self._address.shown

    @property
    def destination(self) -> str:
        """Where it sends, with the query: no two receivers have the same. Not to be shown."""
        return self._address.whole

    def send(
        self,
        body: bytes,
        deadline: float,
        headers: Mapping[str, str] | None = None,
        *,
        at_most_attempts: int | None = None,
        is_doubtful: bool = False,
    ) -> Answer:
        """Send a body until it is taken or `deadline`, a time of `time.monotonic()`. `headers` are this request's own, by lower-case names.

        `is_doubtful` says that the body was sent before, and the answer lost. Raises SendFailed for everything but a success.
        """
        if self._process != os.getpid():
            self._start_anew()  # the parent's connection is the parent's
        latest = min(deadline, time.monotonic() + self._timeout_seconds)
        request = _Request(gzip.compress(body, compresslevel=6, mtime=0) if self._compress else body, {**self._headers, **(headers or {})})
        course = _Course(latest, is_doubtful=is_doubtful)
        try:
            return self._send(request, course, at_most_attempts)
        except SendFailed as failed:
            failed.is_doubtful = course.is_doubtful
            raise

    def _send(self, request: _Request, course: _Course, at_most_attempts: int | None) -> Answer:
        last: SendFailed | None = None
        while (left := course.latest - time.monotonic()) > 0.0 and not self._closed.is_set():
            course.attempts += 1
            result = self._attempt(request, left, course, last)
            if isinstance(result, Answer):
                return result
            last, wait = result
            if wait is None or course.attempts == at_most_attempts or time.monotonic() + wait >= course.latest:
                raise last
            self._closed.wait(wait)
        if last is not None:
            raise last
        is_closed = self._closed.is_set()
        raise self._failed("closed" if is_closed else "no time left to send", 0, is_temporary=not is_closed)

    def close(self) -> None:
        """Interrupt a wait, and let go of the connection. What is sent afterwards fails."""
        self._closed.set()
        if self._process == os.getpid():
            self._connections.close()

    def _attempt(
        self, request: _Request, seconds: float, course: _Course, last: SendFailed | None
    ) -> Answer | tuple[SendFailed, float | None]:
        """The answer if it is a success, else what failed, and the wait before the next attempt where one may help."""
        from .connections import NoAnswer  # noqa: PLC0415  # it imports urllib3

        self.counts.requests += 1
        try:
            answer = replace(self._connections.ask(self._method, request.body, request.headers, seconds), attempts=course.attempts)
        except NoAnswer as error:
            if error.is_sent:
                self._note_sent(course)
                self.counts.answers_lost += 1
                course.is_doubtful = True
            return self._unanswered(error, course.attempts, last)
        self._note_sent(course)
        if answer.is_success:
            return answer
        failed = self._refused(answer)
        asked = failed.retry_after_seconds
        return failed, (self._back_off.seconds(answer.attempts) if asked is None else asked) if failed.is_temporary else None

    def _note_sent(self, course: _Course) -> None:
        if course.is_doubtful:
            self.counts.sent_again += 1

    def _unanswered(self, error: NoAnswer, attempts: int, last: SendFailed | None) -> tuple[SendFailed, float | None]:
        what = escape(str(error))
        if error.is_late and last is not None:  # the little time that was left hides what the trouble is
            return self._failed(f"{last.what}, then {what}", attempts, last.answer, is_temporary=True), None
        failed = self._failed(what, attempts, is_temporary=not error.is_final)
        return failed, self._back_off.seconds(attempts) if failed.is_temporary else None

    def _failed(self, what: str, attempts: int, answer: Answer | None = None, **more: Any) -> SendFailed:
        return SendFailed(self._address.shown, what, attempts, answer, **more)

    def _refused(self, answer: Answer) -> SendFailed:
        what = status_words(answer.status)
        if 300 <= answer.status < 400:
            what += " (redirects are not followed)"
        message = shown_message(self._message_of(answer))
        is_temporary = answer.status in RETRYABLE
        return self._failed(
            f"{what}: {message}" if message else what,
            answer.attempts,
            answer,
            is_temporary=is_temporary,
            retry_after_seconds=retry_after_seconds(answer.headers.get("retry-after")) if is_temporary else None,
        )


def _connections_class() -> type[Connections]:
    try:
        from .connections import Connections  # noqa: PLC0415  # urllib3 is an extra
    except ImportError as error:
        raise ImportError(f"sending over HTTP needs urllib3 2 or later: pip install 'bext-tracer[otlp]' ({error})") from error
    return Connections


def _all_headers(given: Mapping[str, str], compress: bool) -> dict[str, str]:
    """Ours and the given ones, which win."""
    headers = {"user-agent": f"bext-tracer/{version()}", **checked_headers(given)}
    if compress:
        headers["content-encoding"] = "gzip"
    return headers
