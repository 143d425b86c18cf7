"""WASI preview 1 for plugins: wasmtime's, where a guest finds no files, environment or arguments, but for three functions.

A sleep ends with the call's deadline (wasmtime's would hold the thread, and no epoch ends it); what the guest prints goes to its
GuestOutput, which looks like a terminal, since a C library would otherwise keep the lines back. Wrong pointers to these functions are an
errno, never a trap. No exception of Python leaves a host function.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from wasmtime import Linker, Store, WasiConfig

from bext_host.boundary import define_function
from bext_host.boundary.guest_caller import GuestCaller
from bext_host.boundary.signatures import Signature

from .guest_output import GuestOutput
from .host_function import HoldStop, guarded
from .wasi_layout import (
    BADF,
    COUNT,
    EVENT,
    FAULT,
    FDSTAT,
    FILETYPE_CHARACTER_DEVICE,
    FILETYPE_UNKNOWN,
    INVAL,
    IO,
    IOVEC,
    MODULE,
    RIGHT_FD_READ,
    RIGHT_FD_WRITE,
    STDERR,
    STDIN,
    STDOUT,
    SUBSCRIPTION,
    SUCCESS,
)
from .wasi_poll import poll

MOST_SUBSCRIPTIONS: Final = 1024
MOST_VECTORS: Final = 1024
MOST_WRITTEN: Final = 2**31 - 1
"""Bytes of one write: the guest's ssize_t."""

_CHUNK: Final = 65536
_U32: Final = 2**32 - 1

_TWO: Final = Signature(("i32", "i32"), ("i32",))
_FOUR: Final = Signature(("i32", "i32", "i32", "i32"), ("i32",))

_FDSTATS: Final = {
    STDIN: FDSTAT.pack(FILETYPE_UNKNOWN, 0, RIGHT_FD_READ, RIGHT_FD_READ),
    STDOUT: FDSTAT.pack(FILETYPE_CHARACTER_DEVICE, 0, RIGHT_FD_WRITE, RIGHT_FD_WRITE),
    STDERR: FDSTAT.pack(FILETYPE_CHARACTER_DEVICE, 0, RIGHT_FD_WRITE, RIGHT_FD_WRITE),
}
"""The files that there are. A C library writes line by line to what it takes for a terminal: a device without the right to seek."""


class CallClock(Protocol):
    """The time that a call into a guest has."""

    def sleep(self, seconds: float) -> None:
        """Sleep so long at most; returns early at the call's deadline or when it is cancelled."""
        ...


class WasiGuest:
    """What WASI is to one plugin instance. `hold_stop` keeps what must stop the program until the guest has returned.

    Nothing given here may hold the linker or the store: wasmtime keeps host functions, and so this, until these are gone.
    """

    def __init__(self, output: GuestOutput, clock: CallClock, hold_stop: HoldStop) -> None:
        self.output = output
        self.clock = clock
        self.hold_stop = hold_stop
        self.monotonic_start = 0

    def enter(self, store: Store) -> None:
        """Give the instance's store its WASI, before it is instantiated. A guest that uses WASI without it ends the process."""
        config = WasiConfig()
        self.monotonic_start = time.monotonic_ns()  # the guest's monotonic clock begins with the configuration
        store.set_wasi(config)


def define_wasi(linker: Linker, guest: WasiGuest) -> None:
    """Define WASI preview 1 for one instance in `linker`, which must not have it yet. Its store is the one that `guest` entered."""
    functions = (
        ("poll_oneoff", _FOUR, _poll_oneoff(guest)),
        ("fd_write", _FOUR, _fd_write(guest)),
        ("fd_fdstat_get", _TWO, _fd_fdstat_get),
    )
    linker.define_wasi()
    linker.allow_shadowing = True
    try:
        for name, signature, operation in functions:
            function = guarded(name, operation, out_of_bounds=FAULT, failed=IO)
            define_function(linker, MODULE, name, signature.func_type(), function, guest.hold_stop, access_caller=True)
    finally:
        linker.allow_shadowing = False


def _poll_oneoff(guest: WasiGuest) -> Callable[..., int]:
    def poll_oneoff(caller: GuestCaller, subscriptions: int, events_out: int, count: int, count_out: int) -> int:
        count, events_out, count_out = count & _U32, events_out & _U32, count_out & _U32
        if not 0 < count <= MOST_SUBSCRIPTIONS:
            return INVAL
        caller.require(events_out, count * EVENT.size)
        caller.require(count_out, COUNT.size)
        given = caller.read(subscriptions & _U32, count * SUBSCRIPTION.size)
        events = poll(given, guest.clock.sleep, guest.monotonic_start)
        if events is None:
            return INVAL
        caller.write(events_out, events)
        caller.write(count_out, COUNT.pack(len(events) // EVENT.size))
        return SUCCESS

    return poll_oneoff


def _fd_write(guest: WasiGuest) -> Callable[..., int]:
    outputs = {STDOUT: guest.output.stdout, STDERR: guest.output.stderr}

    def fd_write(caller: GuestCaller, fd: int, vectors: int, count: int, written_out: int) -> int:
        write, count, written_out = outputs.get(fd), count & _U32, written_out & _U32
        if write is None:
            return BADF
        if count > MOST_VECTORS:
            return INVAL
        caller.require(written_out, COUNT.size)
        parts = [part for part in IOVEC.iter_unpack(caller.read(vectors & _U32, count * IOVEC.size)) if part[1]]
        for ptr, length in parts:
            caller.require(ptr, length)
        total = sum(length for _, length in parts)
        if total > MOST_WRITTEN:
            return INVAL
        _copy_out(caller, parts, total, guest.output.worth_reading, write)
        caller.write(written_out, COUNT.pack(total))
        return SUCCESS

    return fd_write


def _fd_fdstat_get(caller: GuestCaller, fd: int, stat_out: int) -> int:
    stat = _FDSTATS.get(fd)
    if stat is None:
        return BADF
    caller.write(stat_out & _U32, stat)
    return SUCCESS


def _copy_out(caller: GuestCaller, parts: Iterable[tuple[int, int]], total: int, at_most: int, write: Callable[[bytes, int], None]) -> None:
    """Pass on the first bytes, in chunks: the same memory may be named a thousand times, and none of it is copied beforehand."""
    left = min(total, at_most)
    for ptr, length in parts:
        for at in range(ptr, ptr + min(length, left), _CHUNK):
            chunk = caller.read(at, min(_CHUNK, ptr + length - at, left))
            left -= len(chunk)
            write(chunk, 0)
    if total > at_most:
        write(b"", total - at_most)
