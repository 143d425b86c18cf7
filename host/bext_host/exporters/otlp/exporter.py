"""OtlpSpanExporter: batches as OTLP over HTTP, cut to the size that a receiver takes, and no span the ruin of its neighbours."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from bext_host.escape import escape
from bext_host.exporters.http import BackOff, HttpSender, SendFailed, TlsFiles
from bext_host.exporters.http.answer import shown_message
from bext_host.logs import log_safely
from bext_host.recorder.exporter import SpansLost
from bext_host.recorder.span import FinishedSpan

from .answers import CONTENT_TYPE, partial_success, status_message
from .config import otlp_config

logger = logging.getLogger("bext_host.exporters")

MAX_BODY_BYTES: Final = 4 * 2**20
"""The size of a request before compression, which receivers commonly take."""

SEARCH_REQUESTS: Final = 64
"""How many requests a batch may cost beyond those that were taken, while the span that a receiver refuses is looked for."""

_BODY_IS_AT_FAULT: Final = frozenset({400, 413})

Encode = Callable[[Sequence[FinishedSpan]], bytes]


class OtlpSpanExporter:
    """Posts spans to an OTLP receiver.

    `encode` makes an ExportTraceServiceRequest of spans. `endpoint` is the whole URL; it, `headers`, `timeout_seconds` (for a request with
    all its attempts), `compression` ("gzip" or "none") and the paths of PEM files stand over the variables OTEL_EXPORTER_OTLP_TRACES_*,
    which stand over OTEL_EXPORTER_OTLP_*. Raises ValueError that names what is wrong, and ImportError where urllib3 is missing.
    """

    name = "otlp"

    def __init__(
        self,
        encode: Encode,
        *,
        endpoint: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float | None = None,
        compression: str | None = None,
        certificate: str | None = None,
        client_certificate: str | None = None,
        client_key: str | None = None,
        max_body_bytes: int = MAX_BODY_BYTES,
        back_off: BackOff | None = None,
    ) -> None:
        if max_body_bytes < 1:
            raise ValueError(f"max_body_bytes must be at least 1, not {max_body_bytes}")
        tls = TlsFiles(certificate, client_certificate, client_key)
        config = otlp_config(endpoint=endpoint, headers=headers, timeout_seconds=timeout_seconds, compression=compression, tls=tls)
        self._encode = encode
        self._max_body_bytes = max_body_bytes
        self._sender = HttpSender(
            config.endpoint,
            {**config.headers, "content-type": CONTENT_TYPE},
            config.timeout_seconds,
            compress=config.compression == "gzip",
            tls=config.tls,
            back_off=back_off,
            message_of=status_message,
        )

    def export(self, batch: Sequence[FinishedSpan], deadline: float) -> None:
        """Send a batch. Raises SpansLost, which says how many spans were not taken and why."""
        _Export(self._encode, self._sender, self._max_body_bytes, deadline).run(batch)

    def shutdown(self, deadline: float) -> None:
        """Let go of the connection; nothing is held back."""
        self._sender.close()


class _Export:
    """One batch on its way, in pieces that become smaller where something is wrong with them."""

    def __init__(self, encode: Encode, sender: HttpSender, max_body_bytes: int, deadline: float) -> None:
        self._encode = encode
        self._sender = sender
        self._max_body_bytes = max_body_bytes
        self._deadline = deadline
        self._pieces: list[Sequence[FinishedSpan]] = []
        self._refusals_left = SEARCH_REQUESTS
        self._lost: Counter[str] = Counter()
        self._unencodable = 0

    def run(self, batch: Sequence[FinishedSpan]) -> None:
        self._pieces = [batch] if len(batch) else []
        while self._pieces:
            piece = self._pieces.pop()
            body = self._body(piece)
            if body is not None:
                self._send(piece, body)
        if self._lost:
            raise SpansLost(self._lost, unencodable=self._unencodable)

    def _body(self, piece: Sequence[FinishedSpan]) -> bytes | None:
        """The piece encoded; None where it was halved instead, or lost."""
        try:
            body = self._encode(piece)
        except Exception as error:  # noqa: BLE001  # whatever one span does to an encoder, the others are sent
            if not self._halved(piece):
                self._unencodable += 1
                self._lose(piece, f"{_shown(piece[0])} cannot be encoded: {_message(error)}")
            return None
        if len(body) > self._max_body_bytes and self._halved(piece):
            return None
        return body  # one span that is too large alone is the receiver's to judge

    def _send(self, piece: Sequence[FinishedSpan], body: bytes) -> None:
        try:
            answer = self._sender.send(body, self._deadline)
        except SendFailed as failed:
            self._refused(piece, failed)
            return
        partly = partial_success(answer)
        message = shown_message(partly.message)
        if partly.rejected_spans:
            rejected = min(partly.rejected_spans, len(piece))
            self._lost[f"{self._sender.address}: rejected{f': {message}' if message else ''}"] += rejected
        elif message:
            log_safely(logger, logging.WARNING, "%s took the spans, and says: %s", self._sender.address, message)

    def _refused(self, piece: Sequence[FinishedSpan], failed: SendFailed) -> None:
        """Look for the span at fault, or give up: the piece alone, or all that is left where the others would fare no better."""
        if failed.status not in _BODY_IS_AT_FAULT:
            self._lose(piece, str(failed))
            while self._pieces:
                self._lose(self._pieces.pop(), str(failed))
            return
        self._refusals_left -= 1
        if len(piece) == 1:
            self._lose(piece, f"{_shown(piece[0])} was refused: {failed}")
        elif self._refusals_left <= 0 or not self._halved(piece):
            self._lose(piece, f"refused, and too many spans with them to look at each: {failed}")

    def _halved(self, piece: Sequence[FinishedSpan]) -> bool:
        """Put the halves of a piece first in line; false where it is one span."""
        if len(piece) < 2:
            return False
        middle = len(piece) // 2
        self._pieces += [piece[middle:], piece[:middle]]
        return True

    def _lose(self, piece: Sequence[FinishedSpan], reason: str) -> None:
        self._lost[reason] += len(piece)


def _shown(span: FinishedSpan) -> str:
    name = span.name if len(span.name) <= 80 else span.name[:80] + "..."
    return f'span "{escape(name)}" {span.handle.span_id_hex} of trace {span.handle.trace_id_hex}'


def _message(error: Exception) -> str:
    return f"{type(error).__name__}: {shown_message(str(error))}"
