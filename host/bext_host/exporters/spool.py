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
import secrets
import stat
import struct
import time
import weakref
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bext_abi import BextTracerError
from bext_host.escape import escape
from bext_host.logs import log_safely
from bext_host.private_folder import foreign, private_folder

logger = logging.getLogger("bext_host.exporters")

DEFAULT_BYTES: Final = 256 * 2**20
"""How much a spool holds where nothing else is asked for."""

_MAGIC: Final = b"bextspl1"
_HEADER: Final = struct.Struct(">8sIIQ")
"""The magic, the CRC-32 of what follows and the body, how many spans, and how many bytes of body."""
_CHECKED: Final = struct.Struct(">IQ")

_SUFFIX: Final = ".batch"
_UNFINISHED: Final = ".part"
_PART: Final = "-"
"""Between a body's name and the number of a part of it: before the dot in the order of names, so that parts come before their whole."""
_WRITE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


class SpoolFull(BextTracerError, OSError):
    """There is no room for another body: the spool's own bound is reached. What is there stays, since it is older."""


@dataclass(frozen=True, slots=True)
class Spooled:
    """A body that waits: how many spans it carries, where it lies, and whether this process put it there, or one before it."""

    body: bytes
    spans: int
    path: Path
    is_own: bool

    @property
    def key(self) -> Path:
        """What tells it from others."""
        return self.path

    @property
    def is_part(self) -> bool:
        """Whether it came into the place of a larger one."""
        return _PART in self.path.name


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
        self._own: _Folder | None = None
        self._folders: list[_Folder] = []
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
        size = _HEADER.size + len(body)
        if self.size_bytes + size > self._max_bytes:
            raise SpoolFull(errno.ENOSPC, f"the spool holds {self.size_bytes} of at most {self._max_bytes} bytes", str(self._directory))
        if self._own is None:
            with self._locked() as directory:
                self._own = _Folder.make(self._directory, directory)
            self._folders.append(self._own)
        return Spooled(body, spans, self._own.path / self._put(self._own, body, spans), is_own=True)

    def _put(self, own: _Folder, body: bytes, spans: int) -> str:
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
                except _Damaged as damage:
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

    def _folder_of(self, spooled: Spooled) -> _Folder:
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


def _taken_over(path: Path) -> _Folder | None:
    try:
        return _Folder.take_over(path)
    except PermissionError as error:
        log_safely(logger, logging.WARNING, "%s is left alone: %s", escape(str(path)), os.strerror(error.errno or 0))
        return None


class _Damaged(BextTracerError):
    """A file that is not what was written."""


@dataclass(slots=True)
class _Entry:
    name: str
    size: int
    spans: int


class _Folder:
    """A folder of batches, and its lock, which is held from the time it is made."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.entries: deque[_Entry] = deque()
        self.size_bytes = 0
        self.spans = 0
        self.damaged = 0
        self._descriptor = descriptor
        self._last = 0
        _folders.add(self)

    @classmethod
    def make(cls, directory: Path, descriptor: int) -> _Folder:
        """A new folder; the caller has the directory's lock, so nobody takes it over before it is locked."""
        folder = cls(directory / f"{time.time_ns():020d}-{secrets.token_hex(4)}", -1)
        folder.make_again(descriptor)
        return folder

    def make_again(self, directory: int) -> None:
        """Make it, where it was removed under the same name. The caller has the directory's lock."""
        name = self.path.name
        os.mkdir(name, 0o700, dir_fd=directory)
        self.close()
        self._descriptor = os.open(name, _READ | os.O_DIRECTORY, dir_fd=directory)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    @classmethod
    def take_over(cls, path: Path) -> _Folder | None:
        """A folder whose process has ended. None where it lives, or where there is nothing of ours in it."""
        try:
            opened = os.open(path, _READ | os.O_DIRECTORY)
        except FileNotFoundError:  # its process has just emptied it
            return None
        folder = cls(path, opened)  # at once: what a child that is forked now lets go of, too
        if foreign(os.fstat(opened)) is not None:
            folder.close()
            return None
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            folder.close()
            return None
        folder.scan()
        if folder.entries:
            return folder
        folder.delete()
        return None

    def scan(self) -> None:
        """Find what is in it. What a crash left half written goes."""
        for name in sorted(os.listdir(self._descriptor)):  # noqa: PTH208  # of what was locked, whatever the path leads to by now
            if name.endswith(_UNFINISHED):
                os.unlink(name, dir_fd=self._descriptor)
            elif name.endswith(_SUFFIX) and stat.S_ISREG(os.stat(name, dir_fd=self._descriptor, follow_symlinks=False).st_mode):
                self._found(name)

    def _found(self, name: str) -> None:
        with os.fdopen(os.open(name, _READ, dir_fd=self._descriptor), "rb") as file:
            size, header = os.fstat(file.fileno()).st_size, file.read(_HEADER.size)
        spans = _HEADER.unpack(header)[2] if len(header) == _HEADER.size else 0
        self._add(_Entry(name, size, spans))

    def _add(self, entry: _Entry, *, first: bool = False) -> None:
        self.entries.appendleft(entry) if first else self.entries.append(entry)
        self.size_bytes += entry.size
        self.spans += entry.spans

    def put(self, body: bytes, spans: int) -> str:
        """Write a body; the name of its file."""
        self._last += 1
        name = f"{self._last:08d}{_SUFFIX}"
        self._add(self._write(name, body, spans))
        return name

    def put_before(self, name: str, parts: Sequence[tuple[bytes, int]]) -> list[str]:
        """Write parts of the first body, which has this name, before it; their names."""
        stem = name.removesuffix(_SUFFIX)
        written: list[_Entry] = []
        try:
            for number, (body, spans) in enumerate(parts):
                written.append(self._write(f"{stem}{_PART}{number}{_SUFFIX}", body, spans))
        except BaseException:
            for entry in written:
                self._unlink(entry.name)
            raise
        for entry in reversed(written):
            self._add(entry, first=True)
        return [entry.name for entry in written]

    def _write(self, name: str, body: bytes, spans: int) -> _Entry:
        """Write a body so that it is there whole or not at all."""
        unfinished = name + _UNFINISHED
        checked = _CHECKED.pack(spans, len(body))
        header = _HEADER.pack(_MAGIC, zlib.crc32(body, zlib.crc32(checked)), spans, len(body))
        try:
            with os.fdopen(os.open(unfinished, _WRITE, 0o600, dir_fd=self._descriptor), "wb") as file:
                file.write(header)
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            os.rename(unfinished, name, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)
            os.fsync(self._descriptor)
        except BaseException:
            self._unlink(unfinished)
            raise
        return _Entry(name, len(header) + len(body), spans)

    def _unlink(self, name: str) -> None:
        with suppress(OSError):
            os.unlink(name, dir_fd=self._descriptor)

    def read(self, entry: _Entry, *, is_own: bool) -> Spooled:
        """The body of an entry. Raises _Damaged."""
        try:
            with os.fdopen(os.open(entry.name, _READ, dir_fd=self._descriptor), "rb") as file:
                data = file.read(entry.size + 1)
        except FileNotFoundError:
            raise _Damaged("somebody removed it") from None
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            raise _Damaged(f"it cannot be read ({os.strerror(errno.EIO)})") from None
        if len(data) != entry.size or len(data) < _HEADER.size:
            raise _Damaged(f"it has {len(data)} bytes where {entry.size} were written")
        magic, checksum, spans, length = _HEADER.unpack_from(data)
        body = data[_HEADER.size :]
        if magic != _MAGIC or length != len(body) or zlib.crc32(body, zlib.crc32(_CHECKED.pack(spans, length))) != checksum:
            raise _Damaged("its checksum does not match")
        return Spooled(body, spans, self.path / entry.name, is_own)

    def remove(self, name: str) -> None:
        """Take out the entry of this name, whether or not the file is still there."""
        entry = next(entry for entry in self.entries if entry.name == name)
        self.entries.remove(entry)
        self.size_bytes -= entry.size
        self.spans -= entry.spans
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._descriptor)

    def delete(self) -> None:
        """Remove the folder, where nothing else is in it."""
        with suppress(OSError):
            self.path.rmdir()
        self.close()

    def close(self) -> None:
        """Let go of the lock."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __del__(self) -> None:
        self.close()


_spools: Final[weakref.WeakSet[Spool]] = weakref.WeakSet()
_folders: Final[weakref.WeakSet[_Folder]] = weakref.WeakSet()
"""All of them, since a thread of the parent may have been about to make one, or to take one over."""


def _forget_all_in_child() -> None:
    """Closing a copy of a descriptor does not let go of the parent's lock; keeping it would hold the lock after the parent's end."""
    for folder in list(_folders):
        folder.close()
    for spool in list(_spools):
        spool.forget_in_child()


os.register_at_fork(after_in_child=_forget_all_in_child)
