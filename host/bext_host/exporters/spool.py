"""Spool: request bodies that could not be sent, kept on disk until they can be: by this process, or by the next one.

    DIRECTORY/            mode 0700, refused where another user could write it
      lock                held for the moments in which folders are made and taken over
      START-RANDOM/       one folder a process; who has its lock owns what is in it
        00000001.batch    a header with a checksum, then the body, as it was to be sent

A body is written under another name, brought to the disk, and renamed: a crash in the middle of a write leaves nothing that would be read.
The folders of processes that have ended are taken over, the oldest first, so everything is sent in the order in which it was recorded. Only
bodies are kept: no address, no header, no key.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from bext_abi import BextTracerError
from bext_host.escape import escape
from bext_host.logs import log_safely
from bext_host.private_folder import private_folder

from .spool_folder import HEADER, Damaged, Folder, Spooled

logger = logging.getLogger("bext_host.exporters")

DEFAULT_BYTES: Final = 256 * 2**20
"""How much a spool holds where nothing else is asked for."""


class SpoolFull(BextTracerError, OSError):
    """There is no room for another body: the spool's own bound is reached. What is there stays, since it is older."""


class Spool:
    """Bodies of one exporter in `directory`, at most `max_bytes` of them with what earlier processes left.

    For one thread at a time, which is the exporter's. A forked child starts with a folder of its own, and sends nothing of its
    parent's. The directory is made at the first `put`, or opened by the first `oldest`. `damaged` counts files that were not what was
    written: they are removed, with a line in the log. Every method raises OSError for what the disk refuses, and FolderRefused for a
    directory that others could write.
    """

    def __init__(self, directory: str | os.PathLike[str], *, max_bytes: int = DEFAULT_BYTES) -> None:
        if max_bytes < 1:
            raise ValueError(f"max_bytes must be at least 1, not {max_bytes}")
        self._directory = Path(directory).absolute()
        self._max_bytes = max_bytes
        self.damaged = 0
        self._reset()
        _spools.add(self)

    def _reset(self) -> None:
        self._own: Folder | None = None
        self._folders: list[Folder] = []
        self._looked = False

    @property
    def size_bytes(self) -> int:
        """How much waits, with the headers, as far as this process owns it."""
        return sum(folder.size_bytes for folder in self._folders)

    @property
    def spans(self) -> int:
        """How many spans wait."""
        return sum(folder.spans for folder in self._folders)

    @property
    def bodies(self) -> int:
        """How many bodies wait."""
        return sum(len(folder.entries) for folder in self._folders)

    @property
    def own_spans(self) -> int:
        """How many of these this process put there."""
        own = self._own
        return 0 if own is None else own.spans

    def check(self) -> None:
        """Find out whether there can be such a directory, and make nothing. Raises FolderRefused or OSError where there cannot."""
        with suppress(FileNotFoundError), private_folder(self._directory, make=False):
            return
        above = next(path for path in self._directory.parents if path.exists())
        if not os.access(above, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(above))

    def put(self, body: bytes, spans: int) -> Spooled:
        """Keep a body behind all that wait. Raises SpoolFull where it does not fit."""
        self._look()
        size = HEADER.size + len(body)
        if self.size_bytes + size > self._max_bytes:
            raise SpoolFull(errno.ENOSPC, f"the spool holds {self.size_bytes} of at most {self._max_bytes} bytes", str(self._directory))
        if self._own is None:
            with self._locked() as directory:
                self._own = Folder.make(self._directory, directory)
            self._folders.append(self._own)
        return Spooled(body, spans, self._own.path / self._put(self._own, body, spans), is_own=True)

    def _put(self, own: Folder, body: bytes, spans: int) -> str:
        try:
            return own.put(body, spans)
        except FileNotFoundError:  # somebody removed the folder; what was in it is missed when its turn comes
            with self._locked() as directory:
                own.make_again(directory)
            return own.put(body, spans)

    def oldest(self) -> Spooled | None:
        """The body that waits longest, still there until `remove`; None where none waits."""
        self._look()
        for folder in self._folders:
            while folder.entries:
                entry = folder.entries[0]
                try:
                    return folder.read(entry, is_own=folder is self._own)
                except Damaged as damage:
                    self.damaged += 1
                    log_safely(logger, logging.WARNING, "%s is removed: %s", str(folder.path / entry.name), str(damage))
                    folder.remove(entry.name)
        return None

    def replace(self, oldest: Spooled, parts: Sequence[tuple[bytes, int]]) -> list[Spooled]:
        """Put parts of a body, with so many spans each, in the place of the one that waits longest, whatever the bound.

        A crash in the middle leaves the whole besides its parts, so that nothing is lost.
        """
        folder = self._folder_of(oldest)
        names = folder.put_before(oldest.path.name, parts)
        folder.remove(oldest.path.name)
        return [Spooled(body, spans, folder.path / name, oldest.is_own) for name, (body, spans) in zip(names, parts, strict=True)]

    def _folder_of(self, spooled: Spooled) -> Folder:
        return next(folder for folder in self._folders if folder.path == spooled.path.parent)

    def remove(self, spooled: Spooled) -> None:
        """Take out a body that has been sent, or never will be."""
        folder = self._folder_of(spooled)
        folder.remove(spooled.path.name)
        if not folder.entries and folder is not self._own:
            self._folders.remove(folder)
            folder.delete()

    def close(self) -> None:
        """Let go of the folders: what waits is another process's to send."""
        for folder in self._folders:
            folder.close() if folder.entries else folder.delete()
        self._reset()

    def _look(self) -> None:
        """Once: take over the folders whose processes have ended."""
        if self._looked:
            return
        with suppress(FileNotFoundError), self._locked(make=False):
            for path in sorted(path for path in self._directory.iterdir() if path.is_dir() and not path.is_symlink()):
                folder = _taken_over(path)
                if folder is not None:
                    self.damaged += folder.damaged
                    self._folders.append(folder)
        self._looked = True

    @contextmanager
    def _locked(self, *, make: bool = True) -> Iterator[int]:
        with private_folder(self._directory, make=make) as directory:
            lock = os.open("lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=directory)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield directory
            finally:
                with suppress(OSError):  # in words, not by closing: a child that was forked meanwhile has a copy, which would keep the lock
                    fcntl.flock(lock, fcntl.LOCK_UN)
                os.close(lock)

    def forget_in_child(self) -> None:
        """After a fork: the folders are the parent's."""
        self._reset()


def _taken_over(path: Path) -> Folder | None:
    try:
        return Folder.take_over(path)
    except PermissionError as error:
        log_safely(logger, logging.WARNING, "%s is left alone: %s", escape(str(path)), os.strerror(error.errno or 0))
        return None


_spools: Final[weakref.WeakSet[Spool]] = weakref.WeakSet()


def _forget_all_in_child() -> None:
    for spool in list(_spools):
        spool.forget_in_child()


os.register_at_fork(after_in_child=_forget_all_in_child)
