"""SharedFile: a file of lines that several processes append to, rotated by size.

Nothing is held open between two lines: a file that was moved away is simply not found any more and made anew, and a forked child has
nothing of its parent's. Every line is written under a lock on the file itself, whose place is looked at again once the lock is held.
So nobody writes to a file that somebody else has just rotated, and there is no lock file to be left behind.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from bext_host.private_folder import foreign

MODE: Final = 0o600
"""The mode of what is made here. A file that is there keeps its own."""

_OPEN: Final = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
"""Read as well, to see how the file ends. With O_NONBLOCK no named pipe makes us wait for its reader."""

_SHORTEST_WAIT: Final = 0.001
_LONGEST_WAIT: Final = 0.05
"""Seconds between two looks at a lock that another process holds, which is as long as it takes to write one line."""


class SharedFile:
    """The file at `path`. For one thread at a time; any number of these, in any number of processes, may share a path.

    A line that would make the file longer than `max_bytes` (0: no bound) goes into a new one; a longer line has a file of its own.
    The old one becomes `path.1`, that one `path.2`, and so on, at most `max_files` with the one that is written; the oldest is removed.

    Everything raises OSError for what the system refuses, and for what is not this user's own regular file under one name: who can
    make files in the folder, such as /tmp, could otherwise lead the lines into another file, or read them.
    """

    def __init__(self, path: Path, max_bytes: int, max_files: int) -> None:
        self._path = path.absolute()
        self._max_bytes = max_bytes
        self._max_files = max_files
        self._descriptor: int | None = None
        _files.add(self)

    def check(self) -> None:
        """Open the file once, and make it where it is missing, so that a wrong path is known before there is anything to write."""
        os.close(self._opened())

    def append(self, line: bytes, deadline: float) -> None:
        """Write a line, whole or not at all. Raises TimeoutError where another process holds the lock past the deadline."""
        while True:
            with self._locked(deadline) as descriptor:
                size = os.fstat(descriptor).st_size
                if not self._is_full(size, len(line)):
                    _write(descriptor, size, line if _ends_a_line(descriptor, size) else b"\n" + line, self._path)
                    return
                self._rotate()

    def _is_full(self, size: int, more: int) -> bool:
        return 0 < self._max_bytes < size + more and size > 0

    def _rotate(self) -> None:
        """Give the files their next numbers; the caller has the lock of the one at the path.

        Only up to the first number that is free: after a crash among the renames no file is lost that need not be. The file at the path
        comes last, and with it the lock: from then on the path may be made and locked by others.
        """
        last = self._max_files - 1
        if last == 0:
            self._path.unlink()
            return
        numbers = range(1, last)
        free = next((number for number in numbers if not os.path.lexists(self._numbered(number))), last)
        for number in range(free, 1, -1):
            self._numbered(number - 1).replace(self._numbered(number))
        self._path.replace(self._numbered(1))

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    @contextmanager
    def _locked(self, deadline: float) -> Iterator[int]:
        """A descriptor of the file that is at the path, locked."""
        descriptor = self._lock(deadline)
        self._descriptor = descriptor
        try:
            yield descriptor
        finally:
            self._descriptor = None
            # In words, not by closing: a child that was forked meanwhile may have a copy, which would keep the lock.
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)

    def _lock(self, deadline: float) -> int:
        wait = _SHORTEST_WAIT
        while True:
            descriptor = self._opened()
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self._is_at_path(descriptor):
                    return descriptor
            except BlockingIOError:
                pass
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)
            if time.monotonic() >= deadline:
                raise TimeoutError(errno.ETIMEDOUT, "another process holds the lock of the file", str(self._path))
            time.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)

    def _is_at_path(self, descriptor: int) -> bool:
        """False where the file was moved away or removed before the lock was ours."""
        try:
            return os.path.samestat(os.fstat(descriptor), os.lstat(self._path))
        except FileNotFoundError:
            return False

    def _opened(self) -> int:
        try:
            descriptor = os.open(self._path, _OPEN, MODE)
        except OSError as error:
            if error.errno == errno.ELOOP and self._path.is_symlink():
                raise OSError(errno.ELOOP, "this is a symbolic link, name the file it leads to", str(self._path)) from None
            raise
        fault = _fault(os.fstat(descriptor))
        if fault is not None:
            os.close(descriptor)
            raise PermissionError(errno.EPERM, fault, str(self._path))
        return descriptor

    def forget_in_child(self) -> None:
        """After a fork in the middle of a line: the descriptor, and with it the lock, is the parent's."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def _fault(found: os.stat_result) -> str | None:
    """Why nothing is written to a file; None where it is this user's own."""
    if not stat.S_ISREG(found.st_mode):
        return "this is no regular file"
    if found.st_nlink > 1:
        return "this file has another name, too (a hard link)"
    return foreign(found)


def _ends_a_line(descriptor: int, size: int) -> bool:
    """False where somebody was stopped in the middle of a line. That line is ended, not removed: it may be no line of ours."""
    return size == 0 or os.pread(descriptor, 1, size - 1) == b"\n"


def _write(descriptor: int, size: int, data: bytes, path: Path) -> None:
    """Write all of it behind the `size` bytes that are there, or take back what was written and raise OSError."""
    done = 0
    try:
        while done < len(data):
            done += os.write(descriptor, data[done:])
    except BaseException as error:
        # A truncation needs no room. Where it fails all the same, the next line finds that the file does not end one.
        with suppress(OSError):
            if os.fstat(descriptor).st_size == size + done:
                os.ftruncate(descriptor, size)
        if isinstance(error, OSError):
            raise OSError(error.errno, f"cannot write {len(data)} bytes: {error.strerror}", str(path)) from error
        raise


_files: Final[weakref.WeakSet[SharedFile]] = weakref.WeakSet()


def _forget_all_in_child() -> None:
    for file in list(_files):
        file.forget_in_child()


os.register_at_fork(after_in_child=_forget_all_in_child)
