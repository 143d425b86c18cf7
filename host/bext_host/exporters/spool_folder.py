"""A folder of a spool: batches of one process, each in a file with a checksum, and the lock that says whose they are."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import stat
import struct
import time
import weakref
import zlib
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bext_abi import BextTracerError
from bext_host.private_folder import foreign

_MAGIC: Final = b"bextspl1"
HEADER: Final = struct.Struct(">8sIIQ")
"""The magic, the CRC-32 of what follows and the body, how many spans, and how many bytes of body."""
_CHECKED: Final = struct.Struct(">IQ")

_SUFFIX: Final = ".batch"
_UNFINISHED: Final = ".part"
_PART: Final = "-"
"""Between a body's name and the number of a part of it: before the dot in the order of names, so that parts come before their whole."""
_WRITE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


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


class Damaged(BextTracerError):
    """A file that is not what was written."""


@dataclass(slots=True)
class Entry:
    """A file in a folder: its size in bytes, and how many spans it says are in it."""

    name: str
    size: int
    spans: int


class Folder:
    """A folder of batches, and its lock, which is held from the time it is made."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.entries: deque[Entry] = deque()
        self.size_bytes = 0
        self.spans = 0
        self.damaged = 0
        self._descriptor = descriptor
        self._last = 0
        _folders.add(self)

    @classmethod
    def make(cls, directory: Path, descriptor: int) -> Folder:
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
    def take_over(cls, path: Path) -> Folder | None:
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
            size, header = os.fstat(file.fileno()).st_size, file.read(HEADER.size)
        spans = HEADER.unpack(header)[2] if len(header) == HEADER.size else 0
        self._add(Entry(name, size, spans))

    def _add(self, entry: Entry, *, first: bool = False) -> None:
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
        written: list[Entry] = []
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

    def _write(self, name: str, body: bytes, spans: int) -> Entry:
        """Write a body so that it is there whole or not at all."""
        unfinished = name + _UNFINISHED
        checked = _CHECKED.pack(spans, len(body))
        header = HEADER.pack(_MAGIC, zlib.crc32(body, zlib.crc32(checked)), spans, len(body))
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
        return Entry(name, len(header) + len(body), spans)

    def _unlink(self, name: str) -> None:
        with suppress(OSError):
            os.unlink(name, dir_fd=self._descriptor)

    def read(self, entry: Entry, *, is_own: bool) -> Spooled:
        """The body of an entry. Raises Damaged."""
        try:
            with os.fdopen(os.open(entry.name, _READ, dir_fd=self._descriptor), "rb") as file:
                data = file.read(entry.size + 1)
        except FileNotFoundError:
            raise Damaged("somebody removed it") from None
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            raise Damaged(f"it cannot be read ({os.strerror(errno.EIO)})") from None
        if len(data) != entry.size or len(data) < HEADER.size:
            raise Damaged(f"it has {len(data)} bytes where {entry.size} were written")
        magic, checksum, spans, length = HEADER.unpack_from(data)
        body = data[HEADER.size :]
        if magic != _MAGIC or length != len(body) or zlib.crc32(body, zlib.crc32(_CHECKED.pack(spans, length))) != checksum:
            raise Damaged("its checksum does not match")
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


_folders: Final[weakref.WeakSet[Folder]] = weakref.WeakSet()
"""All of them, since a thread of the parent may have been about to make one, or to take one over."""


def _close_all_in_child() -> None:
    """Closing a copy of a descriptor does not let go of the parent's lock; keeping it would hold the lock after the parent's end."""
    for folder in list(_folders):
        folder.close()


os.register_at_fork(after_in_child=_close_all_in_child)
