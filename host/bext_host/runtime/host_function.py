"""guarded: a host function of ours that raises nothing but what must stop the program: no guest's call makes it fail."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeAlias

from wasmtime import Caller

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
    *,
    out_of_bounds: int | None = None,
    failed: int | None = None,
) -> Callable[..., int | None]:
    """`operation(guest, *arguments)` as a host function with access to its caller; i32 and i64 arguments arrive signed.

    It answers `out_of_bounds` where the operation was Dropped for what it wanted of the guest's memory, and `failed`, with a line in the
    log, where it raised anything else.
    """

    def host_call(caller: Caller, *arguments: int) -> int | None:
        try:
            return operation(GuestCaller(caller), *arguments)
        except Dropped:
            return out_of_bounds
        except STOPS_THE_PROGRAM:
            raise
        except BaseException as error:  # noqa: BLE001  # a defect of ours, or no memory left: never the guest's trouble
            log_safely(logger, logging.ERROR, "host function %s failed", name, error=error)
            return failed

    return host_call
