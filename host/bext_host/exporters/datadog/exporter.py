"""DatadogSpanExporter: finished spans to a Datadog agent."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from typing import Final

from bext_host.exporters.http import BackOff, Dispatch, DispatchingExporter, Format, HttpSender, Outbox, Request
from bext_host.recorder.span import FinishedSpan
from bext_host.version import version

from .encode import encode
from .parts import chunk_count, halves, shown_first
from .settings import DatadogSettings

TRACES_PATH: Final = "/v0.4/traces"
_TRACE_COUNT: Final = "x-datadog-trace-count"


class DatadogSpanExporter(DispatchingExporter):
    """Sends each batch to the agent, a chunk for each trace in it. `settings` are the environment's where they are not given.

    It holds nothing back, so a trace whose spans end in several batches arrives in several chunks, which Datadog puts together.
    `timeout_seconds` is for a request with all its attempts. `spool` and `max_waiting_bytes` are as for OtlpSpanExporter. Raises
    ValueError where one of them or a variable of the environment is wrong, and ImportError where urllib3 is missing.
    """

    name = "datadog"

    def __init__(
        self,
        settings: DatadogSettings | None = None,
        *,
        timeout_seconds: float = 10.0,
        spool: str | os.PathLike[str] | None = None,
        max_waiting_bytes: int | None = None,
        back_off: BackOff | None = None,
    ) -> None:
        self.settings = DatadogSettings.of() if settings is None else settings
        headers = {
            "Content-Type": "application/msgpack",
            "Datadog-Meta-Lang": "python",
            "Datadog-Meta-Lang-Version": platform.python_version(),
            "Datadog-Meta-Lang-Interpreter": platform.python_implementation(),
            "Datadog-Meta-Tracer-Version": version(),
        }  # and no Datadog-Client-Computed-Stats: the agent is to compute them
        url = self.settings.agent_url + TRACES_PATH
        sender = HttpSender(url, headers, timeout_seconds, method="PUT", back_off=back_off)
        outbox = Outbox("datadog", sender.destination, spool, max_waiting_bytes)
        self._dispatch = Dispatch(Format(self._request, halves, shown_first, headers_of=_headers_of), sender, outbox, back_off)

    def _request(self, batch: Sequence[FinishedSpan], start: int, stop: int) -> Request:
        return Request(encode(batch[start:stop], self.settings).body, stop - start)


def _headers_of(body: bytes) -> Mapping[str, str]:
    """Found out from the body, since a spool keeps no headers."""
    return {_TRACE_COUNT: str(chunk_count(body))}
