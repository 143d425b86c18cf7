"""DatadogSpanExporter: finished spans to a Datadog agent."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import Final

from bext_host.exporters.http import BackOff, Delivery, HttpSender, Request
from bext_host.recorder.span import FinishedSpan
from bext_host.version import version

from .encode import encode
from .settings import DatadogSettings

TRACES_PATH: Final = "/v0.4/traces"
_TRACE_COUNT: Final = "x-datadog-trace-count"


class DatadogSpanExporter:
    """Sends each batch to the agent, a chunk for each trace in it. `settings` are the environment's where they are not given.

    It holds nothing back, so a trace whose spans end in several batches arrives in several chunks, which Datadog puts together.
    `timeout_seconds` is for a request with all its attempts. Raises ValueError where a variable of the environment is wrong, and
    ImportError where urllib3 is missing.
    """

    name = "datadog"

    def __init__(self, settings: DatadogSettings | None = None, *, timeout_seconds: float = 10.0, back_off: BackOff | None = None) -> None:
        self.settings = DatadogSettings.of() if settings is None else settings
        headers = {
            "Content-Type": "application/msgpack",
            "Datadog-Meta-Lang": "python",
            "Datadog-Meta-Lang-Version": platform.python_version(),
            "Datadog-Meta-Lang-Interpreter": platform.python_implementation(),
            "Datadog-Meta-Tracer-Version": version(),
        }  # and no Datadog-Client-Computed-Stats: the agent is to compute them
        url = self.settings.agent_url + TRACES_PATH
        self._sender = HttpSender(url, headers, timeout_seconds, method="PUT", back_off=back_off)

    def export(self, batch: Sequence[FinishedSpan], deadline: float) -> None:
        """Send a batch. Raises SpansLost, which says how many spans were not taken and why."""
        Delivery(batch, self._request, self._sender, deadline).run()

    def _request(self, batch: Sequence[FinishedSpan], start: int, stop: int) -> Request:
        payload = encode(batch[start:stop], self.settings)
        return Request(payload.body, stop - start, headers={_TRACE_COUNT: str(payload.chunks)})

    def shutdown(self, deadline: float) -> None:
        """Let go of the connection; nothing is held back."""
        self._sender.close()
