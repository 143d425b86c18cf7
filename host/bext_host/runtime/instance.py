"""PluginInstance: one instance of a plugin's module, with its store and its tracer scope. Gone after the first trap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from wasmtime import ExitTrap, Func, Linker, Memory, Module, Store, Trap, TrapCode, WasiConfig, WasmtimeError

from bext_abi import SpanHandle
from bext_host.boundary import TracerScope

from .errors import AllocationFailed, CallInterrupted, GuestTrap, HookFailed, PluginError
from .hooks import ALLOC, FREE, INITIALIZE

T = TypeVar("T")

_U32 = 2**32 - 1
_MAX_MESSAGE = 1024
_MAX_BACKTRACE = 16384


class PluginInstance:
    """Made without running anything of the guest; `start` does."""

    def __init__(self, plugin_name: str, module: Module, linker: Linker, scope: TracerScope) -> None:
        self.scope = scope
        self._plugin_name = plugin_name
        self._module = module
        self._linker = linker
        self._store = Store(linker.engine)
        self._store.set_wasi(WasiConfig())  # no files, no environment, no arguments; without it wasmtime ends the process

    def start(self) -> None:
        """Run the module's start section and `_initialize`. Raises GuestTrap where they trap."""
        self._store.set_epoch_deadline(1)
        self._instance = self._guarded(INITIALIZE, lambda: self._linker.instantiate(self._store, self._module))
        initialize = self._instance.exports(self._store).get(INITIALIZE)
        if isinstance(initialize, Func):
            self._guarded(INITIALIZE, lambda: initialize(self._store))

    def call(self, hook: str, arguments: Sequence[bytes | int], current: SpanHandle) -> None:
        """Run a hook: its arguments are copied into the guest, and given back afterwards. Raises PluginError."""
        self._store.set_epoch_deadline(1)  # once for the whole call, so that no interrupt falls between two of its parts
        with self.scope.current(current):
            passed: list[int] = []
            strings: list[tuple[int, int]] = []
            for argument in arguments:
                if isinstance(argument, int):
                    passed.append(argument)
                else:
                    strings.append((self._copy_in(hook, argument), len(argument)))
                    passed.extend(strings[-1])
            result = self._call_export(hook, hook, *passed)
            for ptr, length in reversed(strings):
                if length and self._function(FREE) is not None:
                    self._call_export(hook, FREE, ptr, length)
        if result:
            raise HookFailed(self._plugin_name, hook, result)

    def _copy_in(self, hook: str, data: bytes) -> int:
        """Where the guest has a copy of `data`; 0 for nothing."""
        if not data:
            return 0
        ptr = (self._call_export(hook, ALLOC, len(data)) or 0) & _U32
        memory = self._instance.exports(self._store).get("memory")
        fits = isinstance(memory, Memory) and ptr and ptr + len(data) <= memory.data_len(self._store)
        if not fits:
            raise AllocationFailed(self._plugin_name, hook, f"{ALLOC}({len(data)}) gave {ptr:#x}, where nothing fits")
        assert isinstance(memory, Memory)
        memory.write(self._store, data, ptr)
        return ptr

    def _function(self, name: str) -> Func | None:
        export = self._instance.exports(self._store).get(name)
        return export if isinstance(export, Func) else None

    def _call_export(self, hook: str, name: str, *arguments: int) -> int | None:
        function = self._function(name)
        if function is None:
            raise AllocationFailed(self._plugin_name, hook, f"the plugin exports no {name}")
        result: int | None = self._guarded(hook, lambda: function(self._store, *map(_signed, arguments)))
        return result

    def _guarded(self, hook: str, call: Callable[[], T]) -> T:
        """Enter the guest; whatever comes out of it is a PluginError, or what the program must stop for."""
        try:
            result = call()
        except (Trap, WasmtimeError) as error:
            self.scope.raise_pending()
            raise _guest_error(self._plugin_name, hook, error) from None
        except Exception as error:  # noqa: BLE001  # whatever a host function raised, in this thread or in another
            self.scope.raise_pending()
            hidden = _hidden_error(error)
            if hidden is not None:
                raise _guest_error(self._plugin_name, hook, hidden) from None
            raise GuestTrap(self._plugin_name, hook, "a host function stopped the guest") from None
        self.scope.raise_pending()
        return result


def _hidden_error(error: Exception) -> Trap | WasmtimeError | None:
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


def _signed(value: int) -> int:
    """A u32 as wasmtime-py wants an i32."""
    return value - 2**32 if value >= 2**31 else value


def _guest_error(plugin: str, hook: str, error: Trap | WasmtimeError) -> PluginError:
    backtrace, _, cause = str(error).rpartition("\n\nCaused by:\n")
    what = _bounded(" ".join(cause.split()).removeprefix("wasm trap: ") or "the guest trapped", _MAX_MESSAGE)
    frames = _bounded(backtrace.partition("\n")[2], _MAX_BACKTRACE)
    if isinstance(error, ExitTrap):
        return GuestTrap(plugin, hook, f"the guest exited with status {error.code}", frames)
    if isinstance(error, Trap) and _trap_code(error) is TrapCode.INTERRUPT:
        return CallInterrupted(plugin, hook, "the call was interrupted")
    return GuestTrap(plugin, hook, what, frames)


def _bounded(text: str, at_most: int) -> str:
    """`text`, cut where it is longer: a guest chooses how long the names of its functions are."""
    return text if len(text) <= at_most else text[: at_most - 1] + "…"


def _trap_code(trap: Trap) -> TrapCode | None:
    try:
        return trap.trap_code
    except ValueError:  # a code that this wasmtime-py does not know
        return None
