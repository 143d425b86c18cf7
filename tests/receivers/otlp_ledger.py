"""An OTLP receiver in a process of its own that can be killed at any time, and what it had taken by then.

Run as a program, `otlp_ledger.py PORT FILE HOLD`, it listens on loopback (any port for 0), prints the port, and writes a line for each
body into the file before it answers: a digest of the body, and the ids of its spans. Body number HOLD is written and never answered, so
that who kills the receiver then knows that exactly this answer was lost; 0 holds none.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

LOOPBACK = "127.0.0.1"
_END = "."


@dataclass(frozen=True)
class Body:
    """A body that came: its digest, and the ids of its spans in their order."""

    digest: str
    span_ids: tuple[str, ...]


@dataclass
class Ledger:
    """The receiver, which may live several times on one port, and what it wrote in all its lives."""

    path: Path
    port: int = 0
    _process: subprocess.Popen[str] | None = field(default=None, repr=False)

    def start(self, hold: int = 0) -> None:
        """Let it live."""
        command = [sys.executable, str(Path(__file__)), str(self.port), str(self.path), str(hold)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def kill(self) -> None:
        """SIGKILL, in the middle of whatever it does."""
        process, self._process = self._process, None
        if process is not None:
            os.kill(process.pid, signal.SIGKILL)
            process.wait(20)
            assert process.stdout is not None
            process.stdout.close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{LOOPBACK}:{self.port}/v1/traces"

    def bodies(self) -> list[Body]:
        """All that it took, in order. A line that was cut off by its death was not answered and does not count."""
        text = self.path.read_text() if self.path.exists() else ""
        lines = [line.split() for line in text.splitlines()]
        return [Body(line[0], tuple(line[1:-1])) for line in lines if len(line) > 1 and line[-1] == _END]

    def span_ids(self) -> Counter[str]:
        """How often it took each span."""
        return Counter(span_id for body in self.bodies() for span_id in body.span_ids)

    def wait_for_bodies(self, at_least: int, seconds: float = 60.0) -> None:
        """Wait until it has taken so many."""
        deadline = time.monotonic() + seconds
        while len(self.bodies()) < at_least:
            assert time.monotonic() < deadline, f"only {len(self.bodies())} bodies came"
            time.sleep(0.01)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Write it down, then answer."""
        body = self.rfile.read(int(self.headers["content-length"]))
        server = self.server
        assert isinstance(server, _Server)
        if server.write_down(body) == server.hold:
            threading.Event().wait()
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, path: str, hold: int) -> None:
        super().__init__((LOOPBACK, port), _Handler)
        self.hold = hold
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._lock = threading.Lock()
        self._bodies = 0
        os.write(self._file, b"\n")  # ends what an earlier life may have begun

    def write_down(self, body: bytes) -> int:
        """One line in one write; how many that makes."""
        request = ExportTraceServiceRequest.FromString(body)
        ids = [span.span_id.hex() for spans in request.resource_spans for scope in spans.scope_spans for span in scope.spans]
        line = " ".join([hashlib.sha256(body).hexdigest(), *ids, _END]) + "\n"
        with self._lock:
            os.write(self._file, line.encode())
            self._bodies += 1
            return self._bodies


def _main() -> None:
    port, path, hold = sys.argv[1:]
    with _Server(int(port), path, int(hold)) as server:
        print(server.server_port, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    _main()
