"""OtlpSpanExporter: batches as OTLP over HTTP, cut to the size that a receiver takes, and no span the ruin of its neighbours."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from bext_abi import AttrValue
from bext_host.escape import escape
from bext_host.exporters.http import BackOff, HttpSender, SendFailed, TlsFiles
from bext_host.exporters.http.answer import shown_message
from bext_host.exporters.resource import resource_attributes
from bext_host.logs import log_safely
from bext_host.recorder.exporter import SpansLost
from bext_host.recorder.span import FinishedSpan

from .answers import CONTENT_TYPE, partial_success, status_message
from .config import otlp_config
from .encode import Encoded, encode_range
from .resource import encode_resource

logger = logging.getLogger("bext_host.exporters")

MAX_BODY_BYTES: Final = 4 * 2**20
"""The size of a request before compression, which receivers commonly take."""

SEARCH_REQUESTS: Final = 64
"""How many requests a batch may cost beyond those that were taken, while the span that a receiver refuses is looked for."""

_BODY_IS_AT_FAULT: Final = frozenset({400, 413})

_Piece: TypeAlias = tuple[int, int]
"""The spans from the one number to before the other, of a batch."""


class OtlpSpanExporter:
    """Posts spans to an OTLP receiver.

    `resource` are attributes of this process, over those of the environment (see `resource_attributes`). `endpoint` is the whole URL; it,
    `headers`, `timeout_seconds` (for a request with all its attempts), `compression` ("gzip" or "none") and the paths of PEM files stand
    over the variables OTEL_EXPORTER_OTLP_TRACES_*, which stand over OTEL_EXPORTER_OTLP_*. Raises ValueError that names what is wrong, and
    ImportError where urllib3 is missing.
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
    ) -> None:
        if max_body_bytes < 1:
            raise ValueError(f"max_body_bytes must be at least 1, not {max_body_bytes}")
        tls = TlsFiles(certificate, client_certificate, client_key)
        config = otlp_config(endpoint=endpoint, headers=headers, timeout_seconds=timeout_seconds, compression=compression, tls=tls)
        self._resource = encode_resource(resource_attributes(attributes=resource))
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
        _Export(batch, self._resource, self._sender, self._max_body_bytes, deadline).run()

    def shutdown(self, deadline: float) -> None:
        """Let go of the connection; nothing is held back."""
        self._sender.close()


class _Export:
    """One batch on its way, in pieces that become smaller where something is wrong with them."""

    def __init__(self, batch: Sequence[FinishedSpan], resource: bytes, sender: HttpSender, max_body_bytes: int, deadline: float) -> None:
        self._batch = batch
        self._resource = resource
        self._sender = sender
        self._max_body_bytes = max_body_bytes
        self._deadline = deadline
        self._pieces: list[_Piece] = []
        self._refusals_left = SEARCH_REQUESTS
        self._lost: Counter[str] = Counter()
        self._unencodable = 0

    def run(self) -> None:
        self._pieces = [(0, len(self._batch))] if len(self._batch) else []
        while self._pieces:
            piece = self._pieces.pop()
            encoded = self._encoded(piece)
            if encoded is not None:
                self._send(piece, encoded)
        if self._lost:
            raise SpansLost(self._lost, unencodable=self._unencodable)

    def _encoded(self, piece: _Piece) -> Encoded | None:
        """The piece encoded; None where it was halved instead, or nothing of it is left to send."""
        try:
            encoded = encode_range(self._batch, *piece, self._resource)
        except Exception as error:  # noqa: BLE001  # whatever one span does to an encoder, the others are sent
            if not self._halved(piece):
                self._unencodable += 1
                self._lose(piece, f"{self._shown(piece)} cannot be encoded: {_message(error)}")
            return None
        if len(encoded.data) > self._max_body_bytes and self._halved(piece):
            return None
        if encoded.unencodable:
            self._unencodable += encoded.unencodable
            self._lost["cannot be encoded"] += encoded.unencodable
        return encoded if encoded.data else None  # one span that is too large alone is the receiver's to judge

    def _send(self, piece: _Piece, encoded: Encoded) -> None:
        try:
            answer = self._sender.send(encoded.data, self._deadline)
        except SendFailed as failed:
            self._refused(piece, failed)
            return
        partly = partial_success(answer)
        message = shown_message(partly.message)
        if partly.rejected_spans:
            rejected = min(partly.rejected_spans, encoded.spans)
            self._lost[f"{self._sender.address}: rejected{f': {message}' if message else ''}"] += rejected
        elif message:
            log_safely(logger, logging.WARNING, "%s took the spans, and says: %s", self._sender.address, message)

    def _refused(self, piece: _Piece, failed: SendFailed) -> None:
        """Look for the span at fault, or give up: the piece alone, or all that is left where the others would fare no better."""
        if failed.status not in _BODY_IS_AT_FAULT:
            self._lose(piece, str(failed))
            while self._pieces:
                self._lose(self._pieces.pop(), str(failed))
            return
        self._refusals_left -= 1
        if _size(piece) == 1:
            self._lose(piece, f"{self._shown(piece)} was refused: {failed}")
        elif self._refusals_left <= 0 or not self._halved(piece):
            self._lose(piece, f"refused, and too many spans with them to look at each: {failed}")

    def _halved(self, piece: _Piece) -> bool:
        """Put the halves of a piece first in line; false where it is one span."""
        if _size(piece) < 2:
            return False
        start, stop = piece
        middle = (start + stop) // 2
        self._pieces += [(middle, stop), (start, middle)]
        return True

    def _lose(self, piece: _Piece, reason: str) -> None:
        self._lost[reason] += _size(piece)

    def _shown(self, piece: _Piece) -> str:
        return _shown(self._batch[piece[0]])


def _size(piece: _Piece) -> int:
    start, stop = piece
    return stop - start


def _shown(span: FinishedSpan) -> str:
    name = span.name if len(span.name) <= 80 else span.name[:80] + "..."
    return f'span "{escape(name)}" {span.handle.span_id_hex} of trace {span.handle.trace_id_hex}'


def _message(error: Exception) -> str:
    return f"{type(error).__name__}: {shown_message(str(error))}"
