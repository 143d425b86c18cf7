"""guarded: a Python function as a host function that never raises into the guest.

wasmtime-py keeps an exception that a host function raised in one global of the process, where another thread may find it. So none may
cross its trampoline; the one that does, to stop the program, carries nothing, and the original is held for the thread that made the call.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeAlias

from wasmtime import Caller

from bext_host.boundary import GuestStopped
from bext_host.boundary.contained import STOPS_THE_PROGRAM
from bext_host.boundary.drops import Dropped
from bext_host.boundary.guest_caller import GuestCaller
from bext_host.logs import log_safely

logger = logging.getLogger("bext_host.runtime")

HoldStop: TypeAlias = Callable[[BaseException], None]
"""Keeps what must stop the program until the guest has returned; TracerScope.hold_pending is one."""


def guarded(
    name: str,
    operation: Callable[..., int | None],
    hold_stop: HoldStop,
    *,
    out_of_bounds: int | None = None,
    failed: int | None = None,
) -> Callable[..., int | None]:
    """`operation(guest, *arguments)` as a host function with access to its caller; i32 and i64 arguments arrive signed.

    It answers `out_of_bounds` where the operation was Dropped for what it wanted of the guest's memory, and `failed`, with a line in the
    log, where it raised anything else.
    """

    def contained(caller: Caller, *arguments: int) -> int | None:
        try:
            return operation(GuestCaller(caller), *arguments)
        except Dropped:
            return out_of_bounds
        except STOPS_THE_PROGRAM:
            raise
        except BaseException as error:  # noqa: BLE001  # a defect of ours, or no memory left: never the guest's trouble
            log_safely(logger, logging.ERROR, "host function %s failed", name, error=error)
            return failed

    def host_call(caller: Caller, *arguments: int) -> int | None:
        try:
            return contained(caller, *arguments)
        except STOPS_THE_PROGRAM as error:
            hold_stop(error)
        raise GuestStopped  # raised here, where it has no context: wasmtime-py may hand it to another thread

    return host_call
