"""The folder of compiled modules: entries are written whole or not at all, and the oldest make room.

Any number of processes use it at once, without a lock: each writes under a name of its own and renames, so a reader finds the old entry,
the new one or none. Only files whose names are exactly those of entries, or of entries that were being written, are ever removed.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bext_host.private_folder import private_folder

from .module_entry import MOST_CODE_BYTES, header, read_entry

MOST_BYTES: Final = 1024 * 1024 * 1024
"""All entries together, in bytes; beyond it those go whose last use is the longest ago."""

ABANDONED_SECONDS: Final = 3600
"""The age at which what was being written is taken for left behind."""

_ENTRY_NAME: Final = re.compile(r"[0-9a-f]{64}\.module")
_UNFINISHED_NAME: Final = re.compile(r"[0-9a-f]{64}\.[0-9a-f]{16}\.tmp")
_OPEN_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class ModuleStore:
    """The entries in the folder at an absolute path. Keys are 32 bytes. Every method may raise FolderRefused and OSError."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, key: bytes) -> bytes:
        """The code under this key. Raises EntryRefused, EntryDamaged, FileNotFoundError where there is none."""
        with private_folder(self.folder, make=False) as folder:
            return read_entry(folder, _entry_name(key), key)

    def write(self, key: bytes, code: bytes | bytearray) -> None:
        """Keep the code under this key; nothing where it is too long.

        Nothing is synced: after a crash of the machine an entry may be cut short, which its digest tells.
        """
        if len(code) > MOST_CODE_BYTES:
            return
        with private_folder(self.folder, make=True) as folder:
            unfinished = f"{key.hex()}.{secrets.token_hex(8)}.tmp"
            try:
                with os.fdopen(os.open(unfinished, _OPEN_NEW, 0o600, dir_fd=folder), "wb") as file:
                    file.write(header(key, code))
                    file.write(code)
                os.replace(unfinished, _entry_name(key), src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                _remove(folder, unfinished)
                raise
            _make_room(folder)

    def remove(self, key: bytes) -> None:
        """Remove the entry under this key, where that is possible."""
        with private_folder(self.folder, make=False) as folder:
            _remove(folder, _entry_name(key))


def _entry_name(key: bytes) -> str:
    return f"{key.hex()}.module"


def _remove(folder: int, name: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(name, dir_fd=folder)


def _make_room(folder: int) -> None:
    """Remove what was left behind, and the entries beyond MOST_BYTES."""
    entries = []
    for name, found in _files(folder):
        if _ENTRY_NAME.fullmatch(name):
            entries.append((found.st_mtime_ns, name, found.st_size))
        elif _UNFINISHED_NAME.fullmatch(name) and found.st_mtime < time.time() - ABANDONED_SECONDS:
            _remove(folder, name)
    left = sum(size for _, _, size in entries)
    for _, name, size in sorted(entries):
        if left <= MOST_BYTES:
            return
        _remove(folder, name)
        left -= size


def _files(folder: int) -> Iterator[tuple[str, os.stat_result]]:
    with os.scandir(folder) as items:
        for item in items:
            with contextlib.suppress(FileNotFoundError):  # another process removed it
                found = item.stat(follow_symlinks=False)
                if stat.S_ISREG(found.st_mode):
                    yield item.name, found
