"""Starts Datadog's test agent (`ddapm-test-agent`, the extra `receivers`) on loopback, on a free port, with its trace checks on."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from receivers.programs import LOOPBACK, free_ports

CHECKS = "trace_count_header,meta_tracer_version_header,trace_content_length,trace_peer_service,meta_events_is_valid_json,trace_dd_service"
OURS = shutil.which("ddapm-test-agent", path=sysconfig.get_path("scripts"))
PROGRAM = OURS or shutil.which("ddapm-test-agent")  # of another environment, where its versions do not go with those of a sender
WHY_NOT = "ddapm-test-agent is not installed: pip install '.[receivers]'"


@dataclass(frozen=True)
class TestAgent:
    """A running agent."""

    __test__ = False

    port: int
    otlp_port: int
    otlp_grpc_port: int = 0

    @property
    def url(self) -> str:
        """Its address as a Datadog agent."""
        return f"http://{LOOPBACK}:{self.port}"

    def traces(self) -> list[list[dict[str, Any]]]:
        """The traces that came, as the agent understood them."""
        return self.ask("/test/session/traces")

    def otlp_requests(self) -> list[dict[str, Any]]:
        """What came to its OTLP intake over HTTP, as it understood that: names in snake case, ids in base64."""
        requests: list[dict[str, Any]] = TestAgent(self.otlp_port, self.otlp_port).ask("/test/session/traces")
        return requests

    def failures(self) -> tuple[int, str]:
        """Status and text of what the checks found: 200 and nothing where all passed."""
        status, answer = self.request("GET", "/test/trace_check/failures")
        return status, answer.decode()

    def ask(self, path: str) -> Any:
        """The JSON at a path."""
        status, answer = self.request("GET", path)
        assert status == 200, answer
        return json.loads(answer)

    def request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None, deadline: float | None = None
    ) -> tuple[int, bytes]:
        """One request over a connection of its own."""
        timeout = 10.0 if deadline is None else min(10.0, max(0.001, deadline - time.monotonic()))
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=timeout)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


@contextmanager
def running_test_agent(folder: Path) -> Iterator[TestAgent]:
    """An agent that writes what it writes below `folder`, and ends with the block."""
    assert PROGRAM is not None, WHY_NOT
    port, otlp_http, otlp_grpc = free_ports(3)
    command = [*([sys.executable] if OURS else []), PROGRAM, "--host", LOOPBACK, "-p", str(port), "--otlp-http-port", str(otlp_http)]
    command += ["--otlp-grpc-port", str(otlp_grpc), "--snapshot-dir", str(folder)]
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("DD_", "OTLP_")) and key not in {"HOST", "PORT"}}
    log = folder / "agent.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**kept, "ENABLED_CHECKS": CHECKS, "DD_POOL_TRACE_CHECK_FAILURES": "true"},
            stdout=output,
            stderr=output,
        )
        try:
            agent = TestAgent(port, otlp_http, otlp_grpc)
            _wait_until_it_answers(agent, process, log)
            yield agent
        finally:
            process.terminate()
            process.wait(20)


def _wait_until_it_answers(agent: TestAgent, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            agent.request("GET", "/info")
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"the test agent does not answer: {log.read_text()[-2000:]}")
