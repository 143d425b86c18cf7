"""Runs in the namespaces that `mini_agent` makes: a site's intake, the agent that forwards to it, and our exporter that sends to the agent.

The task comes by pickle on the standard input, what became of it goes so to the standard output.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import os
import pickle
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bext_host.exporters import SpansLost
from bext_host.exporters.datadog import DatadogSpanExporter
from receivers.agent_payload import payload_of, spans_of
from receivers.mini_agent_task import SETTINGS, Outcome, Task
from receivers.programs import LOOPBACK, free_ports, stop, wait_until, wait_until_it_listens
from support.http_receiver import Receiver, answer

_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x1
_FORWARDS_WITHIN = 20.0
"""Seconds; it forwards every three."""


def bring_loopback_up() -> None:
    """A new network namespace has a loopback that is down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", _IFF_UP))


@contextmanager
def running_agent(program: Path, site_port: int) -> Iterator[int]:
    """Gives the port on which it takes traces."""
    [port] = free_ports(1)
    variables = {
        "PATH": os.environ["PATH"],
        "K_SERVICE": "lab",  # these two make it believe in a cloud, without which it does not start
        "FUNCTION_TARGET": "lab",
        "DD_API_KEY": "none",
        "DD_APM_DD_URL": f"http://{LOOPBACK}:{site_port}",
        "DD_APM_RECEIVER_PORT": str(port),
        "DD_USE_DOGSTATSD": "false",
        "DD_LOG_LEVEL": "debug",
    }
    log = program.with_name("mini_agent.log")
    with log.open("wb") as output:
        process = subprocess.Popen([program], env=variables, stdout=output, stderr=output)
        try:
            wait_until_it_listens(port, process, log)
            yield port
        finally:
            stop(process)


def export(task: Task, port: int) -> list[str]:
    """Export the batches, and give what is said of those that were refused."""
    exporter = DatadogSpanExporter(replace(SETTINGS, agent_url=f"http://{LOOPBACK}:{port}"))
    errors = []
    for batch in task.batches:
        try:
            exporter.export(batch, time.monotonic() + 5.0)
        except SpansLost as error:
            errors.append(str(error))
    exporter.shutdown(time.monotonic())
    return errors


def status_of(body: bytes, port: int) -> int:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=10.0)
    with contextlib.closing(connection):
        connection.request("PUT", "/v0.4/traces", body, {"Content-Type": "application/msgpack"})
        return connection.getresponse().status


def forwarded_traces(site: Receiver) -> list[bytes]:
    return [request.body for request in site.requests if request.line.startswith("POST /api/v0.2/traces ")]


def run(task: Task) -> Outcome:
    expected = sum(map(len, task.batches))
    with Receiver(answer(202, b"{}")) as site, running_agent(task.program, site.port) as port:
        errors = export(task, port)
        statuses = [status_of(body, port) for body in task.bodies]
        with contextlib.suppress(AssertionError):  # what is missing is the test's to say
            wait_until(
                lambda: sum(len(spans_of(payload_of(body))) for body in forwarded_traces(site)) >= expected, "forwarded", _FORWARDS_WITHIN
            )
        return Outcome(errors, statuses, {request.line.split()[1] for request in site.requests}, forwarded_traces(site))


if __name__ == "__main__":
    bring_loopback_up()
    pickle.dump(run(pickle.load(sys.stdin.buffer)), sys.stdout.buffer)
