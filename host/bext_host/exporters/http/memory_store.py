"""MemoryStore: bodies that wait in memory, as a Spool keeps them on disk."""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from bext_host.exporters.spool import SpoolFull


@dataclass(frozen=True, slots=True)
class Held:
    """A body that waits: how many spans it carries, and what tells it from others."""

    body: bytes
    spans: int
    key: int
    is_own: bool = True
    is_part: bool = False


class MemoryStore:
    """At most `max_bytes` of bodies. For one thread at a time."""

    damaged = 0
    size_bytes = 0
    spans = 0

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bodies: deque[Held] = deque()
        self._keys = count()

    @property
    def own_spans(self) -> int:
        """How many spans this process put there."""
        return self.spans

    @property
    def bodies(self) -> int:
        """How many bodies wait."""
        return len(self._bodies)

    def put(self, body: bytes, spans: int) -> Held:
        """Keep a body behind all that wait. Raises SpoolFull where it does not fit."""
        if self.size_bytes + len(body) > self._max_bytes:
            raise SpoolFull(errno.ENOSPC, f"{self.size_bytes} of at most {self._max_bytes} bytes wait already")
        held = Held(body, spans, next(self._keys))
        self._bodies.append(held)
        self._count(held, 1)
        return held

    def oldest(self) -> Held | None:
        """The body that waits longest; None where none waits."""
        return self._bodies[0] if self._bodies else None

    def replace(self, oldest: Held, parts: Sequence[tuple[bytes, int]]) -> list[Held]:
        """Put parts of a body, with so many spans each, in the place of the body that waits longest, whatever the bound."""
        self.remove(oldest)
        held = [Held(body, spans, next(self._keys), is_part=True) for body, spans in parts]
        for part in reversed(held):
            self._bodies.appendleft(part)
            self._count(part, 1)
        return held

    def remove(self, oldest: Held) -> None:
        """Take out the body that waits longest."""
        self._count(self._bodies.popleft(), -1)

    def close(self) -> None:
        """Forget what waits."""
        self._bodies.clear()
        self.size_bytes = self.spans = 0

    def _count(self, held: Held, sign: int) -> None:
        self.size_bytes += sign * len(held.body)
        self.spans += sign * held.spans
