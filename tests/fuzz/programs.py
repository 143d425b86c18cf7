"""Guest programs made up from a seed, all of them valid wasm: host calls, loops, calls of each other, memory that grows, traps.

Handles are kept in slots, so that most host calls make sense; the others are what no compiler would write.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from bext_abi import SpanEvent, SpanHandle, SpanKind, SpanLink, SpanStart, SpanStatus, StatusCode, codec
from support.wat import wasm

HOOKS = {"on_reload": 0, "on_server_stop": 0, "cleanup": 0, "on_request_complete": 2, "on_server_start": 2}
"""The hooks that a program may have, with the number of their parameters."""

_SLOTS = 8
_SLOT_BYTES = 24
SLOTS_END = _SLOTS * _SLOT_BYTES
"""Where the handles of a tame program end."""

_PAYLOADS = 0x200
_PAGE = 65536
_SCRATCH = 0x7000
_NUMBERS = (0, 1, 23, 24, _PAGE - 24, _PAGE - 1, _PAGE, 2**31 - 1, 2**31, 2**32 - 24, 2**32 - 1)
_HOST_CALLS = {"start_span": 5, "set_attribute": 2, "set_status": 2, "add_event": 2, "end_span": 3, "current_span": 1}
"""How often each is made, beside the others."""

_IMPORTS = """
  (import "bext" "start_span" (func $start_span (param i32 i32 i32)))
  (import "bext" "set_attribute" (func $set_attribute (param i64 i64 i64 i32 i32)))
  (import "bext" "set_status" (func $set_status (param i64 i64 i64 i32 i32)))
  (import "bext" "add_event" (func $add_event (param i64 i64 i64 i32 i32)))
  (import "bext" "end_span" (func $end_span (param i64 i64 i64 i64)))
  (import "bext" "current_span" (func $current_span (param i32) (result i32)))
  (import "bext" "log" (func $log (param i32 i32 i32 i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (func (export "bext_tracer_abi_v1"))
  (global $turns (mut i32) (i32.const 0))
  (table 2 funcref)
"""


def _payloads() -> dict[str, list[bytes]]:
    attributes = {"a": 1, "b": "text", "c": (1.5, 2.5), "bext.mine": True}
    return {
        "start_span": [
            codec.encode_span_start(SpanStart("s")),
            codec.encode_span_start(SpanStart("", SpanKind.CLIENT, attributes=attributes)),
            codec.encode_span_start(SpanStart("child", parent=SpanHandle(1, 1))),
            codec.encode_span_start(SpanStart("unsampled", parent=SpanHandle.INVALID)),
            codec.encode_span_start(SpanStart("remote", parent=SpanHandle(7, 7), parent_is_remote=True, trace_state="a=b")),
            codec.encode_span_start(SpanStart("linked", links=(SpanLink(SpanHandle(1, 1), {"l": 1}),) * 3, start_time_unix_nanos=5)),
        ],
        "set_attribute": [codec.encode_attribute(key, value) for key, value in attributes.items()] + [b"\x92\xa1k\xc0"],
        "set_status": [codec.encode_span_status(SpanStatus(code, "m")) for code in StatusCode],
        "add_event": [codec.encode_span_event(SpanEvent("e", attributes)), codec.encode_span_event(SpanEvent("", {}, 7))],
    }


PAYLOADS = _payloads()


@dataclass(frozen=True)
class Program:
    """A module, and the hooks that it has."""

    wasm: bytes
    hooks: tuple[str, ...]
    text: str


class _Writer:
    """Writes one program."""

    def __init__(self, rng: Random, *, tame: bool) -> None:
        self.rng = rng
        self.tame = tame
        self.data: list[str] = []
        self.placed: dict[str, list[tuple[int, int]]] = {}
        self.functions = rng.randrange(2, 6)
        self._labels = 0
        at = _PAYLOADS
        for kind, payloads in PAYLOADS.items():
            for payload in payloads:
                sent = self._damaged(payload) if rng.random() < 0.15 else payload
                self.data.append(f'(data (i32.const {at}) "{"".join(f"{chr(92)}{byte:02x}" for byte in sent)}")')
                self.placed.setdefault(kind, []).append((at, len(sent)))
                at += len(sent)

    def _damaged(self, payload: bytes) -> bytes:
        at = self.rng.randrange(len(payload))
        return payload[:at] + bytes([self.rng.randrange(256)]) + payload[at + 1 :]

    # --- Numbers ---

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def number(self) -> int:
        return self.rng.choice((*_NUMBERS, self.rng.randrange(2**32)))

    def slot(self) -> int:
        return self.rng.randrange(_SLOTS) * _SLOT_BYTES

    def out(self) -> int:
        return self.number() if not self.tame and self.chance(0.05) else self.slot()

    def handle(self) -> str:
        if self.chance(0.1):
            return " ".join(f"(i64.const {self.rng.choice((0, 1, -1, self.rng.randrange(2**63)))})" for _ in range(3))
        slot = self.slot()
        return " ".join(f"(i64.load (i32.const {slot + offset}))" for offset in (0, 8, 16))

    def payload(self, kind: str) -> str:
        if not self.tame and self.chance(0.05):
            return f"(i32.const {self.number()}) (i32.const {self.number()})"
        at, length = self.rng.choice(self.placed[kind])
        return f"(i32.const {at}) (i32.const {length + self.rng.choice((0, 0, 0, 0, 0, 0, 1, -1))})"

    # --- Statements ---

    def body(self, depth: int = 0) -> str:
        return "\n    ".join(self.statement(depth) for _ in range(self.rng.randrange(1, 9 if depth == 0 else 4)))

    def statement(self, depth: int) -> str:
        kind = self.rng.random()
        if kind < 0.72 or depth > 2:
            return self.host_call()
        if kind < 0.82:
            return self.loop(self.rng.choice((1, 2, 5, 20)), depth)
        if kind < 0.91:
            return f"(call $f{self.rng.randrange(self.functions)})"
        return self.rng.choice(
            (
                self.output(),
                self.output(),
                self.now_and_then("unreachable"),
                self.now_and_then(f"(call $proc_exit (i32.const {self.rng.choice((0, 1, 255))}))"),
                self.now_and_then("(drop (i32.div_u (i32.const 1) (i32.const 0)))"),
                self.now_and_then("(call_indirect (i32.const 1))"),
                self.now_and_then("(loop $ever (br $ever))"),
                self.now_and_then(f"(i32.store8 (i32.const {self.number()}) (i32.const 255))"),
                f"(drop (memory.grow (i32.const {self.rng.choice((0, 1, 2, 100))})))",
                f"(memory.fill (i32.const {self.slot()}) (i32.const {self.rng.choice((0, 1, 255))}) (i32.const {_SLOT_BYTES}))",
                f"(memory.copy (i32.const {self.slot()}) (i32.const {self.slot()}) (i32.const {_SLOT_BYTES}))",
            )
        )

    def host_call(self) -> str:
        kind = self.rng.choices(["start_span", "set_attribute", "set_status", "add_event", "end_span", "current_span"], [5, 2, 2, 2, 3, 1])[
            0
        ]
        if kind == "start_span":
            return f"(call $start_span {self.payload(kind)} (i32.const {self.out()}))"
        if kind == "current_span":
            return f"(drop (call $current_span (i32.const {self.out()})))"
        if kind == "end_span":
            return f"(call $end_span {self.handle()} (i64.const {self.rng.choice((0, 0, 1, 2**63 - 1, -1))}))"
        return f"(call ${kind} {self.handle()} {self.payload(kind)})"

    def output(self) -> str:
        """Logs, writes to standard output or another file, or reads."""
        some, others = self.payload("add_event"), self.payload("set_attribute")
        if self.chance(0.5):
            return f"(call $log {some} {others})"
        name = self.rng.choice(("$fd_write", "$fd_write", "$fd_read"))
        numbers = (
            self.rng.choice((0, 1, 1, 2, 3, -1)),
            self.rng.choice(self.placed["start_span"])[0],
            self.rng.choice((0, 1, 2, 50)),
            self.number() if not self.tame and self.chance(0.1) else _SCRATCH,
        )
        return f"(drop (call {name} {' '.join(f'(i32.const {number})' for number in numbers)}))"

    def loop(self, times: int, depth: int) -> str:
        self._labels += 1
        label = f"$l{self._labels}"
        turn = "(global.set $turns (i32.add (global.get $turns) (i32.const 1)))"
        again = f"(br_if {label} (i32.rem_u (global.get $turns) (i32.const {times + 1})))"
        return f"(loop {label} {self.body(depth + 1)} {turn} {again})"

    def now_and_then(self, statement: str) -> str:
        """A statement that is met in some turns only, or almost none of a program would be."""
        turns = self.rng.choice((2, 7, 50))
        return f"(if (i32.eqz (i32.rem_u (i32.add (global.get $turns) (i32.const 1)) (i32.const {turns}))) (then {statement}))"

    # --- The module ---

    def program(self) -> Program:
        rng = self.rng
        maximum = rng.choice(("", " 1", " 3", " 4000"))
        parts = [_IMPORTS, f'(memory (export "memory") 1{maximum})', *self.data]
        parts += [f"(func $f{index}\n    {self.body()})" for index in range(self.functions)]
        hooks = ("on_reload", *(hook for hook in HOOKS if hook != "on_reload" and self.chance(0.4)))
        parts += [self.hook(hook, HOOKS[hook]) for hook in hooks]
        parts.append(f'(func (export "bext_alloc") (param i32) (result i32) {self.allocation()})')
        if self.chance(0.3):
            parts.append(f'(func (export "bext_free") (param i32 i32) {self.body(2)})')
        if self.chance(0.2):
            parts.append(f'(func (export "_initialize") {self.body()})')
        if self.chance(0.15):
            parts.append(f"(start $f{rng.randrange(self.functions)})")
        if self.chance(0.15):
            parts.append(f'(func (export "priority") (result i32) {self.body(2)} (i32.const 5))')
        text = "\n  ".join(["(module", *parts]) + ")"
        return Program(wasm.__wrapped__(text), hooks, text)

    def hook(self, name: str, parameters: int) -> str:
        params = f"(param {'i32 ' * parameters})" if parameters else ""
        result, answer = ("(result i32)", f"(i32.const {self.rng.choice((0, 0, 0, 3))})") if self.chance(0.5) else ("", "")
        return f'(func (export "{name}") {params} {result}\n    {self.body()}\n    {answer})'

    def allocation(self) -> str:
        odd = (f"(i32.const {self.number()})", f"{self.body(2)} (i32.const 0x8000)", "unreachable")
        return self.rng.choice(odd) if self.chance(0.3) else "(i32.const 0x8000)"


def make_program(rng: Random, *, tame: bool = False) -> Program:
    """A program, the same for the same random numbers. A tame one keeps handles in its slots, and does nothing that depends on them."""
    return _Writer(rng, tame=tame).program()
