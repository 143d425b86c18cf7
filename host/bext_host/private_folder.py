"""A folder whose content only this user can have written, judged by its whole path, from the root down.

Who can write a folder, or rename one above it, can put files of their own into it. So a path with one such part is refused, never
repaired. Symbolic links are resolved here, part by part, so that each is judged as well; and what was opened is judged again by its
descriptor. Where only this user and root can change any part, nobody else can change the path between a look and a use.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bext_abi import BextTracerError

MODE: Final = 0o700
"""The mode of what is made here."""

_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_OPEN_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_LINKS: Final = 40


class FolderRefused(BextTracerError):
    """A folder that another user could write. The message names the part of its path that is at fault."""


@contextmanager
def private_folder(path: Path, *, make: bool) -> Iterator[int]:
    """A descriptor of the folder at the absolute path, for the duration of the block.

    With `make`, what is missing of the path is made. Raises FolderRefused, and OSError: FileNotFoundError where the folder is missing.
    """
    folder = os.open(_resolved(path, make), _OPEN_FOLDER)
    try:
        _refuse(path, foreign(os.fstat(folder)))
        yield folder
    finally:
        os.close(folder)


def foreign(found: os.stat_result) -> str | None:
    """Why a folder or a file is not only this user's to write; None where it is."""
    if found.st_uid != os.geteuid():
        return f"it belongs to user {found.st_uid}, not to {os.geteuid()}"
    return "others may write it (chmod go-w)" if found.st_mode & _OTHERS_WRITE else None


def _resolved(path: Path, make: bool) -> Path:
    """The path without symbolic links, every part of it judged."""
    here, links = Path("/"), 0
    _refuse(here, _open_to_others(here.lstat()))
    ahead = [*reversed(path.parts[1:])]
    while ahead:
        part = ahead.pop()
        if part == "..":  # in a link; `here` has no links in it, so this is its parent
            here = here.parent
            continue
        step = here / part
        found = _found(step, make)
        _refuse(step, _open_to_others(found))
        if stat.S_ISDIR(found.st_mode):
            here = step
            continue
        links += 1
        if links > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
        target = step.readlink()
        if target.is_absolute():
            here = Path("/")
        ahead += reversed(target.parts[1:] if target.is_absolute() else target.parts)
    return here


def _found(step: Path, make: bool) -> os.stat_result:
    """A folder, made where it is missing, or a symbolic link."""
    try:
        found = step.lstat()
    except FileNotFoundError:
        if not make:
            raise
        step.mkdir(MODE, exist_ok=True)  # another process may be faster; what it made is judged like anything else
        found = step.lstat()
    if not (stat.S_ISDIR(found.st_mode) or stat.S_ISLNK(found.st_mode)):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(step))
    return found


def _open_to_others(found: os.stat_result) -> str | None:
    """Why somebody else could exchange what lies below a part of the path; None where nobody could.

    In a folder with the sticky bit, such as /tmp, everybody can make things, but not remove or rename those of others. The mode of a
    symbolic link means nothing.
    """
    if found.st_uid not in {0, os.geteuid()}:
        return f"it belongs to user {found.st_uid}, not to {os.geteuid()} or root"
    exchangeable = found.st_mode & _OTHERS_WRITE and not found.st_mode & stat.S_ISVTX
    return "others may write it (chmod go-w)" if exchangeable and not stat.S_ISLNK(found.st_mode) else None


def _refuse(path: Path, fault: str | None) -> None:
    if fault is not None:
        raise FolderRefused(f"{path}: {fault}")
