"""OtlpSpanExporter: batches as OTLP over HTTP, cut to the size that a receiver takes, and no span the ruin of its neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bext_abi import AttrValue
from bext_host.exporters.http import MAX_BODY_BYTES, Answer, BackOff, Delivery, HttpSender, PartialSuccess, Request, TlsFiles
from bext_host.exporters.http.headers import without_values
from bext_host.exporters.resource import resource_attributes
from bext_host.recorder.span import FinishedSpan

from .answers import CONTENT_TYPE, partial_success, status_message
from .config import OtlpConfig, otlp_config
from .encode import encode_range
from .resource import encode_resource


class OtlpSpanExporter:
    """Posts spans to an OTLP receiver.

    `resource` are attributes of this process, over those of the environment (see `resource_attributes`). `endpoint` is the whole URL; it,
    `headers`, `timeout_seconds` (for a request with all its attempts), `compression` ("gzip" or "none") and the paths of PEM files stand
    over the variables OTEL_EXPORTER_OTLP_TRACES_*, which stand over OTEL_EXPORTER_OTLP_*. A `config` stands in place of all these, and of
    the variables. Raises ValueError that names what is wrong, and ImportError where urllib3 is missing.
    """

    name = "otlp"

    def __init__(
        self,
        *,
        resource: Mapping[str, AttrValue] | None = None,
        endpoint: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float | None = None,
        compression: str | None = None,
        certificate: str | None = None,
        client_certificate: str | None = None,
        client_key: str | None = None,
        max_body_bytes: int = MAX_BODY_BYTES,
        back_off: BackOff | None = None,
        config: OtlpConfig | None = None,
    ) -> None:
        if max_body_bytes < 1:
            raise ValueError(f"max_body_bytes must be at least 1, not {max_body_bytes}")
        if config is None:
            tls = TlsFiles(certificate, client_certificate, client_key)
            config = otlp_config(endpoint=endpoint, headers=headers, timeout_seconds=timeout_seconds, compression=compression, tls=tls)
        self._headers = config.headers
        self._resource = encode_resource(resource_attributes(attributes=resource))
        self._max_body_bytes = max_body_bytes
        self._sender = HttpSender(
            config.endpoint,
            {**config.headers, "content-type": CONTENT_TYPE},
            config.timeout_seconds,
            compress=config.compression == "gzip",
            tls=config.tls,
            back_off=back_off,
            message_of=self._message_of,
        )

    def export(self, batch: Sequence[FinishedSpan], deadline: float) -> None:
        """Send a batch. Raises SpansLost, which says how many spans were not taken and why."""
        Delivery(batch, self._request, self._sender, deadline, max_body_bytes=self._max_body_bytes, partly=self._partly).run()

    def _message_of(self, answer: Answer) -> str:
        return without_values(status_message(answer), self._headers)

    def _partly(self, answer: Answer) -> PartialSuccess:
        found = partial_success(answer)
        return replace(found, message=without_values(found.message, self._headers))

    def _request(self, batch: Sequence[FinishedSpan], start: int, stop: int) -> Request:
        encoded = encode_range(batch, start, stop, self._resource)
        return Request(encoded.data, encoded.spans, encoded.unencodable)

    def shutdown(self, deadline: float) -> None:
        """Let go of the connection; nothing is held back."""
        self._sender.close()
