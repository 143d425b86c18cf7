"""SystemGuest: a module that exports what it imports of WASI and bext.log, so that a test can call each with any argument."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from wasmtime import Engine, Linker, Module, Store

from bext_host.runtime.guest_output import GuestOutput
from bext_host.runtime.log_import import define_log
from bext_host.runtime.wasi import WasiGuest, define_wasi
from support.raw_guest import signed
from support.wat import wasm

PAGE = 65536
PAGES = 16
SIZE = PAGES * PAGE

_IMPORTS = {
    "poll_oneoff": ("wasi_snapshot_preview1", "i32 i32 i32 i32", "i32"),
    "fd_write": ("wasi_snapshot_preview1", "i32 i32 i32 i32", "i32"),
    "fd_fdstat_get": ("wasi_snapshot_preview1", "i32 i32", "i32"),
    "clock_time_get": ("wasi_snapshot_preview1", "i32 i64 i32", "i32"),
    "proc_exit": ("wasi_snapshot_preview1", "i32", ""),
    "log": ("bext", "i32 i32 i32 i32", ""),
}
_MEMORY = f'(memory (export "memory") {PAGES})'

ENGINE = Engine()


def system_wasm(memory: str = _MEMORY) -> bytes:
    """The module, with this line for its memory."""
    imports, functions = [], []
    for name, (module, params, result) in _IMPORTS.items():
        type_ = f"(param {params}) (result {result})" if result else f"(param {params})"
        arguments = " ".join(f"(local.get {index})" for index in range(len(params.split())))
        imports.append(f'(import "{module}" "{name}" (func ${name} {type_}))')
        functions.append(f'(func (export "{name}") {type_} (call ${name} {arguments}))')
    return wasm("\n".join(["(module", *imports, memory, *functions, ")"]))


class FakeClock:
    """A CallClock whose sleeps are over at once, or do what `on_sleep` does; `slept` lists what was asked for, in seconds."""

    def __init__(self, on_sleep: Callable[[float], None] = lambda seconds: None) -> None:
        self.slept: list[float] = []
        self._on_sleep = on_sleep

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._on_sleep(seconds)


class SystemGuest:
    """One instance of the module. Numbers are given unsigned; `held` lists what must stop the program."""

    def __init__(self, clock: Any = None, *, module: bytes | None = None, **options: Any) -> None:
        self.clock = clock if clock is not None else FakeClock()
        self.output = GuestOutput("guest", **options)
        self.held: list[BaseException] = []
        linker = Linker(ENGINE)
        wasi = WasiGuest(self.output, self.clock, self.held.append)
        define_wasi(linker, wasi)
        define_log(linker, self.output, self.held.append)
        self.linker = linker
        self.store = Store(ENGINE)
        wasi.enter(self.store)
        compiled = Module(ENGINE, module if module is not None else system_wasm())
        self.exports = linker.instantiate(self.store, compiled).exports(self.store)

    def call(self, name: str, *arguments: int) -> Any:
        """Make a host call."""
        widths = [64 if kind == "i64" else 32 for kind in _IMPORTS[name][1].split()]
        return self.exports[name](self.store, *(signed(value, width) for value, width in zip(arguments, widths, strict=True)))

    def write(self, offset: int, data: bytes) -> int:
        """Write bytes into the guest's memory, and tell where."""
        if data:
            self.exports["memory"].write(self.store, data, offset)
        return offset

    def read(self, offset: int, length: int) -> bytes:
        """Read bytes of the guest's memory."""
        assert offset + length <= SIZE
        return bytes(self.exports["memory"].read(self.store, offset, offset + length))

    def read_u32(self, offset: int) -> int:
        """Read a number."""
        return struct.unpack("<I", self.read(offset, 4))[0]

    def snapshot(self) -> bytes:
        """The whole memory."""
        return self.read(0, SIZE)
