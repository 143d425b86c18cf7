"""Compiles AssemblyScript, and runs the commands of `driving.py` in the module made of `driver.ts`."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
import wasmtime
from build_error import BuildError
from compilers import assemblyscript

from guest_sdk.conftest import ROOT
from guest_sdk.driving import ANSWER, Driver, Handle
from guest_sdk.recording_host import I32, I64, SIGNATURES

MASK = (1 << 64) - 1
BUILDS = {
    "size, stub": ("-Oz", "--runtime", "stub", "--use", "abort="),
    "speed, incremental": ("-Ospeed", "--use", "abort="),
    "debug, minimal": ("--debug", "--runtime", "minimal", "--use", "abort="),
}
TEST_IMPORTS = {"print": (I32, I32), "fail": (I32, I32), "set_answer": (I64,) * 3, "pretend": (I64,) * 3, "set_has_current": (I32,)}


def compiler() -> ModuleType:
    """The module that builds fixtures in AssemblyScript; skips the test, in words, where its toolchain is missing."""
    try:
        assemblyscript.check()
    except BuildError as missing:
        pytest.skip(str(missing))
    return assemblyscript


def as_bytes(handle: Handle) -> bytes:
    return struct.pack("<3Q", *handle)


class DriverHost:
    """The host of one instance: prints its calls as `driver.c` does."""

    def __init__(self, module: wasmtime.Module, engine: wasmtime.Engine) -> None:
        self.lines: list[str] = []
        self._answer = as_bytes(ANSWER)
        self._pretended: bytes | None = None
        self._has_current = True
        self._store = wasmtime.Store(engine)
        linker = wasmtime.Linker(engine)
        for name, (params, results) in SIGNATURES.items():
            linker.define_func("bext", name, wasmtime.FuncType(params, results), self._of(name))
        for name, params in TEST_IMPORTS.items():
            linker.define_func("driver", name, wasmtime.FuncType(params, ()), getattr(self, f"_{name}"))
        self._exports = linker.instantiate(self._store, module).exports(self._store)
        self._memory = self._exports["memory"]

    def run(self, text: str) -> None:
        raw = text.encode()
        self._memory.write(self._store, raw, self._exports["commands"](self._store, len(raw)) & 0xFFFFFFFF)
        self._exports["run"](self._store)

    def _read(self, pointer: int, length: int) -> bytes:
        start = pointer & 0xFFFFFFFF
        return bytes(self._memory.read(self._store, start, start + length))

    def _of(self, name: str):
        if name in {"start_span", "current_span"}:
            return getattr(self, f"_{name}")

        def call(hi: int, lo: int, span: int, *rest: int) -> None:
            handed_over = str(rest[0] & MASK) if name == "end_span" else self._read(*rest).hex()
            self.lines.append(f"{name} {hi & MASK} {lo & MASK} {span & MASK} {handed_over}")

        return call

    def _start_span(self, pointer: int, length: int, handle_out: int) -> None:
        answer, self._pretended = self._pretended or self._answer, None
        if answer is self._answer:
            self.lines.append(f"start_span {self._read(pointer, length).hex()}")
        self._memory.write(self._store, answer, handle_out)

    def _current_span(self, handle_out: int) -> int:
        self.lines.append("current_span")
        if self._has_current:
            self._memory.write(self._store, self._answer, handle_out)
        return int(self._has_current)

    def _print(self, pointer: int, length: int) -> None:
        self.lines.append(self._read(pointer, length).decode("utf-16-le"))

    def _fail(self, pointer: int, length: int) -> None:
        raise AssertionError(self._read(pointer, length).decode("utf-16-le"))

    def _answer_with(self, *parts: int) -> bytes:
        return as_bytes((parts[0] & MASK, parts[1] & MASK, parts[2] & MASK))

    def _pretend(self, *parts: int) -> None:
        self._pretended = self._answer_with(*parts)

    def _set_answer(self, *parts: int) -> None:
        self._answer = self._answer_with(*parts)

    def _set_has_current(self, has_current: int) -> None:
        self._has_current = bool(has_current)


@cache
def _module(path: Path) -> tuple[wasmtime.Module, wasmtime.Engine]:
    engine = wasmtime.Engine()
    return wasmtime.Module(engine, path.read_bytes()), engine


@dataclass(frozen=True)
class GuestDriver(Driver):
    """The compiled driver, a module; each run is an instance of its own."""

    def run(self, *commands: str) -> list[str]:
        host = DriverHost(*_module(self.path))
        host.run("\n".join(commands))
        return host.lines


@pytest.fixture(scope="session", params=BUILDS)
def driver(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> GuestDriver:
    """The driver with each runtime."""
    output = tmp_path_factory.mktemp("driver") / "driver.wasm"
    output.write_bytes(compiler().compile_source(ROOT / "tests" / "guest_sdk" / "driver.ts", *BUILDS[request.param]))
    return GuestDriver(output)
