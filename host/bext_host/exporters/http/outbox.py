"""Outbox: the request bodies that one receiver could not take for a time, oldest first, in memory or in a spool. Bounded.

What does not fit is refused, which is always the newest. Nothing is sent here.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections import deque
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final
from weakref import WeakSet

from bext_abi import BextTracerError
from bext_host.escape import escape
from bext_host.exporters.spool import DEFAULT_BYTES as SPOOL_BYTES
from bext_host.exporters.spool import Spool, Spooled
from bext_host.private_folder import FolderRefused

MEMORY_BYTES: Final = 32 * 2**20
"""How much waits in memory where nothing else is asked for."""

MOST_BODIES: Final = 16_384
"""How many bodies wait at most, however small: each is a file, or an object."""


class NotKept(BextTracerError):
    """A body for which there is no room, or a disk that refuses it or cannot be read. The text says why."""


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """A body that waits, with so many spans. `is_own` where this process recorded them.

    `is_doubtful` where the answer to an earlier request of this process was lost, so that the receiver may have it already.
    """

    body: bytes
    spans: int
    is_own: bool
    is_doubtful: bool
    place: object


class Outbox:
    """Bodies for `destination`, in memory or below the directory `spool`, at most `max_bytes` of them.

    Each destination has a folder of its own in the spool, named after `kind` and a digest of it: what was meant for one receiver is
    never sent to another, whose data or format it is not. Raises ValueError where there can be no such directory.

    For one thread at a time. A forked child starts empty.
    """

    def __init__(self, kind: str, destination: str, spool: str | os.PathLike[str] | None = None, max_bytes: int | None = None) -> None:
        if max_bytes is not None and max_bytes < 0:
            raise ValueError(f"max_waiting_bytes must be 0 or more, not {max_bytes}")
        self._spool = None if spool is None else _spool(spool, _folder_name(kind, destination), max_bytes)
        self.where = "in memory" if spool is None else f"spool {escape(os.fspath(spool))}"
        self._max_bytes = MEMORY_BYTES if max_bytes is None else max_bytes
        self._forget()
        _outboxes.add(self)

    def _forget(self) -> None:
        self._memory: deque[tuple[int, bytes, int]] = deque()
        self._memory_bytes = self._memory_spans = 0
        self._numbers = count()
        self._doubtful: set[object] = set()
        self._vanished_spans = 0
        self.is_known = self._spool is None

    @property
    def is_lasting(self) -> bool:
        """Whether what waits outlives the process."""
        return self._spool is not None

    is_known: bool
    """Whether what earlier processes left has been looked for."""

    @property
    def bodies(self) -> int:
        """How many bodies wait."""
        return len(self._memory) if self._spool is None else self._spool.bodies

    @property
    def own_spans(self) -> int:
        """How many spans of this process wait."""
        return self._memory_spans if self._spool is None else self._spool.own_spans

    @property
    def earlier_spans(self) -> int:
        """How many spans of earlier processes wait."""
        return 0 if self._spool is None else self._spool.spans - self._spool.own_spans

    @property
    def damaged(self) -> int:
        """How many files were found damaged, and removed."""
        return 0 if self._spool is None else self._spool.damaged

    def put(self, body: bytes, spans: int, *, is_doubtful: bool) -> None:
        """Keep a body behind all that wait. Raises NotKept."""
        if self.bodies >= MOST_BODIES:
            raise NotKept(f"{self.bodies} bodies wait already")
        place = self._put_in_memory(body, spans) if self._spool is None else self._put_in_spool(self._spool, body, spans)
        if is_doubtful:
            self._doubtful.add(place)

    def _put_in_memory(self, body: bytes, spans: int) -> object:
        if self._memory_bytes + len(body) > self._max_bytes:
            raise NotKept(f"{self._memory_bytes} of at most {self._max_bytes} bytes wait already")
        number = next(self._numbers)
        self._memory.append((number, body, spans))
        self._memory_bytes += len(body)
        self._memory_spans += spans
        return number

    def _put_in_spool(self, spool: Spool, body: bytes, spans: int) -> object:
        try:
            return spool.put(body, spans).path
        except (OSError, FolderRefused) as error:
            raise NotKept(_words(error)) from error

    def oldest(self) -> Waiting | None:
        """The body that waits longest; None where none waits. Raises NotKept where that cannot be found out now."""
        if self._spool is not None:
            return self._oldest_in_spool(self._spool)
        if not self._memory:
            return None
        number, body, spans = self._memory[0]
        return Waiting(body, spans, is_own=True, is_doubtful=number in self._doubtful, place=number)

    def _oldest_in_spool(self, spool: Spool) -> Waiting | None:
        before = spool.own_spans
        try:
            found = spool.oldest()
        except (OSError, FolderRefused) as error:
            raise NotKept(_words(error)) from error
        finally:
            self._vanished_spans += before - spool.own_spans
        self.is_known = True
        if found is None:
            return None
        return Waiting(found.body, found.spans, found.is_own, found.path in self._doubtful, found)

    def take_vanished(self) -> int:
        """How many spans of this process were in files that turned out to be damaged, or gone, since this was asked."""
        vanished, self._vanished_spans = self._vanished_spans, 0
        return vanished

    def mark_doubtful(self, waiting: Waiting) -> None:
        """Remember that the receiver may have the body."""
        self._doubtful.add(_key(waiting))

    def remove(self, waiting: Waiting) -> None:
        """Take out the body that waits longest. Raises NotKept where its file stays for all that, and another process may find it."""
        self._doubtful.discard(_key(waiting))
        if self._spool is None:
            _, body, spans = self._memory.popleft()
            self._memory_bytes -= len(body)
            self._memory_spans -= spans
            return
        assert isinstance(waiting.place, Spooled)
        try:
            self._spool.remove(waiting.place)
        except OSError as error:
            raise NotKept(_words(error)) from error

    def close(self) -> None:
        """Let go of a spool; what waits in memory is gone."""
        if self._spool is not None:
            self._spool.close()
        self._forget()
        self.is_known = True

    def forget_in_child(self) -> None:
        """After a fork: what waits is the parent's. The spool forgets by itself."""
        self._forget()


def _key(waiting: Waiting) -> object:
    return waiting.place.path if isinstance(waiting.place, Spooled) else waiting.place


def _folder_name(kind: str, destination: str) -> str:
    return f"{kind}-{hashlib.sha256(destination.encode()).hexdigest()[:24]}"


def _spool(directory: str | os.PathLike[str], name: str, max_bytes: int | None) -> Spool:
    if not os.fspath(directory):
        raise ValueError("spool must be the name of a directory, not ''")
    spool = Spool(Path(directory) / name, max_bytes=SPOOL_BYTES if max_bytes is None else max_bytes)
    try:
        spool.check()
    except (OSError, FolderRefused) as error:
        raise ValueError(f"spool {escape(os.fspath(directory))} cannot be used: {_words(error)}") from None
    return spool


def _words(error: OSError | FolderRefused) -> str:
    if isinstance(error, FolderRefused) or error.strerror is None:
        return escape(str(error))
    where = "" if error.filename is None or error.errno == errno.ENOSPC else f": {error.filename}"
    return escape(f"{error.strerror}{where}")


_outboxes: Final[WeakSet[Outbox]] = WeakSet()


def _forget_all_in_child() -> None:
    for outbox in list(_outboxes):
        outbox.forget_in_child()


os.register_at_fork(after_in_child=_forget_all_in_child)
