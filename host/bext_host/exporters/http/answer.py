"""What a receiver answered, and how a sending that failed is told: one line, safe to show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from bext_abi import BextTracerError
from bext_host.escape import escape

MESSAGE_CHARACTERS: Final = 300
"""How much of a receiver's message is repeated."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: `headers` by their lower-case names, `body` up to the sender's bound. `attempts` counts the requests it took."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    attempts: int = 1

    @property
    def is_success(self) -> bool:
        """True for 200 to 299."""
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class PartialSuccess:
    """What a receiver took only in part: how many spans it refused, and why; 0 with a message is a warning."""

    rejected_spans: int = 0
    message: str = ""


class SendFailed(BextTracerError, RuntimeError):
    """A body that was not taken. Its text is one line: the address without credentials and query, what happened, how many attempts it took.

    `answer` is the receiver's last one, None where there was none. `is_temporary` where the same body may be taken later, and
    `retry_after_seconds` what the receiver said of when. `is_doubtful` where the answer to one of the attempts was lost, so that the body
    may have been taken all the same.
    """

    def __init__(
        self,
        address: str,
        what: str,
        attempts: int,
        answer: Answer | None = None,
        *,
        is_temporary: bool = False,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(f"{address}: {what}, after {attempts} attempt{'' if attempts == 1 else 's'}")
        self.what = what
        self.attempts = attempts
        self.answer = answer
        self.is_temporary = is_temporary
        self.retry_after_seconds = retry_after_seconds
        self.is_doubtful = False

    @property
    def status(self) -> int | None:
        """The status of the last answer."""
        return None if self.answer is None else self.answer.status


def status_words(status: int) -> str:
    """`503 Service Unavailable`: the words are the standard's, not the receiver's."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def text_message(answer: Answer) -> str:
    """The body as text, whatever bytes it has."""
    return answer.body.decode("utf-8", "replace")


def shown_message(message: str) -> str:
    """A receiver's message on one line, escaped and cut."""
    words = " ".join(message.split())
    cut = words if len(words) <= MESSAGE_CHARACTERS else words[:MESSAGE_CHARACTERS] + "..."
    return escape(cut)
