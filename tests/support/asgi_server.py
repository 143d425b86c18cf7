"""uvicorn with the example application, in a process of its own, and the traces that it wrote to its standard output."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections import defaultdict
from pathlib import Path
from typing import Any

from .markdown import REPOSITORY
from .processes import environment

APPLICATION = REPOSITORY / "tests" / "e2e" / "asgi_app"

Span = dict[str, Any]
"""A span as its line of JSON tells it."""


class AsgiServer:
    """Started when it is made, and listening, on a port that was free. Give it to `contextlib.closing`."""

    def __init__(self, folder: Path, engine: str) -> None:
        self._output = folder / "spans.jsonl"
        command = [sys.executable, "-m", "uvicorn", "--app-dir", str(APPLICATION), "app:app", "--port", "0", "--no-access-log"]
        env = environment(BEXT_TRACER_ENGINE=engine, OTEL_TRACES_SAMPLER="always_on")
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=subprocess.PIPE, text=True, env=env)
        self._log = ""
        self._log_grew = threading.Condition()
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        self.port = int(self.wait_for_log(r"running on http://127\.0\.0\.1:(\d+)")[1])

    def wait_for_log(self, pattern: str) -> re.Match[str]:
        """Wait until it has logged this."""
        with self._log_grew:
            while (found := re.search(pattern, self._log)) is None:
                assert self._log_grew.wait(60), f"no {pattern} in the log:\n{self._log}"
        return found

    def terminate(self) -> None:
        """Ask it to stop, as a service manager does."""
        self._process.terminate()

    def exit_code(self) -> int:
        """Wait for its end."""
        return self._process.wait(60)

    def traces(self) -> dict[int, list[Span]]:
        """The spans that it wrote until its end, by their trace."""
        traces: dict[int, list[Span]] = defaultdict(list)
        for line in self._output.read_text(encoding="ascii").splitlines():
            span = json.loads(line)
            traces[int(span["trace_id"], 16)].append(span)
        return dict(traces)

    def close(self) -> None:
        """Make sure that it is gone."""
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def _read_log(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as log:
            for line in log:
                with self._log_grew:
                    self._log += line
                    self._log_grew.notify_all()


Shape = tuple[str, tuple[Any, ...]]
"""A span's name, and the shapes of its children in the order in which they began."""


def root_of(trace: list[Span]) -> Span:
    """The one span whose parent is not in the trace."""
    ids = {span["span_id"] for span in trace}
    (root,) = [span for span in trace if span["parent_span_id"] not in ids]
    return root


def shape_of(trace: list[Span]) -> Shape:
    """What hangs below what in a trace that has one root."""
    children: dict[str | None, list[Span]] = defaultdict(list)
    for span in sorted(trace, key=lambda span: span["start_time_unix_nanos"]):
        children[span["parent_span_id"]].append(span)

    def shape(span: Span) -> Shape:
        return span["name"], tuple(shape(child) for child in children[span["span_id"]])

    return shape(root_of(trace))
