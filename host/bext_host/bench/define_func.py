"""Host functions as an embedder writes them by hand on wasmtime-py's `define_func`, with none of the reference engine's rules.

They take a payload out of the guest's memory, have the msgpack package unpack it, find the span, and call a tracer that does nothing.
"""

from __future__ import annotations

from typing import Any

import msgpack
from wasmtime import Caller, Engine, Linker, Memory, Module, Store

from bext_abi import TRACER_IMPORT_MODULE, SpanHandle, SpanStart
from bext_host.boundary.signatures import IMPORTS

from .guest import guest_module
from .ours import Nothing
from .rounds import require

_U32 = 2**32 - 1


class DefineFunc:
    """A contender. `export` is the guest's loop that it runs."""

    def __init__(self, name: str, export: str, operations: int) -> None:
        self.name = name
        self.operations = operations
        self._export = export
        self._tracer = Nothing()
        self._open: dict[tuple[int, int, int], SpanHandle] = {}
        self._taken = 0
        self._wanted = 0
        engine = Engine()
        linker, self._store = Linker(engine), Store(engine)
        for function in ("start_span", "set_attribute", "end_span"):
            host_call = getattr(self, f"_{function}")
            linker.define_func(TRACER_IMPORT_MODULE, function, IMPORTS[function].func_type(), host_call, access_caller=True)
        self._exports: Any = linker.instantiate(self._store, Module(engine, guest_module())).exports(self._store)

    def _read(self, caller: Caller, ptr: int, length: int) -> Any:
        memory = caller["memory"]
        assert isinstance(memory, Memory)
        ptr, length = ptr & _U32, length & _U32
        if ptr + length > memory.data_len(caller):
            return None
        return msgpack.unpackb(bytes(memory.read(caller, ptr, ptr + length)))

    def _start_span(self, caller: Caller, ptr: int, length: int, out: int) -> None:
        handle = self._tracer.start_span(SpanStart(self._read(caller, ptr, length)["name"]))
        self._open[handle.to_parts()] = handle
        memory = caller["memory"]
        assert isinstance(memory, Memory)
        memory.write(caller, handle.to_bytes(), out & _U32)

    def _set_attribute(self, caller: Caller, hi: int, lo: int, span_id: int, ptr: int, length: int) -> None:
        handle = self._open.get((hi, lo, span_id))
        if handle is not None:
            self._tracer.set_attribute(handle, *self._read(caller, ptr, length))
            self._taken += 1

    def _end_span(self, caller: Caller, hi: int, lo: int, span_id: int, end_time: int) -> None:
        handle = self._open.pop((hi, lo, span_id), None)
        if handle is not None:
            self._tracer.end_span(handle, end_time or None)

    def run(self, operations: int) -> None:
        """See Contender."""
        self._exports[self._export](self._store, operations)
        self._wanted += operations * (3 if self._export == "spans" else 1)

    def check(self) -> None:
        """See Contender."""
        require(self.name, {"attributes": self._taken, "open": len(self._open)}, {"attributes": self._wanted, "open": 0})
