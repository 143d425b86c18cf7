"""Guests for tests, written in WebAssembly text: hooks that are sequences of host calls, and that tell what they were given."""

from __future__ import annotations

from functools import cache
from typing import Any

from wasmtime import wat2wasm

from bext_abi import AttrValue, SpanHandle, SpanStart, SpanStatus, codec

CURRENT = 0
"""The slot of the handle that `current_span` gives."""

HEAP = 0x20000
MEMORY_BYTES = 4 * 65536

_SLOT_BYTES = 32
_FIRST_PAYLOAD = 0x400
_ANY_HANDLE = SpanHandle(2**128 - 1, 2**64 - 1)
_ANY_HANDLE_BYTES = b"\x93" + 3 * (b"\xcf" + 8 * b"\xff")

_PRELUDE = r"""
  (import "bext" "start_span" (func $start_span (param i32 i32 i32)))
  (import "bext" "set_attribute" (func $set_attribute (param i64 i64 i64 i32 i32)))
  (import "bext" "set_status" (func $set_status (param i64 i64 i64 i32 i32)))
  (import "bext" "add_event" (func $add_event (param i64 i64 i64 i32 i32)))
  (import "bext" "end_span" (func $end_span (param i64 i64 i64 i64)))
  (import "bext" "current_span" (func $current_span (param i32) (result i32)))
  (memory (export "memory") 4)
  (global $heap (mut i32) (i32.const 0x20000))
  (func (export "bext_tracer_abi_v1"))
  (data (i32.const 0x300) "\82\a4name\a1?\aaattributes\82\a1a\ce....\a1b\ce....")

  (func $be32 (param $at i32) (param $value i32)
    (i32.store8 offset=0 (local.get $at) (i32.shr_u (local.get $value) (i32.const 24)))
    (i32.store8 offset=1 (local.get $at) (i32.shr_u (local.get $value) (i32.const 16)))
    (i32.store8 offset=2 (local.get $at) (i32.shr_u (local.get $value) (i32.const 8)))
    (i32.store8 offset=3 (local.get $at) (local.get $value)))
  (func $be64 (param $at i32) (param $value i64)
    (call $be32 (local.get $at) (i32.wrap_i64 (i64.shr_u (local.get $value) (i64.const 32))))
    (call $be32 (i32.add (local.get $at) (i32.const 4)) (i32.wrap_i64 (local.get $value))))
  (func $put_handle (param $at i32) (param $slot i32)
    (call $be64 (i32.add (local.get $at) (i32.const 2)) (i64.load offset=0 (local.get $slot)))
    (call $be64 (i32.add (local.get $at) (i32.const 11)) (i64.load offset=8 (local.get $slot)))
    (call $be64 (i32.add (local.get $at) (i32.const 20)) (i64.load offset=16 (local.get $slot))))
  (func $attribute (param $slot i32) (param $ptr i32) (param $len i32)
    (call $set_attribute (i64.load offset=0 (local.get $slot)) (i64.load offset=8 (local.get $slot))
      (i64.load offset=16 (local.get $slot)) (local.get $ptr) (local.get $len)))
  (func $status (param $slot i32) (param $ptr i32) (param $len i32)
    (call $set_status (i64.load offset=0 (local.get $slot)) (i64.load offset=8 (local.get $slot))
      (i64.load offset=16 (local.get $slot)) (local.get $ptr) (local.get $len)))
  (func $end (param $slot i32)
    (call $end_span (i64.load offset=0 (local.get $slot)) (i64.load offset=8 (local.get $slot))
      (i64.load offset=16 (local.get $slot)) (i64.const 0)))

  ;; An event on the current span, named by one character, with two numbers: what happened, in order.
  (func $note (param $name i32) (param $a i32) (param $b i32)
    (if (i32.eqz (call $current_span (i32.const 0))) (then (return)))
    (i32.store8 (i32.const 0x307) (local.get $name))
    (call $be32 (i32.const 0x317) (local.get $a))
    (call $be32 (i32.const 0x31e) (local.get $b))
    (call $add_event (i64.load (i32.const 0)) (i64.load (i32.const 8)) (i64.load (i32.const 16)) (i32.const 0x300) (i32.const 34)))
  ;; A text as an attribute of the current span, whose key is one character.
  (func $tell (param $key i32) (param $ptr i32) (param $len i32)
    (if (i32.eqz (call $current_span (i32.const 0))) (then (return)))
    (i32.store16 (i32.const 0x8000) (i32.const 0xa192))
    (i32.store8 (i32.const 0x8002) (local.get $key))
    (i32.store8 (i32.const 0x8003) (i32.const 0xdb))
    (call $be32 (i32.const 0x8004) (local.get $len))
    (memory.copy (i32.const 0x8008) (local.get $ptr) (local.get $len))
    (call $attribute (i32.const 0) (i32.const 0x8000) (i32.add (local.get $len) (i32.const 8))))
  (func $take (param $len i32) (result i32)
    (global.get $heap)
    (global.set $heap (i32.add (global.get $heap) (local.get $len))))
"""

ALLOC = '(func (export "bext_alloc") (param i32) (result i32) (call $take (local.get 0)))'
"""A `bext_alloc` that hands out new memory from HEAP on."""


@cache
def wasm(text: str) -> bytes:
    """The binary form of a module."""
    return bytes(wat2wasm(text))


def hook(name: str, *body: str, takes: str = "", gives: str = "") -> str:
    """An exported function; `takes` and `gives` are value types."""
    params = f"(param {takes})" if takes else ""
    result = f"(result {gives})" if gives else ""
    return f'(func (export "{name}") {params} {result} {" ".join(body)})'


def note(name: str, a: str = "(i32.const 0)", b: str = "(i32.const 0)") -> str:
    """The statement that adds the event `name` with the numbers a and b to the current span."""
    return f"(call $note (i32.const {ord(name)}) {a} {b})"


def tell(key: str, ptr: str = "(local.get 0)", length: str = "(local.get 1)") -> str:
    """The statement that sets the attribute `key` of the current span to a text in memory."""
    return f"(call $tell (i32.const {ord(key)}) {ptr} {length})"


class Guest:
    """Builds one module. Its methods give statements; a span is kept in a numbered slot from 1 to 20."""

    def __init__(self) -> None:
        self._data: list[str] = []
        self._next = _FIRST_PAYLOAD

    def start(self, slot: int, name: str, parent: int | None = None, **fields: Any) -> str:
        """Start a span, below the span of another slot or as a root."""
        payload = codec.encode_span_start(SpanStart(name, parent=None if parent is None else _ANY_HANDLE, **fields))
        at = self._place(payload)
        put = ""
        if parent is not None:
            put = f"(call $put_handle (i32.const {at + payload.index(_ANY_HANDLE_BYTES)}) {_address(parent)})"
        return f"{put} (call $start_span (i32.const {at}) (i32.const {len(payload)}) {_address(slot)})"

    def attribute(self, slot: int, key: str, value: AttrValue) -> str:
        """Set an attribute."""
        payload = codec.encode_attribute(key, value)
        return f"(call $attribute {_address(slot)} (i32.const {self._place(payload)}) (i32.const {len(payload)}))"

    def status(self, slot: int, status: SpanStatus) -> str:
        """Set the status."""
        payload = codec.encode_span_status(status)
        return f"(call $status {_address(slot)} (i32.const {self._place(payload)}) (i32.const {len(payload)}))"

    def current(self, slot: int = CURRENT) -> str:
        """Ask for the current span."""
        return f"(drop (call $current_span {_address(slot)}))"

    def end(self, slot: int) -> str:
        """End a span."""
        return f"(call $end {_address(slot)})"

    def module(self, *functions: str) -> bytes:
        """The module with these functions."""
        return wasm("\n".join(["(module", _PRELUDE, *self._data, *functions, ")"]))

    def _place(self, payload: bytes) -> int:
        at = self._next
        self._next += len(payload)
        assert self._next <= 0x8000
        text = "".join(f"\\{byte:02x}" for byte in payload)
        self._data.append(f'(data (i32.const {at}) "{text}")')
        return at


def guest(*functions: str) -> bytes:
    """A module with the helpers of Guest and these functions."""
    return Guest().module(*functions)


def _address(slot: int) -> str:
    return f"(i32.const {slot * _SLOT_BYTES})"
