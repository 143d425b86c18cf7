"""A host for fixtures that only records: what a guest's calls hand over, as bytes and as plain data.

Its answers are those of wasm-fixtures/conformance/README.md, "Golden calls".
"""

from __future__ import annotations

import struct
from functools import cache
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


U64 = (1 << 64) - 1

HOST_SPAN = 999
INVALID = (0, 0, 0)

Handle = tuple[int, int, int]


def handle_of(span: int) -> Handle:
    """The handle of a span by its number; 0 is INVALID."""
    return (1, 1, span) if span else INVALID


class Call(NamedTuple):
    """One host call: on which span (its number; 0 where none is meant), and what was handed over."""

    name: str
    span: int
    payload: Any


class RawCall(NamedTuple):
    """One host call as it crossed the boundary.

    `handle` is the one that was given, or for `start_span` and `current_span` the one that was answered (None: there is none).
    """

    name: str
    handle: Handle | None
    payload: bytes = b""
    time: int = 0


ENGINE = wasmtime.Engine()


@cache
def compiled(wasm: bytes) -> wasmtime.Module:
    """The module of these bytes, compiled once."""
    return wasmtime.Module(ENGINE, wasm)


class RecordingHost:
    """Runs one module. Spans are numbered from 1 in the order of their start; below a remote parent that says so they are INVALID."""

    def __init__(self, path: Path, *, has_current: bool = False) -> None:
        self.module = compiled(path.read_bytes())
        self.calls: list[Call] = []
        self.raw_calls: list[RawCall] = []
        self._has_current = has_current
        self._started = 0
        self._store = wasmtime.Store(ENGINE)
        linker = wasmtime.Linker(ENGINE)
        for name, (params, results) in SIGNATURES.items():
            linker.define_func("bext", name, wasmtime.FuncType(params, results), getattr(self, f"_{name}"))
        if any(imported.module == "wasi_snapshot_preview1" for imported in self.module.imports):
            linker.define_wasi()
            self._store.set_wasi(wasmtime.WasiConfig())
        self._exports = linker.instantiate(self._store, self.module).exports(self._store)
        self._memory = self._exports["memory"]
        if "_initialize" in self._exports:
            self._exports["_initialize"](self._store)

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

    def _read(self, pointer: int, length: int) -> bytes:
        begin = pointer & 0xFFFFFFFF
        return bytes(self._memory.read(self._store, begin, begin + (length & 0xFFFFFFFF)))

    def _write_handle(self, pointer: int, handle: Handle) -> None:
        self._memory.write(self._store, struct.pack("<3Q", *handle), pointer & 0xFFFFFFFF)

    def _start_span(self, pointer: int, length: int, handle_out: int) -> None:
        payload = self._read(pointer, length)
        span = msgpack.unpackb(payload)
        sampled = not span.get("parent_is_remote") or span.get("parent_flags", 1) & 1
        self._started += bool(sampled)
        number = self._started if sampled else 0
        self._write_handle(handle_out, handle_of(number))
        self.calls.append(Call("start_span", number, span))
        self.raw_calls.append(RawCall("start_span", handle_of(number), payload))

    def _record(self, name: str, handle: Handle, pointer: int, length: int) -> None:
        payload = self._read(pointer, length)
        self.calls.append(Call(name, handle[2], msgpack.unpackb(payload)))
        self.raw_calls.append(RawCall(name, _unsigned(handle), payload))

    def _set_attribute(self, hi: int, lo: int, span: int, pointer: int, length: int) -> None:
        self._record("set_attribute", (hi, lo, span), pointer, length)

    def _set_status(self, hi: int, lo: int, span: int, pointer: int, length: int) -> None:
        self._record("set_status", (hi, lo, span), pointer, length)

    def _add_event(self, hi: int, lo: int, span: int, pointer: int, length: int) -> None:
        self._record("add_event", (hi, lo, span), pointer, length)

    def _end_span(self, hi: int, lo: int, span: int, time: int) -> None:
        self.calls.append(Call("end_span", span, time))
        self.raw_calls.append(RawCall("end_span", _unsigned((hi, lo, span)), time=time & U64))

    def _current_span(self, handle_out: int) -> int:
        if self._has_current:
            self._write_handle(handle_out, handle_of(HOST_SPAN))
        self.raw_calls.append(RawCall("current_span", handle_of(HOST_SPAN) if self._has_current else None))
        return int(self._has_current)

    def payloads(self, name: str) -> list[Any]:
        """What all calls of one import handed over."""
        return [call.payload for call in self.calls if call.name == name]


def _unsigned(handle: Handle) -> Handle:
    hi, lo, span = (part & U64 for part in handle)
    return hi, lo, span
