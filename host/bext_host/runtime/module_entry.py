"""A compiled module as a file: a header with a digest, then wasmtime's serialized code.

The digest guards against damage: wasmtime runs serialized code as it is, with every flipped bit. It guards against nobody who can write
the file, and so the digest as well; that is what the folder's permissions are for. It covers the cache's key, so that an entry does not
pass for another one.

    magic 8 | version u32 | length of the code u64 | SHA-256 32 | code        (little-endian)

The digest is that of magic, version, length, key and code.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import struct
from typing import Final

from bext_abi import BextTracerError
from bext_host.private_folder import foreign

MAGIC: Final = b"BEXTMODC"
VERSION: Final = 1
MOST_CODE_BYTES: Final = 256 * 1024 * 1024
"""The longest code that is kept: what the largest module that is compiled comes to, with room to spare."""

_FRONT: Final = struct.Struct("<8sIQ")
HEADER_BYTES: Final = _FRONT.size + hashlib.sha256().digest_size

_OPEN_ENTRY: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a FIFO does not keep us waiting
_NO_FILE_OF_OURS: Final = {errno.ELOOP, errno.ENXIO, errno.EACCES}  # a symbolic link, a socket, a file that we may not read


class EntryRefused(BextTracerError):
    """An entry that is no file which only this user can have written."""


class EntryDamaged(BextTracerError):
    """An entry that is not what was written under its name."""


def header(key: bytes, code: bytes | bytearray) -> bytes:
    """What stands before the code of the module with this key."""
    front = _FRONT.pack(MAGIC, VERSION, len(code))
    return front + _digest(front, key, code)


def read_entry(folder: int, name: str, key: bytes) -> bytes:
    """The code in the entry `name` of an open folder; using it counts as its newest use.

    Raises EntryRefused, EntryDamaged, and OSError: FileNotFoundError where there is none.
    """
    try:
        file = os.open(name, _OPEN_ENTRY, dir_fd=folder)
    except OSError as error:
        if error.errno in _NO_FILE_OF_OURS:
            raise EntryRefused(os.strerror(error.errno)) from None
        raise
    try:
        code = _checked_code(file, key)
        with contextlib.suppress(OSError):  # a read-only file system
            os.utime(file)
        return code
    finally:
        os.close(file)


def _checked_code(file: int, key: bytes) -> bytes:
    """All that is judged is judged by the descriptor, and the digest is that of the bytes that are returned."""
    found = os.fstat(file)
    fault = foreign(found) if stat.S_ISREG(found.st_mode) else "it is no file"
    if fault is not None:
        raise EntryRefused(fault)
    if not HEADER_BYTES <= found.st_size <= HEADER_BYTES + MOST_CODE_BYTES:
        raise EntryDamaged(f"it is {found.st_size} bytes long")
    with os.fdopen(file, "rb", closefd=False) as content:
        written = content.read(HEADER_BYTES)
        code = content.read(found.st_size - HEADER_BYTES)
    if written != header(key, code):
        raise EntryDamaged("its header does not fit its content")
    return code


def _digest(front: bytes, key: bytes, code: bytes | bytearray) -> bytes:
    digest = hashlib.sha256(front)
    digest.update(key)
    digest.update(code)
    return digest.digest()
