"""RawGuest: the module raw_abi.wasm behind a bridge, so that a test can make any host call with any argument."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from wasmtime import Config, Engine, Linker, Module, Store, wat2wasm

from bext_abi import SpanHandle, SpanStart, TracerPlugin, codec
from bext_host import Limits, TracerBridge, TracerScope, engine

ENGINES = ["reference", "native"] if engine == "native" else ["reference"]
"""The engines of the boundary that every rule is tested on: all that this installation has."""

FIXTURES = Path(__file__).resolve().parents[2] / "wasm-fixtures"
RAW_ABI = FIXTURES / "raw_abi.wasm"

HOSTILE_ENDED = {"deep_recursion", "infinite_loop", "memory_bomb", "span_flood"}
"""Hostile fixtures that conform, and that a host must end or cut short."""

PAGE = 65536
HANDLE_OUT = 512
PAYLOAD = 1024

_WIDTHS = {
    "start_span": (32, 32, 32),
    "set_attribute": (64, 64, 64, 32, 32),
    "set_status": (64, 64, 64, 32, 32),
    "add_event": (64, 64, 64, 32, 32),
    "end_span": (64, 64, 64, 64),
    "current_span": (32,),
    "grow": (32,),
}


@cache
def wasm_engine(*, fuel: bool = False) -> Engine:
    """A wasmtime engine, the same for all tests of a kind: it keeps compiled code."""
    config = Config()
    config.consume_fuel = fuel
    config.wasm_threads = True
    config.shared_memory = True
    return Engine(config)


@cache
def compiled(wasm: bytes, *, fuel: bool = False) -> Module:
    """The module of these bytes, compiled once."""
    return Module(wasm_engine(fuel=fuel), wasm)


@cache
def raw_abi_with_memory(memory: str) -> bytes:
    """The raw_abi module with another line for its memory, in the text format, and without `grow`."""
    text = (FIXTURES / "raw_abi.wat").read_text()
    head, grow, _ = text.partition('  (func (export "grow")')
    assert grow
    assert '(memory (export "memory") 1 16)' in head
    return bytes(wat2wasm(head.replace('(memory (export "memory") 1 16)', memory) + ")"))


def signed(value: int, bits: int) -> int:
    """An unsigned number as wasm passes it to a host: with a sign."""
    return value - (1 << bits) if value >= 1 << (bits - 1) else value


def span_payload(name: str = "s", **fields: Any) -> bytes:
    """The canonical payload of a SpanStart."""
    return codec.encode_span_start(SpanStart(name, **fields))


class RawGuest:
    """One instance of raw_abi with its scope. `calls` is what its tracer has seen, `drops` what its scope has dropped.

    Numbers are given unsigned. `engine` is the boundary's; `fuel` is what the store starts with, None for a store without fuel.
    """

    def __init__(
        self,
        tracer: TracerPlugin,
        *,
        engine: str = ENGINES[0],
        wasm: bytes | None = None,
        limits: Limits | None = None,
        fuel: int | None = None,
        **scope_options: Any,
    ) -> None:
        self.tracer = tracer
        self._wasm = wasm if wasm is not None else RAW_ABI.read_bytes()
        self._fuel = fuel
        self.linker = Linker(wasm_engine(fuel=fuel is not None))
        self.scope: TracerScope = TracerBridge(tracer, limits=limits, engine=engine).add_to_linker(self.linker, **scope_options)
        self._instantiate()

    def _instantiate(self) -> None:
        self.store = Store(self.linker.engine)
        if self._fuel is not None:
            self.store.set_fuel(self._fuel)
        module = compiled(self._wasm, fuel=self._fuel is not None)
        self.exports = self.linker.instantiate(self.store, module).exports(self.store)
        self.memory: Any = self.exports.get("memory")

    def in_another_store(self) -> RawGuest:
        """A second instance with the same linker and scope, in a store of its own."""
        other = RawGuest.__new__(RawGuest)
        other.__dict__.update(self.__dict__)
        other._instantiate()
        return other

    # --- Memory ---

    @property
    def size(self) -> int:
        """The memory's size in bytes."""
        return self.memory.data_len(self.store)

    def write(self, offset: int, data: bytes) -> None:
        """Write bytes into the guest's memory."""
        if data:
            self.memory.write(self.store, data, offset)

    def read(self, offset: int, length: int) -> bytes:
        """Read bytes of the guest's memory."""
        assert offset + length <= self.size
        return bytes(self.memory.read(self.store, offset, offset + length))

    def snapshot(self) -> bytes:
        """The whole memory."""
        return self.read(0, self.size)

    def grow(self, pages: int) -> None:
        """Let the guest grow its memory."""
        assert self.call("grow", pages) >= 0

    # --- Host calls ---

    def call(self, name: str, *arguments: int) -> Any:
        """Call an export with unsigned numbers."""
        widths = _WIDTHS[name]
        return self.exports[name](self.store, *(signed(value, bits) for value, bits in zip(arguments, widths, strict=True)))

    def start(self, payload: bytes | None = None, *, at: int = PAYLOAD, out: int = HANDLE_OUT) -> SpanHandle:
        """Write the payload, call start_span, and read the handle back."""
        payload = span_payload() if payload is None else payload
        self.write(at, payload)
        self.call("start_span", at, len(payload), out)
        return SpanHandle.from_bytes(self.read(out, 24))

    def record(self, operation: str, span: SpanHandle, payload: bytes, *, at: int = PAYLOAD) -> None:
        """Write the payload, and call set_attribute, set_status or add_event."""
        self.write(at, payload)
        self.call(operation, *span.to_parts(), at, len(payload))

    def set_attribute(self, span: SpanHandle, key: str, value: Any) -> None:
        """Call set_attribute."""
        self.record("set_attribute", span, codec.encode_attribute(key, value))

    def end(self, span: SpanHandle, time: int = 0) -> None:
        """Call end_span."""
        self.call("end_span", *span.to_parts(), time)

    def current(self, out: int = HANDLE_OUT) -> SpanHandle | None:
        """Call current_span: the handle that it wrote, None where it answered 0."""
        return SpanHandle.from_bytes(self.read(out, 24)) if self.call("current_span", out) else None

    # --- What became of them ---

    @property
    def drops(self) -> dict[str, int]:
        """What was dropped, by reason; reasons that never applied are left out."""
        return {reason: count for reason, count in self.scope.stats.dropped.items() if count}

    @property
    def calls(self) -> list[tuple[Any, ...]]:
        """What the tracer has seen."""
        return self.tracer.calls  # type: ignore[attr-defined]  # a RecordingTracer

    def seen(self, operation: str) -> list[Sequence[Any]]:
        """The arguments of each call of this operation that the tracer has seen."""
        return [call[1:] for call in self.calls if call[0] == operation]
