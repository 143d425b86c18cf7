"""PluginInstance: one instance of a plugin's module, with its store, its limits and its tracer scope. Gone after the first trap."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar

from wasmtime import Func, Global, Instance, Linker, Memory, Module, Store, Trap, WasmtimeError

from bext_abi import SpanHandle
from bext_host.boundary import TracerScope
from bext_host.boundary.check import MEMORY_EXPORT
from bext_host.boundary.signatures import Signature

from .call_control import CallControl
from .call_meter import CallCost
from .epoch import EpochGuard
from .errors import AllocationFailed, GuestTrap, HookFailed
from .fork_gate import no_fork
from .guest_errors import Pages, ended_call, guest_error, hidden_error
from .guest_output import GuestOutput
from .hooks import ALLOC, FREE, INITIALIZE, PRIORITY, PRIORITY_SIGNATURE
from .log_events import LogEvents
from .plugin_limits import WASM_PAGE_BYTES, PluginLimits
from .wasi import WasiGuest, define_wasi

T = TypeVar("T")

_U32 = 2**32 - 1


class PluginInstance:
    """Made without running anything of the guest; `start` does. Used by one call at a time."""

    def __init__(
        self,
        plugin_name: str,
        module: Module,
        linker: Linker,
        scope: TracerScope,
        output: GuestOutput,
        log_events: LogEvents,
        limits: PluginLimits,
        *,
        runs_at_start: bool,
    ) -> None:
        self.scope = scope
        self.output = output
        self.cost = CallCost()
        self.has_started = False
        self._plugin_name = plugin_name
        self._module = module
        self._linker = linker
        self._limits = limits
        self._log_events = log_events
        self._runs_at_start = runs_at_start
        self._control = CallControl(0)
        self._fuel = 0
        self._memory: Memory | None = None
        self._functions: dict[str, Func] = {}
        self._store = Store(linker.engine)
        self._store.set_limits(
            memory_size=limits.memory_bytes,
            table_elements=limits.table_elements,
            instances=1,
            tables=limits.tables,
            memories=limits.memories,
        )
        self._guard = EpochGuard(self._store)
        wasi = WasiGuest(output, self._guard, scope.hold_pending)  # not this object: wasmtime keeps host functions, and it has the store
        define_wasi(linker, wasi)
        wasi.enter(self._store)

    def start(self, hook: str, control: CallControl) -> None:
        """Run the module's start section and `_initialize`, under the limits of `hook`. Raises PluginError where they do not return."""
        with self._entered(hook, control):
            instance = self._guarded(INITIALIZE, self._instantiate)
            self._exports = instance.exports(self._store)
            memory = self._exports.get(MEMORY_EXPORT)
            self._memory = memory if isinstance(memory, Memory) else None
            initialize = self._function(INITIALIZE)
            if initialize is not None:
                self._guarded(INITIALIZE, lambda: initialize(self._store))

    def priority(self, control: CallControl) -> int | None:
        """The number that the guest exports as `priority`, a global or a function; None where it exports none."""
        found = self._exports.get(PRIORITY)
        if isinstance(found, Global):
            return _number(found.value(self._store)) if str(found.type(self._store).content) == "i32" else None
        if not isinstance(found, Func) or Signature.of(found.type(self._store)) != PRIORITY_SIGNATURE:
            return None
        with self._entered(PRIORITY, control):
            return _number(self._guarded(PRIORITY, lambda: found(self._store)))

    def call(self, hook: str, arguments: Sequence[bytes | int], current: SpanHandle, control: CallControl) -> None:
        """Run a hook: its arguments are copied into the guest, and given back afterwards. Raises PluginError."""
        with self._entered(hook, control), self.scope.current(current), self._log_events.on(current):
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

    def expire_spans(self) -> None:
        """End the guest's spans that have been open for longer than they may."""
        self.scope.expire(self._limits.span_open_seconds)

    def _instantiate(self) -> Instance:
        """A fork waits for it, unless code of the guest's runs meanwhile: that may take its time."""
        with nullcontext() if self._runs_at_start else no_fork():
            return self._linker.instantiate(self._store, self._module)

    @contextmanager
    def _entered(self, hook: str, control: CallControl) -> Iterator[None]:
        """One budget for all that happens inside: fuel, time, lines of output. What it cost is in `cost` afterwards."""
        self._control, self._fuel = control, self._limits.fuel_for(hook)
        self.cost = CallCost(pages_before=self._pages())
        self._store.set_fuel(self._fuel)
        self.scope.mark_time()
        self.expire_spans()
        self.output.begin_call()
        try:
            with self._guard.watching(self._store, control):
                yield
        finally:
            self.cost.fuel = self._fuel - self._store.get_fuel()
            self.cost.pages_after = self._pages()
            self.output.end_call()

    def _pages(self) -> int:
        return 0 if self._memory is None else self._memory.size(self._store)

    def _copy_in(self, hook: str, data: bytes) -> int:
        """Where the guest has a copy of `data`; 0 for nothing."""
        if not data:
            return 0
        ptr = (self._call_export(hook, ALLOC, len(data)) or 0) & _U32
        memory = self._memory
        if memory is None or not ptr or ptr + len(data) > memory.data_len(self._store):
            raise AllocationFailed(self._plugin_name, hook, f"{ALLOC}({len(data)}) gave {ptr:#x}, where nothing fits")
        memory.write(self._store, data, ptr)
        return ptr

    def _function(self, name: str) -> Func | None:
        """An exported function; looked up once."""
        found = self._functions.get(name)
        if found is None:
            export = self._exports.get(name)
            if not isinstance(export, Func):
                return None
            found = self._functions[name] = export
        return found

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
            self._raise_pending()
            raise self._error(hook, error) from None
        except Exception as error:  # noqa: BLE001  # whatever a host function raised, in this thread or in another
            self._raise_pending()
            hidden = hidden_error(error)
            if hidden is not None:
                raise self._error(hook, hidden) from None
            raise GuestTrap(self._plugin_name, hook, "a host function stopped the guest") from None
        self._raise_pending()
        self._require_time(hook)
        return result

    def _require_time(self, hook: str) -> None:
        """A guest that slept to the end of its call may return without having met an epoch: its call is over all the same."""
        if self._control.ending is not None:
            raise ended_call(self._plugin_name, hook, self._control, self._page_count())

    def _raise_pending(self) -> None:
        self.scope.raise_pending()
        stopped_by = self._guard.take_stop()
        if stopped_by is not None:
            raise stopped_by

    def _error(self, hook: str, error: Trap | WasmtimeError) -> Exception:
        return guest_error(self._plugin_name, hook, error, self._control, self._fuel, self._page_count())

    def _page_count(self) -> Pages:
        return Pages(self._pages(), self._limits.memory_bytes // WASM_PAGE_BYTES)


def _number(value: Any) -> int | None:
    return value if type(value) is int else None


def _signed(value: int) -> int:
    """A u32 as wasmtime-py wants an i32."""
    return value - 2**32 if value >= 2**31 else value
