"""What the receivers have in common: they run on loopback, on free ports, and a test waits for what they do."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

LOOPBACK = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """Different ports on which nothing listens."""
    listening = [socket.create_server((LOOPBACK, 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in listening]
    for listener in listening:
        listener.close()
    return ports


def wait_until(happened: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Look again and again until it happened. Raises AssertionError, which says what did not happen."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"after {seconds} s still not: {what}"
        time.sleep(0.02)


def wait_until_it_listens(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for a program that was started. Raises AssertionError with the end of its log, where it ends or does nothing."""

    def listens() -> bool:
        assert process.poll() is None, f"it ended: {log.read_text()[-2000:]}"
        try:
            socket.create_connection((LOOPBACK, port), 1.0).close()
        except OSError:
            return False
        return True

    wait_until(listens, f"a program listens on port {port}; its log is {log}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a program that was started, and wait for its end."""
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
