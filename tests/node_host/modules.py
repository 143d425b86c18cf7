"""Small modules, in the text format, for what no fixture does when it is loaded or called."""

from __future__ import annotations

from typing import Final

MARKER: Final = '(func (export "bext_tracer_abi_v1"))'
MEMORY: Final = '(memory (export "memory") 1)'
USES: Final = '(import "bext" "current_span" (func (param i32) (result i32)))'
TRACES: Final = USES + MEMORY + MARKER
RELOAD: Final = '(func (export "on_reload"))'
ALLOC: Final = '(func (export "bext_alloc") (param i32) (result i32) i32.const 4096)'
EVENT_HOOK: Final = '(func (export "on_request_complete") (param i32 i32))'


def _marker(name: str, body: str = "") -> str:
    return f'(func (export "bext_tracer_abi_{name}") {body})'


ACCEPTED: Final = {
    "neither the tracer nor a memory": RELOAD,
    "what is no marker, since its number starts with 0": TRACES + _marker("v01", "(param i32)"),
    "what is no marker, since it has no number": TRACES + _marker("v", "(param i32)"),
    "what is no marker, since its number is too long": TRACES + _marker("v1234567890", "(param i32)"),
    "a marker of a later version, too": TRACES + _marker("v2"),
    "an import twice": USES + TRACES,
    "wasi": '(import "wasi_snapshot_preview1" "sched_yield" (func (result i32)))' + MEMORY + RELOAD,
    "a hook with a result": '(func (export "on_reload") (result i32) i32.const 0)',
    "a hook's name for a global": '(global (export "on_request_complete") i32 (i32.const 0))',
}

REFUSED: Final = {
    "a marker whose number starts with 0": USES + MEMORY + _marker("v01"),
    "a marker of version 0": USES + MEMORY + _marker("v0"),
    "a marker without a number": USES + MEMORY + _marker("v"),
    "a marker with a word behind its number": USES + MEMORY + _marker("v1x"),
    "a marker of a later version, without the tracer": MEMORY + _marker("v2"),
    "a marker with a parameter, without the tracer": _marker("v1", "(param i32)"),
    "a marker with a result": USES + MEMORY + _marker("v1", "(result i32) i32.const 0"),
    "a marker of a later version with a parameter": TRACES + _marker("v2", "(param i32)"),
    "a global for a function": '(import "bext" "start_span" (global i32))' + MEMORY + MARKER,
    "a memory from elsewhere": USES + '(import "env" "memory" (memory 1))(export "memory" (memory 0))' + MARKER,
    "another name in bext": '(import "bext" "log2" (func))' + RELOAD,
    "three faults": '(import "bext" "start_span" (func))(import "env" "a" (func))(import "env" "b" (global i32))' + MARKER,
    "no such function of wasi": '(import "wasi_snapshot_preview1" "nonsense" (func))' + RELOAD,
    "a global for a function of wasi": '(import "wasi_snapshot_preview1" "sched_yield" (global i32))' + RELOAD,
    "a hook with a parameter": '(func (export "on_reload") (param i32))',
    "a hook with a long result": '(func (export "on_reload") (result i64) i64.const 0)',
    "bext_alloc of another type": MEMORY + '(func (export "bext_alloc") (param i64) (result i32) i32.const 0)' + EVENT_HOOK,
    "bext_free of another type": MEMORY + ALLOC + '(func (export "bext_free") (param i32))' + EVENT_HOOK,
    "a hook with a string, and no memory": ALLOC + EVENT_HOOK,
    "_initialize with a parameter": '(func (export "_initialize") (param i32))',
}

NO_MODULES: Final = {
    "nothing": b"",
    "half a preamble": b"\0asm",
    "text": b"(module)",
    "another file": b"\x89PNG\r\n\x1a\n",
    "a core module of version 2": b"\0asm\x02\0\0\0",
    "a component": b"\0asm\x0d\0\x01\0",
    "an invalid body": b"\0asm\x01\0\0\0" + bytes.fromhex("010401600000030201000a05010300410b"),
    "a section cut short": b"\0asm\x01\0\0\0" + bytes.fromhex("0104016000"),
}

_IMPORTS: Final = (
    '(import "bext" "start_span" (func $start (param i32 i32 i32)))(import "bext" "current_span" (func $current (param i32) (result i32)))'
    '(import "bext" "set_attribute" (func $set (param i64 i64 i64 i32 i32)))'
    + MEMORY
    + r'(data (i32.const 0) "\81\a4name\a1i")(data (i32.const 16) "\92\a1k\01")'
    + MARKER
)
_START: Final = "(call $start (i32.const 0) (i32.const 8) (i32.const 512))"
_SET: Final = (
    "(drop (call $current (i32.const 600))) (call $set (i64.load (i32.const 600)) (i64.load (i32.const 608)) (i64.load (i32.const 616)) "
    "(i32.const 16) (i32.const 4))"
)


def _with_string(alloc: str, more: str = "") -> str:
    alloc = f'(func (export "bext_alloc") (param i32) (result i32) {alloc})'
    return _IMPORTS + alloc + more + f'(func (export "on_request_complete") (param i32 i32) {_START} {_SET})'


CALLED: Final = {
    "_initialize traces": _IMPORTS + f'(func (export "_initialize") {_START} {_SET})(func (export "on_reload") {_START} {_SET})',
    "_initialize traps": _IMPORTS + f'(func (export "_initialize") {_START} unreachable)' + RELOAD,
    "a result of 1": _IMPORTS + f'(func (export "on_reload") (result i32) {_START} {_SET} i32.const 1)',
    "bext_alloc traces and gives 0": _with_string(f"{_START} i32.const 0"),
    "bext_alloc traces": _with_string(f"{_START} {_SET} i32.const 4096"),
    "bext_alloc gives 0": _with_string("i32.const 0"),
    "bext_alloc gives the end of the memory": _with_string("i32.const 65536"),
    "bext_alloc gives -1": _with_string("i32.const -1"),
    "bext_alloc traps": _with_string("unreachable"),
    "bext_free traps": _with_string("i32.const 4096", '(func (export "bext_free") (param i32 i32) unreachable)'),
}
"""What is called is on_request_complete, where it is exported, else on_reload."""
