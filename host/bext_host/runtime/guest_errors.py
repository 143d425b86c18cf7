"""What came out of a guest, as a PluginError. All knowledge of wasmtime's errors and of their wording is here."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from wasmtime import ExitTrap, Trap, TrapCode, WasmtimeError

from .call_control import CallControl, Ending
from .errors import (
    CallCancelled,
    CallInterrupted,
    DeadlineExceeded,
    FuelExhausted,
    GuestEnded,
    GuestTrap,
    MemoryLimitExceeded,
    PluginError,
)

_MAX_MESSAGE: Final = 1024
_MAX_BACKTRACE: Final = 16384

_OVER_LIMIT: Final = re.compile(r"(memory|table) minimum size of \d+ \w+ exceeds \w+ limits|resource limit exceeded: .*")

_ENDED: Final[dict[Ending, type[GuestEnded]]] = {
    Ending.DEADLINE: DeadlineExceeded,
    Ending.INTERRUPTED: CallInterrupted,
    Ending.CANCELLED: CallCancelled,
    Ending.STOPPED: CallInterrupted,
}


class Pages(NamedTuple):
    """A guest's memory in pages of 64 KiB: what it has, and what it may have."""

    used: int
    limit: int


def ended_while_waiting(plugin: str, hook: str, control: CallControl) -> PluginError:
    """The error of a call that was over before it got an instance."""
    ending = control.ending or Ending.DEADLINE
    waited = f"no instance became free in {control.seconds:g} s" if ending is Ending.DEADLINE else ending.value
    return _ENDED[ending](plugin, hook, waited)


def ended_call(plugin: str, hook: str, control: CallControl, pages: Pages, backtrace: str = "") -> PluginError:
    """The error of a call that was over while its guest ran."""
    ending = control.ending or Ending.DEADLINE
    text = f"the call was not done in {control.seconds:g} s" if ending is Ending.DEADLINE else ending.value
    return _ENDED[ending](plugin, hook, text, backtrace, memory_pages=pages.used, memory_limit_pages=pages.limit)


def guest_error(plugin: str, hook: str, error: Trap | WasmtimeError, control: CallControl, fuel: int, pages: Pages) -> PluginError:
    """The error of a call that wasmtime ended. `fuel` is what the call had."""
    backtrace, _, cause = str(error).rpartition("\n\nCaused by:\n")
    what = bounded(" ".join(cause.split()).removeprefix("wasm trap: ") or "the guest trapped", _MAX_MESSAGE)
    frames = bounded(backtrace.partition("\n")[2], _MAX_BACKTRACE)
    if not isinstance(error, ExitTrap) and _OVER_LIMIT.search(what):
        allowed = f": its memory may have {pages.limit} pages" if what.startswith("memory minimum") else ""
        return MemoryLimitExceeded(plugin, hook, f"{what}{allowed}")
    if not isinstance(error, Trap) and control.ending is not None and what == control.ending.value:
        return ended_call(plugin, hook, control, pages, frames)
    kind, text = _kind_and_text(error, what, fuel, pages)
    return kind(plugin, hook, text, frames, memory_pages=pages.used, memory_limit_pages=pages.limit)


def _kind_and_text(error: Trap | WasmtimeError, what: str, fuel: int, pages: Pages) -> tuple[type[GuestEnded], str]:
    if isinstance(error, ExitTrap):
        return GuestTrap, f"the guest exited with status {error.code}"
    if isinstance(error, Trap) and _trap_code(error) is TrapCode.OUT_OF_FUEL:
        return FuelExhausted, f"the call used up its {fuel:,} units of fuel"
    return GuestTrap, what if pages.used < pages.limit else f"{what} (its memory is full: {pages.used} pages)"


def bounded(text: str, at_most: int) -> str:
    """`text`, cut where it is longer: a guest chooses how long the names of its functions are."""
    return text if len(text) <= at_most else text[: at_most - 1] + "…"


def _trap_code(trap: Trap) -> TrapCode | None:
    try:
        return trap.trap_code
    except ValueError:  # a code that this wasmtime-py does not know
        return None


def hidden_error(error: Exception) -> Trap | WasmtimeError | None:
    """What this call really ended with, where wasmtime-py raised another thread's exception in its place.

    It keeps the exceptions of host functions in one global of the process. An error of wasmtime's is then the context of what it
    raised; a trap is still a local of the frame that raised.
    """
    if isinstance(error.__context__, WasmtimeError):
        return error.__context__
    traceback = error.__traceback__
    while traceback is not None:
        for value in traceback.tb_frame.f_locals.values():
            if isinstance(value, Trap):
                return value
        traceback = traceback.tb_next
    return None
