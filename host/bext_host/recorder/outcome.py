"""Outcome: what became of calls to an exporter, in their order; and Settlement, what one of them means for the counters."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from .exporter import SpansLost, SpansWaiting


@dataclass(frozen=True, slots=True)
class Settlement:
    """How many spans a call's end makes taken and lost; `unencodable` of the lost could not be encoded.

    `kept` is how many more wait with the exporter than before, less than 0 where fewer do.
    """

    exported: int = 0
    lost: int = 0
    unencodable: int = 0
    kept: int = 0

    @classmethod
    def of(cls, given: int, waited: int, error: BaseException | None) -> Settlement:
        """Of a call that was given so many spans, by an exporter with which `waited` were already.

        None is made up and none forgotten, whatever the error claims: `exported + lost + kept` is `given`. Where an exporter says nothing
        of what waits, since it raised something else, that waits on.
        """
        if error is None:
            return cls(given + waited, kept=-waited)
        if not isinstance(error, (SpansLost, SpansWaiting)):
            return cls(lost=given)
        at_hand = given + waited
        told = error.waiting if isinstance(error, SpansLost) else error
        claimed, unencodable = (error.count, error.unencodable) if isinstance(error, SpansLost) else (0, 0)
        waiting = _within(told.count if told is not None else 0, at_hand)
        lost = _within(claimed, at_hand - waiting)
        return cls(at_hand - waiting - lost, lost, _within(unencodable, lost), waiting - waited)


def _within(count: int, most: int) -> int:
    return min(max(count, 0), most)


def readable(error: BaseException) -> BaseException:
    """What an exporter raised; a TypeError in its place where it is SpansLost or SpansWaiting whose counts are none."""
    try:
        is_readable = not isinstance(error, (SpansLost, SpansWaiting)) or _has_counts(error)
    except Exception:  # noqa: BLE001  # a property of a class of the exporter's own
        is_readable = False
    return error if is_readable else TypeError(f"{type(error).__name__} with counts that are none")


def _has_counts(error: SpansLost | SpansWaiting) -> bool:
    counts: list[object] = [error.count]
    if isinstance(error, SpansLost):
        counts += [error.unencodable, *error.reasons.values()]
        if error.waiting is not None:
            counts.append(error.waiting.count)
    return all(isinstance(count, int) for count in counts)


def error_words(error: BaseException) -> str:
    """Its type and its text, where it has one that can be had."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception as unsaid:  # noqa: BLE001  # an exporter's own class
        return f"{type(error).__name__} (its text raises {type(unsaid).__name__})"


class Outcome:
    """What calls have lost, added up; the first other error; and what waits after the last of them that says so."""

    def __init__(self) -> None:
        self._lost: Counter[str] = Counter()
        self._other: BaseException | None = None
        self._waiting: SpansWaiting | None = None
        self._knows_waiting = False

    def add(self, error: BaseException | None) -> None:
        """A call came to its end: with this error, or well, which leaves nothing that waits."""
        if error is None or isinstance(error, (SpansLost, SpansWaiting)):
            self._waiting = error.waiting if isinstance(error, SpansLost) else error
            self._knows_waiting = True
        else:
            self._other = self._other or error
        if isinstance(error, SpansLost):
            self._lost.update(error.reasons)

    def follow(self, later: Outcome) -> None:
        """Add another outcome behind this one."""
        self._lost.update(later._lost)
        self._other = self._other or later._other
        if later._knows_waiting:
            self._waiting = later._waiting

    def take_news(self) -> Outcome:
        """What it has to tell besides what waits, taken out of it."""
        news = Outcome()
        news._lost, news._other = self._lost, self._other
        self._lost, self._other = Counter(), None
        return news

    def words(self) -> str | None:
        """For people: what went wrong; None where nothing did, and nothing waits."""
        errors = (self._other, SpansLost(self._lost) if self._lost else None, self._waiting)
        return "; ".join(error_words(error) for error in errors if error is not None) or None
