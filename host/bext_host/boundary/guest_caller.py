"""GuestCaller: what a host function of the reference engine knows of its caller: its store, its memory, its fuel."""

from __future__ import annotations

import ctypes
from typing import NamedTuple

from wasmtime import Caller, Memory, Store, WasmtimeError

from bext_abi import DropReason, SpanHandle

from .drops import Dropped


class StoreIdentity(NamedTuple):
    """Which store a call comes from. wasmtime-py has no name for it.

    The address is unique among the stores that are alive; the id is never given out again, and is known where the caller has a memory.
    """

    address: int
    memory_store_id: int | None

    def is_same(self, other: StoreIdentity) -> bool:
        """Whether both are one store."""
        ids = {self.memory_store_id, other.memory_store_id} - {None}
        return self.address == other.address and len(ids) <= 1


class GuestCaller:
    """The caller of one host function, for the time of that call.

    Its exported memory is bounds checked in Python's unbounded ints before anything is touched. No pointer is held: the memory may
    grow, and so move, between two uses.
    """

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        memory = caller.get("memory")
        self._memory = memory if isinstance(memory, Memory) else None

    def store(self) -> StoreIdentity:
        """The caller's store."""
        address = ctypes.cast(self._caller._context(), ctypes.c_void_p).value or 0  # noqa: SLF001  # no public name
        memory = self._memory
        return StoreIdentity(address, None if memory is None else memory._memory._anon_1.store_id)  # noqa: SLF001  # as above

    def require(self, offset: int, length: int) -> Memory:
        """The memory, where `offset` to `offset + length` lies in it; else Dropped. A memory that is no usable one has no range."""
        memory = self._memory
        if memory is None or memory.type(self._caller).is_64 or offset + length > memory.data_len(self._caller):
            raise Dropped(DropReason.OUT_OF_BOUNDS)
        return memory

    def read(self, offset: int, length: int) -> bytes:
        """A copy of the bytes."""
        return bytes(self.require(offset, length).read(self._caller, offset, offset + length))

    def write(self, offset: int, data: bytes) -> None:
        """Write all of `data`, or nothing where it does not fit."""
        memory = self.require(offset, len(data))
        if data:  # wasmtime-py refuses to write nothing at the memory's end
            memory.write(self._caller, data, offset)

    def write_handle(self, offset: int, handle: SpanHandle) -> None:
        """Write the 24 bytes of a handle."""
        self.write(offset, handle.to_bytes())

    def has_fuel(self) -> bool:
        """Whether the caller's engine meters fuel."""
        try:
            Store.get_fuel(self._caller)  # type: ignore[arg-type]  # any Storelike will do
        except WasmtimeError:
            return False
        return True

    def charge_fuel(self, price: int) -> None:
        """Take fuel, down to 0; the guest then traps at its next check."""
        fuel = Store.get_fuel(self._caller)  # type: ignore[arg-type]  # as above
        Store.set_fuel(self._caller, max(0, fuel - price))  # type: ignore[arg-type]  # as above
