"""A receiver on loopback that answers as it is told, byte by byte: what real ones do on bad days."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

Act = Callable[[socket.socket], bool]
"""What to do with a request: answer on the socket, and say whether the connection is kept."""


@dataclass(frozen=True)
class Request:
    line: str
    headers: dict[str, str]
    body: bytes
    connection: int


def answer(status: int, body: bytes = b"", headers: dict[str, str] | None = None, *, keep: bool = True) -> Act:
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *(f"{k}: {v}" for k, v in (headers or {}).items())]

    def act(connection: socket.socket) -> bool:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        return keep

    return act


def raw(data: bytes) -> Act:
    """Send these bytes and close."""

    def act(connection: socket.socket) -> bool:
        connection.sendall(data)
        return False

    return act


def close(connection: socket.socket) -> bool:
    return False


class Receiver:
    """`acts` are used up one per request, the last for all further ones. `by_body` decides by the body instead."""

    def __init__(self, *acts: Act, by_body: Callable[[bytes], Act] | None = None, context=None, port: int = 0) -> None:
        self._acts = list(acts) or [answer(200)]
        self._by_body = by_body
        self._context = context
        self.requests: list[Request] = []
        self.connections = 0
        self.stopping = threading.Event()
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1/traces"
        self._start(self._accept)

    def _start(self, target, *arguments) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def hang(self, connection: socket.socket) -> bool:
        self.stopping.wait(30)
        return False

    def drip(self, connection: socket.socket) -> bool:
        """One byte at a time of an answer that never ends."""
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
        while not self.stopping.wait(0.02):
            connection.sendall(b"x")
        return False

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._start(self._serve, connection, self.connections)

    def _serve(self, connection: socket.socket, number: int) -> None:
        try:
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
            self._open.append(connection)
            with connection.makefile("rb") as stream:
                while (request := self._read(stream, number)) is not None:
                    self.requests.append(request)
                    if not self._act(request)(connection):
                        return
        except OSError:
            pass
        finally:
            connection.close()

    def _read(self, stream, number: int) -> Request | None:
        line = stream.readline().decode().strip()
        if not line:
            return None
        headers = {}
        while text := stream.readline().decode().strip():
            name, _, value = text.partition(":")
            headers[name.lower()] = value.strip()
        return Request(line, headers, stream.read(int(headers.get("content-length", 0))), number)

    def _act(self, request: Request) -> Act:
        if self._by_body is not None:
            return self._by_body(request.body)
        return self._acts.pop(0) if len(self._acts) > 1 else self._acts[0]

    def __enter__(self) -> Receiver:
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        for sock in (self._listener, *self._open):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)
