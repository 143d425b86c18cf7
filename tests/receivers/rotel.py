"""Starts the collector rotel (PyPI `rotel`, the extra `receivers`), an OTLP decoder and forwarder in Rust, on loopback, on free ports."""

from __future__ import annotations

import http.client
import importlib.util
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from receivers.programs import LOOPBACK, free_ports, stop, wait_until_it_listens

BATCH_MILLISECONDS = 100
"""How long rotel holds back what came, for more to come."""

WHY_NOT = "rotel is not installed: pip install '.[receivers]'"


def _program() -> Path | None:
    package = importlib.util.find_spec("rotel")  # the package is not imported: only the program in it is wanted
    if package is None or package.origin is None:
        return None
    program = Path(package.origin).with_name("rotel-agent")
    return program if program.is_file() else None


PROGRAM = _program()


@dataclass(frozen=True)
class Rotel:
    """A running collector."""

    port: int
    log: Path

    @property
    def url(self) -> str:
        """Where it takes traces."""
        return f"http://{LOOPBACK}:{self.port}/v1/traces"

    def post_json(self, line: str) -> int:
        """Post a line of OTLP/JSON as it is, and give the status of the answer."""
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=10.0)
        try:
            connection.request("POST", "/v1/traces", line.encode(), {"content-type": "application/json"})
            return connection.getresponse().status
        finally:
            connection.close()

    def spans_in_log(self) -> list[str]:
        """What it decoded, in its own words: the text of each span in its log."""
        return re.split(r"^Span #\d+\n", self.log.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]


@contextmanager
def running_rotel(folder: Path, forward_to: str, port: int | None = None) -> Iterator[Rotel]:
    """A collector that forwards to the OTLP receiver at `forward_to` (without a path); it ends with the block, after all was forwarded.

    `port` is where it listens, for one that takes another's place.
    """
    assert PROGRAM is not None, WHY_NOT
    http_port, grpc_port = free_ports(2)
    running = Rotel(port or http_port, folder / "rotel.log")
    command = [
        str(PROGRAM), "start",
        "--otlp-http-endpoint", f"{LOOPBACK}:{running.port}", "--otlp-grpc-endpoint", f"{LOOPBACK}:{grpc_port}",
        "--exporter", "otlp", "--otlp-exporter-endpoint", forward_to, "--otlp-exporter-protocol", "http",
        "--batch-timeout", f"{BATCH_MILLISECONDS}ms", "--debug-log", "traces", "--debug-log-verbosity", "detailed",
    ]  # fmt: skip
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ROTEL_", "OTEL_")) and "proxy" not in key.lower()}
    with running.log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=kept, stdout=output, stderr=output)
        try:
            wait_until_it_listens(running.port, process, running.log)
            yield running
        finally:
            stop(process)
