"""When a request is sent again: the codes, the waits, and what Retry-After says (OTLP specification, "OTLP/HTTP Response")."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Final

RETRYABLE: Final = frozenset({429, 502, 503, 504})
"""The statuses after which the same request may succeed later."""

_random: Final = random.SystemRandom()  # a forked child waits for other times than its parent


@dataclass(frozen=True, slots=True)
class BackOff:
    """Exponential back-off with full jitter: a wait is anything from 0 to `first_seconds`, doubled each time up to `most_seconds`."""

    first_seconds: float = 1.0
    most_seconds: float = 30.0

    def seconds(self, attempt: int) -> float:
        """The wait after attempt number `attempt`, counted from 1."""
        longest = self.first_seconds * 2.0 ** min(attempt - 1, 60)
        return _random.uniform(0.0, min(longest, self.most_seconds))


def retry_after_seconds(value: str | None) -> float | None:
    """What a Retry-After header asks for, seconds or an HTTP date; None where there is none, or one that says nothing."""
    text = (value or "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])  # thirty years are enough
    try:
        date = parsedate_to_datetime(text)
        aware = date if date.tzinfo is not None else date.replace(tzinfo=timezone.utc)
        return max(0.0, (aware - datetime.now(timezone.utc)).total_seconds())
    except Exception:  # noqa: BLE001  # a receiver can write anything, and the parser raises more than ValueError for it
        return None
