"""A receiver of OTLP that takes everything and reads none of it, in a process of its own: what it does is not this process's work."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Final

_ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n"
_LENGTH: Final = b"content-length:"
_PROGRAM: Final = f"from {__name__} import serve; serve()"


@contextlib.contextmanager
def running_receiver() -> Iterator[str]:
    """The URL of a receiver on loopback that runs meanwhile."""
    command = [sys.executable, "-c", _PROGRAM]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as receiver:  # noqa: S603  # this module
        assert receiver.stdin is not None
        assert receiver.stdout is not None
        yield f"http://127.0.0.1:{int(receiver.stdout.readline())}/v1/traces"
        receiver.stdin.close()


def _answer_all(connection: socket.socket) -> None:
    """Answer every request once its body is there."""
    room = memoryview(bytearray(2**20))
    with connection, connection.makefile("rb") as stream:
        while stream.readline():
            left = 0
            while (line := stream.readline()) not in {b"\r\n", b""}:
                if line.lower().startswith(_LENGTH):
                    left = int(line[len(_LENGTH) :])
            while left and (read := stream.readinto(room[:left])):
                left -= read
            connection.sendall(_ANSWER)


def _accept(listener: socket.socket) -> None:
    while True:
        threading.Thread(target=_answer_all, args=(listener.accept()[0],), daemon=True).start()


def serve() -> None:
    """Print the port, and take requests until standard input ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)  # noqa: T201  # for the process that asked
        threading.Thread(target=_accept, args=(listener,), daemon=True).start()
        sys.stdin.buffer.read()
