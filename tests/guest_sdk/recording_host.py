"""A host for fixtures that only records: what a guest's calls hand over, as plain data."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, NamedTuple

import msgpack
import wasmtime

I32, I64 = wasmtime.ValType.i32(), wasmtime.ValType.i64()
HANDLE = (I64, I64, I64)
SIGNATURES = {
    "start_span": ((I32, I32, I32), ()),
    "set_attribute": ((*HANDLE, I32, I32), ()),
    "set_status": ((*HANDLE, I32, I32), ()),
    "add_event": ((*HANDLE, I32, I32), ()),
    "end_span": ((*HANDLE, I64), ()),
    "current_span": ((I32,), (I32,)),
}


class Call(NamedTuple):
    """One host call: on which span (its number; 0 where none is meant), and what was handed over."""

    name: str
    span: int
    payload: Any


class RecordingHost:
    """Runs one module. Spans are numbered from 1 in the order of their start; below a remote parent that says so they are INVALID."""

    def __init__(self, path: Path, *, has_current: bool = False) -> None:
        engine = wasmtime.Engine()
        self.module = wasmtime.Module(engine, path.read_bytes())
        self.calls: list[Call] = []
        self._has_current = has_current
        self._started = 0
        self._store = wasmtime.Store(engine)
        linker = wasmtime.Linker(engine)
        for name, (params, results) in SIGNATURES.items():
            linker.define_func("bext", name, wasmtime.FuncType(params, results), getattr(self, f"_{name}"))
        self._exports = linker.instantiate(self._store, self.module).exports(self._store)
        self._memory = self._exports["memory"]

    def call(self, hook: str, *arguments: str | int) -> Any:
        """Call a hook; a text goes into memory that the guest allocates, and is given back."""
        lent = [self._lend(argument.encode()) for argument in arguments if isinstance(argument, str)]
        blocks = iter(lent)
        words = [word for argument in arguments for word in (next(blocks) if isinstance(argument, str) else (argument,))]
        result = self._exports[hook](self._store, *words)
        for block in reversed(lent):
            self._exports["bext_free"](self._store, *block)
        return result

    def _lend(self, data: bytes) -> tuple[int, int]:
        pointer = self._exports["bext_alloc"](self._store, len(data)) if data else 0
        assert pointer != 0 or not data
        self._memory.write(self._store, data, pointer)
        return pointer, len(data)

    def _read(self, pointer: int, length: int) -> Any:
        return msgpack.unpackb(bytes(self._memory.read(self._store, pointer, pointer + length)))

    def _write_handle(self, pointer: int, number: int) -> None:
        self._memory.write(self._store, struct.pack("<3Q", *([1, 1, number] if number else [0, 0, 0])), pointer)

    def _start_span(self, pointer: int, length: int, handle_out: int) -> None:
        span = self._read(pointer, length)
        sampled = not span.get("parent_is_remote") or span.get("parent_flags", 1) & 1
        self._started += bool(sampled)
        self._write_handle(handle_out, self._started if sampled else 0)
        self.calls.append(Call("start_span", self._started if sampled else 0, span))

    def _set_attribute(self, _hi: int, _lo: int, span: int, pointer: int, length: int) -> None:
        self.calls.append(Call("set_attribute", span, self._read(pointer, length)))

    def _set_status(self, _hi: int, _lo: int, span: int, pointer: int, length: int) -> None:
        self.calls.append(Call("set_status", span, self._read(pointer, length)))

    def _add_event(self, _hi: int, _lo: int, span: int, pointer: int, length: int) -> None:
        self.calls.append(Call("add_event", span, self._read(pointer, length)))

    def _end_span(self, _hi: int, _lo: int, span: int, time: int) -> None:
        self.calls.append(Call("end_span", span, time))

    def _current_span(self, handle_out: int) -> int:
        if self._has_current:
            self._write_handle(handle_out, 999)
        return int(self._has_current)

    def payloads(self, name: str) -> list[Any]:
        """What all calls of one import handed over."""
        return [call.payload for call in self.calls if call.name == name]
