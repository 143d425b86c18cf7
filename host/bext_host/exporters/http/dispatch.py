"""Dispatch: sends an exporter's batches, keeps what the receiver cannot take for a time, and sends that again, in order.

While something waits, one request with the oldest body finds out whether the receiver is back; new batches queue up behind it at once.
These requests are made by the back-off, and never before the time that a Retry-After named. A flush, which somebody waits for, does not
wait for the back-off.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from bext_host.logs import log_safely
from bext_host.recorder.exporter import SpansLost, SpansWaiting
from bext_host.recorder.span import FinishedSpan

from .answer import Answer, SendFailed
from .delivery import BODY_IS_AT_FAULT, SEARCH_REQUESTS, Delivery, Format, rejected_spans
from .losses import Losses
from .outbox import NotKept, Outbox, Stored
from .retry import BackOff
from .sender import HttpSender

logger = logging.getLogger("bext_host.exporters")

MOST_RETRY_AFTER_SECONDS: Final = 3600.0
"""How long a receiver can ask for no request."""

MOST_WARNINGS: Final = 20
"""How many different warnings are logged: a receiver, or a disk, may have one for every request."""

SENT_BEFORE_A_BATCH: Final = 4
"""How many waiting bodies are sent before a new batch, which is kept behind them where there are more: batches must not wait for long."""

_NOT_THE_BODYS_FAULT: Final = frozenset({401, 403, 404, 407})
"""A key or an address that is wrong, which a restart may correct: what waits already is not given up for it."""


@dataclass(frozen=True, slots=True)
class DispatchStats:
    """What an exporter did so far, and what waits. `earlier_` are spans that it found in its spool, left there by processes before it.

    `taken` spans were answered with success, `given_up` were not sent or were refused; with `waiting` these are all that it was given.
    `requests`, `answers_lost` and `sent_again` are as in SendCounts: a receiver has taken at most `sent_again` bodies a second time.
    `damaged` files of the spool were not what was written, and were removed.

    Two things nobody can know: what was given up after its answer was lost may have been taken all the same; and what a process had sent
    when it was killed, before it could take the file out of its spool, the next one sends again, uncounted.
    """

    requests: int
    answers_lost: int
    sent_again: int
    taken: int
    given_up: int
    waiting: int
    earlier_taken: int
    earlier_given_up: int
    earlier_waiting: int
    damaged: int


class Dispatch:
    """Sends spans in `form` with `sender`, and keeps in `outbox` what has to wait. For one thread at a time."""

    def __init__(self, form: Format, sender: HttpSender, outbox: Outbox, back_off: BackOff | None = None) -> None:
        self._form = form
        self._sender = sender
        self._outbox = outbox
        self._back_off = back_off or BackOff()
        self._failed: SendFailed | None = None
        self._failures = 0
        self._not_before = 0.0
        self._asked_until = 0.0
        self._refusals_left = SEARCH_REQUESTS
        self._is_readable = True
        self._last_stats: DispatchStats | None = None
        self._warned: set[str] = set()
        self._taken = self._given_up = self._earlier_taken = self._earlier_given_up = 0

    @property
    def stats(self) -> DispatchStats:
        """The numbers as they stand, or stood when it was shut down."""
        if self._last_stats is not None:
            return self._last_stats
        counts = self._sender.counts
        return DispatchStats(
            requests=counts.requests,
            answers_lost=counts.answers_lost,
            sent_again=counts.sent_again,
            taken=self._taken,
            given_up=self._given_up,
            waiting=self._outbox.own_spans,
            earlier_taken=self._earlier_taken,
            earlier_given_up=self._earlier_given_up,
            earlier_waiting=self._outbox.earlier_spans,
            damaged=self._outbox.damaged,
        )

    @property
    def resend_at(self) -> float | None:
        """When what waits should be sent again; at once where nobody has looked yet whether something does."""
        if self._last_stats is not None or (self._outbox.is_known and not self._outbox.bodies):
            return None
        return max(self._not_before, self._asked_until)

    def export(self, batch: Sequence[FinishedSpan], deadline: float) -> None:
        """Send what waits, if it is time, then the batch. Raises SpansLost and SpansWaiting."""
        losses = Losses()
        if time.monotonic() >= self._not_before:
            self._send_waiting(deadline, losses, at_most=SENT_BEFORE_A_BATCH)
        known = self._failed or self._unsent() if self._outbox.bodies and self._is_readable else None
        delivery = Delivery(batch, self._form, self._sender, self._outbox, losses, deadline, known)
        delivery.run()
        self._taken += delivery.taken
        if delivery.failed is not None and delivery.failed is not known:
            self._put_off(delivery.failed)
        self._raise(losses)

    def resend(self, deadline: float, is_wanted: Callable[[], bool]) -> None:
        """Send what waits until `deadline`, while it `is_wanted`. Raises as `export` does."""
        losses = Losses()
        self._send_waiting(deadline, losses, is_wanted)
        self._raise(losses)

    def shutdown(self, deadline: float) -> None:
        """Try once more, and let go of everything. What waits in memory is given up, what is in a spool stays. Raises as `export` does."""
        losses = Losses()
        try:
            self._send_waiting(deadline, losses)
            if not self._outbox.is_lasting:
                self._give_up_all(losses)
            error = self._error(losses)
        finally:
            self._last_stats = self.stats
            self._outbox.close()
            self._sender.close()
        if error is not None:
            raise error

    def _unsent(self) -> SendFailed:
        return SendFailed(self._sender.address, "others wait before them", 0, is_temporary=True)

    def _send_waiting(
        self, deadline: float, losses: Losses, is_wanted: Callable[[], bool] = lambda: True, at_most: int | None = None
    ) -> None:
        sent = 0
        while time.monotonic() >= self._asked_until and is_wanted() and sent != at_most:
            sent += 1
            waiting = self._oldest(losses)
            if waiting is None or not self._send_again(waiting, deadline, losses):
                return

    def _oldest(self, losses: Losses) -> Stored | None:
        try:
            oldest = self._outbox.oldest()
        except NotKept as why:
            self._is_readable = False  # and nothing new waits for it
            self._put_off(SendFailed(self._outbox.where, f"cannot be read ({why})", 1))
            return None
        else:
            self._is_readable = True
            return oldest
        finally:
            losses.add(self._outbox.take_vanished(), f"damaged or removed while they waited ({self._outbox.where})")

    def _send_again(self, waiting: Stored, deadline: float, losses: Losses) -> bool:
        """One request with the body; whether the next may follow."""
        try:
            headers = self._form.headers_of(waiting.body)
        except Exception as error:  # noqa: BLE001  # its checksum is right: somebody else's format, which must not hold up the others
            self._remove(waiting)
            self._give_up(waiting, f"waited, and cannot be read: {type(error).__name__}", losses)
            return True
        try:
            answer = self._sender.send(waiting.body, deadline, headers, at_most_attempts=1, is_doubtful=self._outbox.is_doubtful(waiting))
        except SendFailed as failed:
            if failed.is_doubtful:
                self._outbox.mark_doubtful(waiting)
            if failed.is_temporary or failed.answer is None or failed.status in _NOT_THE_BODYS_FAULT:
                self._put_off(failed)
                return False
            self._refused(waiting, failed, losses)
        else:
            self._remove(waiting)
            self._note_taken(waiting, answer, losses)
        self._failed, self._failures, self._not_before = None, 0, 0.0  # the receiver answers
        return True

    def _refused(self, waiting: Stored, failed: SendFailed, losses: Losses) -> None:
        """Look for the span at fault, or give the body up."""
        if failed.status in BODY_IS_AT_FAULT and self._halved(waiting):
            return
        who = f"{self._shown_first(waiting.body)} " if waiting.spans == 1 else ""
        self._remove(waiting)
        self._give_up(waiting, f"{who}waited, and was refused: {failed}", losses)

    def _shown_first(self, body: bytes) -> str:
        try:
            return self._form.shown_first(body)
        except Exception:  # noqa: BLE001  # as in _send_again
            return "a span"

    def _halves(self, body: bytes) -> tuple[bytes, bytes, int] | None:
        try:
            return self._form.halves(body)
        except Exception:  # noqa: BLE001  # as in _send_again
            return None

    def _halved(self, waiting: Stored) -> bool:
        """Put the halves of a body in its place, where it has some and not too many of its parts were refused."""
        if not waiting.is_part:
            self._refusals_left = SEARCH_REQUESTS
        self._refusals_left -= 1
        halves = self._halves(waiting.body) if self._refusals_left > 0 and waiting.spans > 1 else None
        if halves is None:
            return False
        first, second, spans = halves
        try:
            self._outbox.replace(waiting, [(first, spans), (second, waiting.spans - spans)])
        except NotKept:
            return False
        return True

    def _note_taken(self, waiting: Stored, answer: Answer, losses: Losses) -> None:
        partly = self._form.partly(answer)
        rejected = rejected_spans(partly, waiting.spans, self._sender.address, losses, is_own=waiting.is_own)
        if waiting.is_own:
            self._taken += waiting.spans - rejected
        else:
            self._earlier_taken += waiting.spans - rejected
            self._earlier_given_up += rejected

    def _remove(self, waiting: Stored) -> None:
        try:
            self._outbox.remove(waiting)
        except NotKept as why:
            self._warn(f"{self._outbox.where}: a body that is done with cannot be removed: {why}")

    def _put_off(self, failed: SendFailed) -> None:
        """The receiver takes nothing now: wait, longer each time."""
        self._failed = failed
        failed.__traceback__ = failed.__cause__ = failed.__context__ = None  # their frames hold a batch, and its body
        if not failed.attempts:  # it was not asked: time ran out before
            return
        now = time.monotonic()
        self._failures += failed.attempts
        self._not_before = now + self._back_off.seconds(self._failures)
        if failed.retry_after_seconds is not None:
            self._asked_until = now + min(failed.retry_after_seconds, MOST_RETRY_AFTER_SECONDS)

    def _give_up_all(self, losses: Losses) -> None:
        while (waiting := self._oldest(losses)) is not None:
            self._remove(waiting)
            self._give_up(waiting, f"waited {self._outbox.where} until the end: {self._why()}", losses)

    def _give_up(self, waiting: Stored, reason: str, losses: Losses) -> None:
        losses.add(waiting.spans, reason, is_own=waiting.is_own)
        if not waiting.is_own:
            self._earlier_given_up += waiting.spans

    def _why(self) -> str:
        return "not sent yet" if self._failed is None else str(self._failed)

    def _error(self, losses: Losses) -> SpansLost | SpansWaiting | None:
        """What a call has to tell at its end."""
        waiting = None
        self._given_up += losses.count
        self._log(losses)
        if self._outbox.bodies:
            waiting = SpansWaiting(self._outbox.own_spans, self._outbox.where, self._why(), earlier=self._outbox.earlier_spans)
        if losses.reasons:
            return SpansLost(losses.reasons, unencodable=losses.unencodable, waiting=waiting)
        return waiting

    def _log(self, losses: Losses) -> None:
        """What no flush tells."""
        if losses.earlier:
            log_safely(logger, logging.WARNING, "of earlier processes: %s", SpansLost(losses.earlier))
        for warning in sorted(losses.warnings):
            self._warn(warning)

    def _warn(self, warning: str) -> None:
        """Log what may be so for every request: each such line once, and not many of them."""
        if warning not in self._warned and len(self._warned) < MOST_WARNINGS:
            self._warned.add(warning)
            log_safely(logger, logging.WARNING, "%s", warning)

    def _raise(self, losses: Losses) -> None:
        error = self._error(losses)
        if error is not None:
            raise error
