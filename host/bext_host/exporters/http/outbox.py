"""Outbox: the request bodies that one receiver could not take for a time, oldest first, in memory or in a spool. Bounded.

What does not fit is refused, which is always the newest. Nothing is sent here.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol
from weakref import WeakSet

from bext_abi import BextTracerError
from bext_host.escape import escape
from bext_host.exporters.spool import DEFAULT_BYTES as SPOOL_BYTES
from bext_host.exporters.spool import Spool
from bext_host.private_folder import FolderRefused

from .memory_store import MemoryStore

MEMORY_BYTES: Final = 32 * 2**20
"""How much waits in memory where nothing else is asked for."""

MOST_BODIES: Final = 16_384
"""How many bodies wait at most, however small: each is a file, or an object."""


class NotKept(BextTracerError):
    """A body for which there is no room, or a disk that refuses it or cannot be read. The text says why."""


class Stored(Protocol):
    """A body in a store."""

    @property
    def body(self) -> bytes:
        """As it is to be sent."""
        ...

    @property
    def spans(self) -> int:
        """How many spans are in it."""
        ...

    @property
    def is_own(self) -> bool:
        """Whether this process recorded them."""
        ...

    @property
    def is_part(self) -> bool:
        """Whether it came into the place of a larger one that was refused."""
        ...

    @property
    def key(self) -> Hashable:
        """What tells it from others."""
        ...


class Outbox:
    """Bodies for `destination`, in memory or below the directory `spool`, at most `max_bytes` of them.

    Each destination has a folder of its own in the spool, named after `kind` and a digest of it: what was meant for one receiver is
    never sent to another, whose data or format it is not. Raises ValueError where there can be no such directory.

    For one thread at a time. A forked child starts empty.
    """

    def __init__(self, kind: str, destination: str, spool: str | os.PathLike[str] | None = None, max_bytes: int | None = None) -> None:
        if max_bytes is not None and max_bytes < 0:
            raise ValueError(f"max_waiting_bytes must be 0 or more, not {max_bytes}")
        self.where = "in memory" if spool is None else f"spool {escape(os.fspath(spool))}"
        self.is_lasting = spool is not None
        self._store: Any = (
            MemoryStore(MEMORY_BYTES if max_bytes is None else max_bytes)
            if spool is None
            else _spool(spool, _folder_name(kind, destination), max_bytes)
        )
        self._forget()
        _outboxes.add(self)

    is_lasting: bool
    """Whether what waits outlives the process."""

    is_known: bool
    """Whether what earlier processes left has been looked for."""

    def _forget(self) -> None:
        self._doubtful: set[Hashable] = set()
        self._vanished_spans = 0
        self.is_known = not self.is_lasting

    @property
    def bodies(self) -> int:
        """How many bodies wait."""
        return int(self._store.bodies)

    @property
    def own_spans(self) -> int:
        """How many spans of this process wait."""
        return int(self._store.own_spans)

    @property
    def earlier_spans(self) -> int:
        """How many spans of earlier processes wait."""
        return int(self._store.spans - self._store.own_spans)

    @property
    def damaged(self) -> int:
        """How many files were found damaged, and removed."""
        return int(self._store.damaged)

    def put(self, body: bytes, spans: int, *, is_doubtful: bool) -> None:
        """Keep a body behind all that wait. Raises NotKept."""
        if self.bodies >= MOST_BODIES:
            raise NotKept(f"{self.bodies} bodies wait already")
        with _not_kept():
            stored: Stored = self._store.put(body, spans)
        if is_doubtful:
            self.mark_doubtful(stored)

    def oldest(self) -> Stored | None:
        """The body that waits longest; None where none waits. Raises NotKept where that cannot be found out now."""
        before = self.own_spans
        try:
            with _not_kept():
                oldest: Stored | None = self._store.oldest()
        finally:
            self._vanished_spans += before - self.own_spans
        self.is_known = True
        return oldest

    def take_vanished(self) -> int:
        """How many spans of this process were in files that turned out to be damaged, or gone, since this was asked."""
        vanished, self._vanished_spans = self._vanished_spans, 0
        return vanished

    def mark_doubtful(self, stored: Stored) -> None:
        """Remember that the answer to a request with this body was lost, so that the receiver may have it."""
        self._doubtful.add(stored.key)

    def is_doubtful(self, stored: Stored) -> bool:
        """Whether the receiver may have the body, as far as this process knows."""
        return stored.key in self._doubtful

    def replace(self, oldest: Stored, parts: Sequence[tuple[bytes, int]]) -> None:
        """Put parts of the body that waits longest in its place, with so many spans each. Raises NotKept."""
        with _not_kept():
            stored: list[Stored] = self._store.replace(oldest, parts)
        if oldest.key in self._doubtful:
            self._doubtful.update(part.key for part in stored)
            self._doubtful.discard(oldest.key)

    def remove(self, oldest: Stored) -> None:
        """Take out the body that waits longest. Raises NotKept where its file stays for all that, and another process may find it."""
        self._doubtful.discard(oldest.key)
        with _not_kept():
            self._store.remove(oldest)

    def close(self) -> None:
        """Let go of a spool; what waits in memory is gone."""
        self._store.close()
        self._forget()
        self.is_known = True

    def forget_in_child(self) -> None:
        """After a fork: what waits is the parent's. The spool forgets by itself."""
        if not self.is_lasting:
            self._store.close()
        self._forget()


@contextmanager
def _not_kept() -> Iterator[None]:
    """What the store raises is NotKept."""
    try:
        yield
    except (OSError, FolderRefused) as error:
        raise NotKept(_words(error)) from error


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
