"""The guest that every round runs: loops of host calls on payloads that stand in its memory, so that the host's work is measured."""

from __future__ import annotations

from typing import Final

from wasmtime import wat2wasm

from bext_abi import AttrValue, SpanStart, codec

SPAN_NAME: Final = "GET /items"
ATTRIBUTES: Final[tuple[tuple[str, AttrValue], ...]] = (
    ("http.request.method", "GET"),
    ("http.response.status_code", 200),
    ("url.path", "/items/42"),
)
"""What each span carries, here and on every peer."""

CALLS_PER_SPAN: Final = 2 + len(ATTRIBUTES)

_FIRST_PAYLOAD: Final = 1024
_PAYLOAD_ROOM: Final = 256
_HANDLE_OUT: Final = 512
_PAYLOADS: Final = (codec.encode_span_start(SpanStart(SPAN_NAME)), *(codec.encode_attribute(*attribute) for attribute in ATTRIBUTES))


def data_segment(offset: int, data: bytes) -> str:
    """A data segment in WebAssembly text."""
    return f'(data (i32.const {offset}) "{"".join(f"{chr(92)}{byte:02x}" for byte in data)}")'


def _pointer(number: int) -> str:
    return f"(i32.const {_FIRST_PAYLOAD + number * _PAYLOAD_ROOM}) (i32.const {len(_PAYLOADS[number])})"


_HANDLE: Final = "(local.get $hi) (local.get $lo) (local.get $id)"
_LOCALS: Final = "(local $hi i64) (local $lo i64) (local $id i64)"
_START: Final = f"""(call $start {_pointer(0)} (i32.const {_HANDLE_OUT}))
  (local.set $hi (i64.load (i32.const {_HANDLE_OUT})))
  (local.set $lo (i64.load (i32.const {_HANDLE_OUT + 8})))
  (local.set $id (i64.load (i32.const {_HANDLE_OUT + 16})))"""
_END: Final = f"(call $end {_HANDLE} (i64.const 0))"


def _attribute(number: int) -> str:
    return f"(call $attribute {_HANDLE} {_pointer(number)})"


def loop(body: str) -> str:
    """Runs `body` as often as the local $n says."""
    return f"(loop $again {body} (local.set $n (i32.sub (local.get $n) (i32.const 1))) (br_if $again (local.get $n)))"


_SPAN: Final = "\n  ".join([_START, *(_attribute(1 + number) for number in range(len(ATTRIBUTES))), _END])


def guest_module() -> bytes:
    """A plugin: `spans(n)` records n spans, `open(n)` leaves n open, `attributes(n)` sets one attribute n times on one span."""
    segments = " ".join(data_segment(_FIRST_PAYLOAD + number * _PAYLOAD_ROOM, payload) for number, payload in enumerate(_PAYLOADS))
    text = f"""
    (module
      (import "bext" "start_span" (func $start (param i32 i32 i32)))
      (import "bext" "set_attribute" (func $attribute (param i64 i64 i64 i32 i32)))
      (import "bext" "end_span" (func $end (param i64 i64 i64 i64)))
      (memory (export "memory") 1)
      {segments}
      (func (export "bext_tracer_abi_v1"))
      (func (export "spans") (param $n i32) {_LOCALS} {loop(_SPAN)})
      (func (export "open") (param $n i32) {_LOCALS} {loop(_SPAN.removesuffix(_END))})
      (func (export "attributes") (param $n i32) {_LOCALS} {_START} {loop(_attribute(1))} {_END}))"""
    return bytes(wat2wasm(text))
