"""The numbers and memory layouts of WASI preview 1 that our own host functions use, as its witx files define them."""

from __future__ import annotations

from struct import Struct
from typing import Final

MODULE: Final = "wasi_snapshot_preview1"

SUCCESS: Final = 0
BADF: Final = 8
FAULT: Final = 21
INVAL: Final = 28
IO: Final = 29

STDIN: Final = 0
STDOUT: Final = 1
STDERR: Final = 2

CLOCK_REALTIME: Final = 0
CLOCK_MONOTONIC: Final = 1
ABSTIME: Final = 1
"""The one flag of a clock subscription: its timeout is a time of its clock, not a duration."""

EVENT_CLOCK: Final = 0
EVENT_FD_READ: Final = 1
EVENT_FD_WRITE: Final = 2
HANGUP: Final = 1
"""The one flag of a file descriptor's event."""

FILETYPE_UNKNOWN: Final = 0
FILETYPE_CHARACTER_DEVICE: Final = 2
RIGHT_FD_READ: Final = 1 << 1
RIGHT_FD_WRITE: Final = 1 << 6

FDSTAT: Final = Struct("<BxH4xQQ")
"""File type; flags; rights, and those that are inherited."""

IOVEC: Final = Struct("<II")
"""Pointer and length."""

SUBSCRIPTION: Final = Struct("<QB7xI4xQQH6x")
"""userdata; type; clock id or file descriptor; timeout and precision in nanoseconds; flags. Only a clock's has the last three."""

EVENT: Final = Struct("<QHB5xQH6x")
"""userdata; errno; type; and, of a file descriptor, bytes available and flags."""

COUNT: Final = Struct("<I")
