"""Delivery: one batch on its way to a receiver, in pieces that become smaller where something is wrong with them.

No span is the ruin of its neighbours: one that cannot be encoded is dropped alone, a body that is too large is cut, and where a receiver
refuses one, the span at fault is looked for and named. Where it takes none for the time being, the pieces that are left are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from bext_host.escape import escape
from bext_host.recorder.span import FinishedSpan

from .answer import Answer, PartialSuccess, SendFailed, shown_message
from .losses import Losses
from .outbox import NotKept, Outbox
from .sender import HttpSender

MAX_BODY_BYTES: Final = 4 * 2**20
"""The size of a request before compression, which receivers commonly take."""

SEARCH_REQUESTS: Final = 64
"""How many requests a batch may cost beyond those that were taken, while the span that a receiver refuses is looked for."""

BODY_IS_AT_FAULT: Final = frozenset({400, 413})
"""The answers after which a smaller body may be taken."""

_Piece: TypeAlias = tuple[int, int]
"""The spans from the one number to before the other, of a batch."""


@dataclass(frozen=True, slots=True)
class Request:
    """A body with so many spans in it. `unencodable` others are not in it; without spans nothing is sent."""

    body: bytes
    spans: int
    unencodable: int = 0


EncodePiece: TypeAlias = Callable[[Sequence[FinishedSpan], int, int], Request]
"""The request of the spans from one number to before another, of a batch."""


@dataclass(frozen=True, slots=True)
class Format:
    """How spans become requests to a kind of receiver, and what its answers mean.

    `partly` reads what a receiver that took a body says it left out of it; `headers_of` gives the headers that depend on the body.
    `halves` makes two bodies of one, and says how many spans are in the first; None where it cannot. `shown_first` tells people which is
    the first span in a body.
    """

    encode: EncodePiece
    halves: Callable[[bytes], tuple[bytes, bytes, int] | None]
    shown_first: Callable[[bytes], str]
    partly: Callable[[Answer], PartialSuccess] = lambda _: PartialSuccess()
    headers_of: Callable[[bytes], Mapping[str, str]] = lambda _: {}
    max_body_bytes: int = MAX_BODY_BYTES


class Delivery:
    """Sends `batch` with `sender` until `deadline`, and puts into `outbox` what could not be sent for a time. Counts into `losses`.

    `failed` is why it could not: given where that is known before, so that nothing is tried. `taken` counts the spans that were.
    """

    def __init__(
        self,
        batch: Sequence[FinishedSpan],
        form: Format,
        sender: HttpSender,
        outbox: Outbox,
        losses: Losses,
        deadline: float,
        failed: SendFailed | None = None,
    ) -> None:
        self.taken = 0
        self.failed = failed
        self._batch = batch
        self._form = form
        self._sender = sender
        self._outbox = outbox
        self._losses = losses
        self._deadline = deadline
        self._pieces: list[_Piece] = []
        self._refusals_left = SEARCH_REQUESTS

    def run(self) -> None:
        """Send it."""
        self._pieces = [(0, len(self._batch))] if len(self._batch) else []
        while self._pieces:
            piece = self._pieces.pop()
            request = self._request(piece)
            if request is not None:
                self._send(piece, request)

    def _request(self, piece: _Piece) -> Request | None:
        """The piece encoded; None where it was halved instead, or nothing of it is left to send."""
        try:
            request = self._form.encode(self._batch, *piece)
        except Exception as error:  # noqa: BLE001  # whatever one span does to an encoder, the others are sent
            if not self._halved(piece):
                self._losses.add_unencodable(1, f"{self._shown(piece)} cannot be encoded: {_message(error)}")
            return None
        if len(request.body) > self._form.max_body_bytes and self._halved(piece):
            return None
        if not request.spans:
            self._leave_out(request)
            return None
        return request  # one span that is too large alone is the receiver's to judge

    def _send(self, piece: _Piece, request: Request) -> None:
        if self.failed is not None:
            self._keep(request, self.failed, is_doubtful=False)
            return
        try:
            answer = self._sender.send(request.body, self._deadline, self._form.headers_of(request.body))
        except SendFailed as failed:
            if failed.is_temporary:
                self.failed = failed
                self._keep(request, failed, is_doubtful=failed.is_doubtful)
            else:
                self._refused(piece, failed)
            return
        self._leave_out(request)  # only now: a piece that is refused is counted as a whole, or encoded again in halves
        rejected = rejected_spans(self._form.partly(answer), request.spans, self._sender.address, self._losses)
        self.taken += request.spans - rejected

    def _keep(self, request: Request, failed: SendFailed, *, is_doubtful: bool) -> None:
        self._leave_out(request)
        try:
            self._outbox.put(request.body, request.spans, is_doubtful=is_doubtful)
        except NotKept as why:
            self._losses.add(request.spans, f"{failed}; not kept ({self._outbox.where}): {why}")

    def _leave_out(self, request: Request) -> None:
        """Count the spans that could not be encoded into a request that has come to its end."""
        if request.unencodable:
            self._losses.add_unencodable(request.unencodable, "cannot be encoded")

    def _refused(self, piece: _Piece, failed: SendFailed) -> None:
        """Look for the span at fault, or give up: the piece alone, or all that is left where the others would fare no better."""
        if failed.status not in BODY_IS_AT_FAULT:
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
        self._losses.add(_size(piece), reason)

    def _shown(self, piece: _Piece) -> str:
        span = self._batch[piece[0]]
        return shown_span(span.name, span.handle.span_id_hex, span.handle.trace_id_hex)


def rejected_spans(partly: PartialSuccess, spans: int, address: str, losses: Losses, *, is_own: bool = True) -> int:
    """How many spans of a body a receiver says it left out, counted into `losses`. A message without any is a warning, kept there, too."""
    message = shown_message(partly.message)
    rejected = min(max(partly.rejected_spans, 0), spans)
    if rejected:
        losses.add(rejected, f"{address}: rejected{f': {message}' if message else ''}", is_own=is_own)
    elif message:
        losses.warnings.add(f"{address} took the spans, and says: {message}")
    return rejected


def _size(piece: _Piece) -> int:
    start, stop = piece
    return stop - start


def shown_span(name: str, span_id: str, trace_id: str) -> str:
    """A span for people: its name, cut and escaped, and its ids in hex."""
    short = name if len(name) <= 80 else name[:80] + "..."
    return f'span "{escape(short)}" {span_id} of trace {trace_id}'


def _message(error: Exception) -> str:
    return f"{type(error).__name__}: {shown_message(str(error))}"
