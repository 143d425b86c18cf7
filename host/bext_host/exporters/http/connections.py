"""urllib3, as the sender uses it: one pool to one host, no retries and no redirects of its own, and every answer bounded in time and size.

The only module that imports urllib3. It is imported when a sender is made, never with `bext_host`.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)

from bext_abi import BextTracerError

from .address import Address
from .answer import Answer, shown_message


class NoAnswer(BextTracerError):
    """A request without a whole answer. `is_final` where trying again would be no use, `is_late` where time ran out.

    `is_sent` where the whole request was written, so that the receiver may have taken it: what was lost is the answer.
    """

    def __init__(self, what: str, *, is_final: bool = False, is_late: bool = False) -> None:
        super().__init__(what)
        self.is_late = is_late
        self.is_final = is_final
        self.is_sent = False


class Connections:
    """A kept-alive connection to one receiver."""

    def __init__(self, address: Address, tls: ssl.SSLContext | None, body_bytes: int) -> None:
        self._target = address.target
        self._body_bytes = body_bytes
        self._written = _Written()
        self._pool: Any
        if address.scheme == "https":
            self._pool = urllib3.HTTPSConnectionPool(address.host, address.port, maxsize=1, ssl_context=tls)
            self._pool.ConnectionCls = partial(_OurHttpsConnection, self._written)
        else:
            self._pool = urllib3.HTTPConnectionPool(address.host, address.port, maxsize=1)
            self._pool.ConnectionCls = partial(_OurHttpConnection, self._written)

    def ask(self, method: str, body: bytes, headers: Mapping[str, str], seconds: float) -> Answer:
        """One request and its whole answer within `seconds`. Raises NoAnswer."""
        self._written.wholly = False
        try:
            response = self._pool.urlopen(
                method,
                self._target,
                body=body,
                headers=headers,
                timeout=urllib3.Timeout(total=seconds),
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
            answer = self._read(response)
        except (HTTPError, http.client.HTTPException, OSError) as error:
            failure = _no_answer(error)
            failure.is_sent = self._written.wholly
            raise failure from error
        if answer.status < 200:  # what follows it is not read
            interim = NoAnswer(f"an interim answer ({answer.status}), and no other")
            interim.is_sent = True
            raise interim
        return answer

    def _read(self, response: Any) -> Answer:
        """The answer with its body up to the bound. The connection is kept where the body ended there."""
        try:
            body = self._read_body(response)
        except BaseException:
            response.close()
            raise
        if len(body) > self._body_bytes or response.status < 200:
            response.close()
        else:
            response.release_conn()
        return Answer(response.status, {name.lower(): value for name, value in response.headers.items()}, body[: self._body_bytes])

    def _read_body(self, response: Any) -> bytes:
        """Up to one byte more than the bound. It takes a read that finds nothing to know that the body is whole."""
        body = bytearray()
        while len(body) <= self._body_bytes and (part := response.read(self._body_bytes + 1 - len(body))):
            body += part
        return bytes(body)

    def close(self) -> None:
        """Let go of the connection."""
        self._pool.close()


class _TimedReader(io.RawIOBase):
    """Reads a socket until a time, however little comes at once: the timeout of a socket starts anew with each byte."""

    def __init__(self, sock: socket.socket) -> None:
        timeout = sock.gettimeout()
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._socket = sock
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read what comes first. Raises TimeoutError."""
        if self._deadline is not None:
            left = self._deadline - time.monotonic()
            if left <= 0.0:
                raise TimeoutError("timed out")
            if self._socket.fileno() >= 0:
                self._socket.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        """Let go of the socket."""
        self._raw.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    """An answer that is read until the time that the socket's timeout meant when it was asked for."""

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp.close()
        self.fp = io.BufferedReader(_TimedReader(sock))

    def begin(self) -> None:
        """Read the head. What is malformed in it stays unread: urllib3 would log it, with the whole URL, for each answer."""
        super().begin()
        self.msg.defects.clear()
        self.msg.set_payload("")


class _Written:
    """Whether the request under way was written wholly: what was not, no receiver can have taken."""

    wholly = False


class _Watched:
    """What is ours of a connection of either kind."""

    response_class: Any = _TimedResponse

    def __init__(self, written: _Written, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._written = written

    def request(self, *arguments: Any, **options: Any) -> None:
        super().request(*arguments, **options)  # type: ignore[misc]  # of the class beside this one
        self._written.wholly = True


class _OurHttpConnection(_Watched, HTTPConnection):
    pass


class _OurHttpsConnection(_Watched, HTTPSConnection):
    pass


def _no_answer(error: BaseException) -> NoAnswer:
    """What went wrong, in words that do not depend on urllib3's."""
    chain = _chain(error)
    cause = chain[-1]
    if any(_is_no_http(one) for one in chain):  # the error's own text is the answer's first line, which may repeat ours with the query
        return NoAnswer("its answer is not HTTP")
    if isinstance(cause, ssl.SSLCertVerificationError):
        return NoAnswer(f"its certificate is not trusted ({cause.verify_message})", is_final=True)
    if isinstance(cause, TimeoutError) and cause.errno is None:  # ours, and not the system's ETIMEDOUT
        return NoAnswer(_LATE, is_late=True)
    words = next((words for kinds, words in _WORDS if isinstance(error, kinds)), "{}")
    return NoAnswer(words.format(_reason(cause)), is_late=words == _LATE)


_LATE: Final = "no answer in time"


_WORDS: Final[tuple[tuple[tuple[type[BaseException], ...], str], ...]] = (
    ((NameResolutionError,), "its name cannot be resolved"),
    ((NewConnectionError,), "cannot connect ({})"),
    ((ConnectTimeoutError, ReadTimeoutError, TimeoutError), _LATE),
    ((SSLError,), "TLS failed ({})"),
    ((ProtocolError,), "the connection ended before the answer did ({})"),
)
"""In this order: a NameResolutionError is a NewConnectionError, which is a timeout in some versions."""


def _chain(error: BaseException) -> list[BaseException]:
    """The error and its causes, the innermost last."""
    seen = [error]
    while (cause := seen[-1].__cause__ or seen[-1].__context__) is not None:
        seen.append(cause)
    return seen


def _is_no_http(error: BaseException) -> bool:
    """Whether it tells of a first line that is none. An answer that never began is told by a kind of the same error."""
    kinds = (http.client.BadStatusLine, http.client.UnknownProtocol)
    return isinstance(error, kinds) and not isinstance(error, http.client.RemoteDisconnected)


def _reason(error: BaseException) -> str:
    """In few words."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return shown_message(text) or type(error).__name__
