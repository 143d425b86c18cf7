"""OtlpSpanExporter: batches as OTLP over HTTP, cut to the size that a receiver takes, and no span the ruin of its neighbours."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from bext_abi import AttrValue
from bext_host.exporters.http import (
    MAX_BODY_BYTES,
    Answer,
    BackOff,
    Dispatch,
    DispatchingExporter,
    Format,
    HttpSender,
    Outbox,
    PartialSuccess,
    Request,
    TlsFiles,
)
from bext_host.exporters.http.headers import without_values
from bext_host.exporters.resource import resource_attributes
from bext_host.recorder.span import FinishedSpan

from .answers import CONTENT_TYPE, partial_success, status_message
from .config import OtlpConfig, otlp_config
from .encode import encode_range
from .parts import halves, shown_first
from .resource import encode_resource


class OtlpSpanExporter(DispatchingExporter):
    """Posts spans to an OTLP receiver.

    `resource` are attributes of this process, over those of the environment (see `resource_attributes`). `endpoint` is the whole URL; it,
    `headers`, `timeout_seconds` (for a request with all its attempts), `compression` ("gzip" or "none") and the paths of PEM files stand
    over the variables OTEL_EXPORTER_OTLP_TRACES_*, which stand over OTEL_EXPORTER_OTLP_*. A `config` stands in place of all these, and of
    the variables.

    What the receiver cannot take for a time waits, and is sent again in order: in memory, or below the directory `spool`, from where the
    next process sends what this one could not. At most `max_waiting_bytes` wait (default: 32 MiB, in a spool 256 MiB); then the newest
    spans are lost, and counted. A spool keeps apart what goes to different URLs, not what differs in headers only: who sends to several
    tenants of one URL gives each a directory.

    Raises ValueError that names what is wrong, and ImportError where urllib3 is missing.
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
        spool: str | os.PathLike[str] | None = None,
        max_waiting_bytes: int | None = None,
        max_body_bytes: int = MAX_BODY_BYTES,
        back_off: BackOff | None = None,
        config: OtlpConfig | None = None,
    ) -> None:
        if max_body_bytes < 1:
            raise ValueError(f"max_body_bytes must be at least 1, not {max_body_bytes}")
        if config is None:
            tls = TlsFiles(certificate, client_certificate, client_key)
            config = otlp_config(endpoint=endpoint, headers=headers, timeout_seconds=timeout_seconds, compression=compression, tls=tls)
        self._secrets = {**config.headers, "query": urlsplit(config.endpoint).query.replace("&", " ").replace("=", " ")}
        self._resource = encode_resource(resource_attributes(attributes=resource))
        sender = HttpSender(
            config.endpoint,
            {**config.headers, "content-type": CONTENT_TYPE},
            config.timeout_seconds,
            compress=config.compression == "gzip",
            tls=config.tls,
            back_off=back_off,
            message_of=self._message_of,
        )

        outbox = Outbox("otlp", sender.destination, spool, max_waiting_bytes)
        form = Format(self._request, halves, shown_first, partly=self._partly, max_body_bytes=max_body_bytes)
        self._dispatch = Dispatch(form, sender, outbox, back_off)

    def _message_of(self, answer: Answer) -> str:
        return without_values(status_message(answer), self._secrets)

    def _partly(self, answer: Answer) -> PartialSuccess:
        found = partial_success(answer)
        return replace(found, message=without_values(found.message, self._secrets))

    def _request(self, batch: Sequence[FinishedSpan], start: int, stop: int) -> Request:
        encoded = encode_range(batch, start, stop, self._resource)
        return Request(encoded.data, encoded.spans, encoded.unencodable)
