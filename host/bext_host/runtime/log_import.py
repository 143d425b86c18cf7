"""bext.log: a plugin's line for the host's log. Wrong pointers drop the call and count it; they never trap."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from wasmtime import Linker, Module

from bext_abi import TRACER_IMPORT_MODULE
from bext_abi.constants import FUEL_PER_CALL
from bext_host.boundary import define_function
from bext_host.boundary.check import import_name, type_name
from bext_host.boundary.drops import Dropped
from bext_host.boundary.guest_caller import GuestCaller
from bext_host.boundary.signatures import Signature

from .guest_output import GuestOutput
from .host_function import HoldStop, guarded

LOG_IMPORT: Final = (TRACER_IMPORT_MODULE, "log")
LOG_SIGNATURE: Final = Signature(("i32", "i32", "i32", "i32"))
"""Pointer and length of the level, pointer and length of the message, both UTF-8."""

_LEVEL_BYTES: Final = 32
"""No level's name is longer."""

_U32: Final = 2**32 - 1


def define_log(linker: Linker, output: GuestOutput, hold_stop: HoldStop) -> None:
    """Define bext.log for one plugin instance in `linker`; its lines go to `output`."""

    def log(guest: GuestCaller, level_ptr: int, level_len: int, message_ptr: int, message_len: int) -> None:
        if guest.has_fuel():  # the price of a call of the tracer's, with what is copied at most
            guest.charge_fuel(FUEL_PER_CALL + min(message_len & _U32, output.line_bytes))
        try:
            level = _first_bytes(guest, level_ptr & _U32, level_len & _U32, _LEVEL_BYTES)
            message = _first_bytes(guest, message_ptr & _U32, message_len & _U32, output.line_bytes + 1)  # the one more says that it is cut
        except Dropped:
            output.count_out_of_bounds()
        else:
            output.log(level.decode("utf-8", "replace"), message)

    define_function(linker, *LOG_IMPORT, LOG_SIGNATURE.func_type(), guarded("log", log), hold_stop, access_caller=True)


def log_faults(module: Module) -> Iterator[str]:
    """What is wrong with the way that a module imports bext.log, and what would be right."""
    found = {type_name(item.type) for item in module.imports if (item.module, item.name) == LOG_IMPORT}
    for wrong in sorted(found - {f"function {LOG_SIGNATURE}"}):
        yield f"imports {import_name(*LOG_IMPORT)} as {wrong}: its type is function {LOG_SIGNATURE}"


def _first_bytes(guest: GuestCaller, ptr: int, length: int, at_most: int) -> bytes:
    """The first bytes of a text; Dropped where not all of it lies in memory."""
    guest.require(ptr, length)
    return guest.read(ptr, min(length, at_most))
