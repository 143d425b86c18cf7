"""DatadogSpanExporter: finished spans to a Datadog agent. It encodes; what is given to it as `send` speaks HTTP."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from bext_host.recorder.span import FinishedSpan
from bext_host.version import version

from .encode import encode
from .settings import DatadogSettings

TRACES_PATH: Final = "/v0.4/traces"


class Send(Protocol):
    """Takes a body to the agent."""

    def __call__(self, path: str, body: bytes, headers: Mapping[str, str], deadline: float) -> None:
        """PUT `body` to `path` below the agent's URL; Content-Length is the sender's to add.

        `deadline` is a time of `time.monotonic()`. Whatever it raises means that the agent did not take the body.
        """
        ...


class DatadogSpanExporter:
    """Sends each batch as one request, a chunk for each trace in it. `settings` are the environment's where they are not given.

    It holds nothing back, so a trace whose spans end in several batches arrives in several chunks, which Datadog puts together.
    Raises ValueError where a variable of the environment is wrong; `export` raises what `send` raises.
    """

    name = "datadog"

    def __init__(self, send: Send, settings: DatadogSettings | None = None) -> None:
        self.settings = DatadogSettings.of() if settings is None else settings
        self._send = send
        self._headers = {
            "Content-Type": "application/msgpack",
            "Datadog-Meta-Lang": "python",
            "Datadog-Meta-Lang-Version": platform.python_version(),
            "Datadog-Meta-Lang-Interpreter": platform.python_implementation(),
            "Datadog-Meta-Tracer-Version": version(),
        }  # and no Datadog-Client-Computed-Stats: the agent is to compute them

    def export(self, batch: Sequence[FinishedSpan], deadline: float) -> None:
        """Encode the batch and send it."""
        if not batch:
            return
        payload = encode(batch, self.settings)
        self._send(TRACES_PATH, payload.body, {**self._headers, "X-Datadog-Trace-Count": str(payload.chunks)}, deadline)

    def shutdown(self, deadline: float) -> None:
        """Nothing is held back."""
