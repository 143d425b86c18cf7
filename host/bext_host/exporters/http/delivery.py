"""Delivery: one batch on its way to a receiver, in pieces that become smaller where something is wrong with them.

No span is the ruin of its neighbours: one that cannot be encoded is dropped alone, a body that is too large is cut, and where a receiver
refuses one, the span at fault is looked for and named.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from bext_host.escape import escape
from bext_host.logs import log_safely
from bext_host.recorder.exporter import SpansLost
from bext_host.recorder.span import FinishedSpan

from .answer import Answer, PartialSuccess, SendFailed, shown_message
from .sender import HttpSender

logger = logging.getLogger("bext_host.exporters")

MAX_BODY_BYTES: Final = 4 * 2**20
"""The size of a request before compression, which receivers commonly take."""

SEARCH_REQUESTS: Final = 64
"""How many requests a batch may cost beyond those that were taken, while the span that a receiver refuses is looked for."""

_BODY_IS_AT_FAULT: Final = frozenset({400, 413})

_Piece: TypeAlias = tuple[int, int]
"""The spans from the one number to before the other, of a batch."""


@dataclass(frozen=True, slots=True)
class Request:
    """A body with so many spans in it, and headers of its own. `unencodable` others are not in it; without spans nothing is sent."""

    body: bytes
    spans: int
    unencodable: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)


EncodePiece: TypeAlias = Callable[[Sequence[FinishedSpan], int, int], Request]
"""The request of the spans from one number to before another, of a batch."""


def _whole(_: Answer) -> PartialSuccess:
    return PartialSuccess()


class Delivery:
    """Sends `batch` with `sender` until `deadline`; `partly` reads what a receiver that took a body says it left out of it."""

    def __init__(
        self,
        batch: Sequence[FinishedSpan],
        encode: EncodePiece,
        sender: HttpSender,
        deadline: float,
        *,
        max_body_bytes: int = MAX_BODY_BYTES,
        partly: Callable[[Answer], PartialSuccess] = _whole,
    ) -> None:
        self._batch = batch
        self._encode = encode
        self._partly = partly
        self._sender = sender
        self._max_body_bytes = max_body_bytes
        self._deadline = deadline
        self._pieces: list[_Piece] = []
        self._refusals_left = SEARCH_REQUESTS
        self._lost: Counter[str] = Counter()
        self._unencodable = 0

    def run(self) -> None:
        """Send it. Raises SpansLost, which says how many spans were not taken and why."""
        self._pieces = [(0, len(self._batch))] if len(self._batch) else []
        while self._pieces:
            piece = self._pieces.pop()
            request = self._request(piece)
            if request is not None:
                self._send(piece, request)
        if self._lost:
            raise SpansLost(self._lost, unencodable=self._unencodable)

    def _request(self, piece: _Piece) -> Request | None:
        """The piece encoded; None where it was halved instead, or nothing of it is left to send."""
        try:
            request = self._encode(self._batch, *piece)
        except Exception as error:  # noqa: BLE001  # whatever one span does to an encoder, the others are sent
            if not self._halved(piece):
                self._unencodable += 1
                self._lose(piece, f"{self._shown(piece)} cannot be encoded: {_message(error)}")
            return None
        if len(request.body) > self._max_body_bytes and self._halved(piece):
            return None
        if not request.spans:
            self._leave_out(request)
            return None
        return request  # one span that is too large alone is the receiver's to judge

    def _send(self, piece: _Piece, request: Request) -> None:
        try:
            answer = self._sender.send(request.body, self._deadline, request.headers)
        except SendFailed as failed:
            self._refused(piece, failed)
            return
        self._leave_out(request)  # only now: a piece that is refused is counted as a whole, or encoded again in halves
        partly = self._partly(answer)
        message = shown_message(partly.message)
        if partly.rejected_spans:
            rejected = min(partly.rejected_spans, request.spans)
            self._lost[f"{self._sender.address}: rejected{f': {message}' if message else ''}"] += rejected
        elif message:
            log_safely(logger, logging.WARNING, "%s took the spans, and says: %s", self._sender.address, message)

    def _leave_out(self, request: Request) -> None:
        """Count the spans that could not be encoded into a request that has come to its end."""
        if request.unencodable:
            self._unencodable += request.unencodable
            self._lost["cannot be encoded"] += request.unencodable

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
