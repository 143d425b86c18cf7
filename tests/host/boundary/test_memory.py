"""Modules that were never checked and have no memory that pointers could name: every call is dropped, nothing traps or aborts."""

from __future__ import annotations

import pytest
from wasmtime import wat2wasm

from bext_abi import SpanEvent, SpanHandle, SpanStatus, codec
from support.raw_guest import FIXTURES, PAGE, RawGuest, raw_abi_with_memory, span_payload
from support.tracers import HookedTracer

HOST_SPAN = SpanHandle(0xAAA, 0xBBB)

UNUSABLE = {
    "not exported": "(memory 1)",
    "64-bit": '(memory (export "memory") i64 1)',
    "shared": '(memory (export "memory") 1 2 shared)',
    "a global": '(global (export "memory") i32 (i32.const 0))',
    "a function": '(func (export "memory"))',
    "a table": '(table (export "memory") 1 funcref)',
    "another name": '(memory (export "Memory") 1)',
}


@pytest.fixture(params=UNUSABLE.values(), ids=UNUSABLE.keys())
def without_memory(request, make_guest) -> RawGuest:
    return make_guest(wasm=raw_abi_with_memory(request.param))


def test_without_a_usable_memory_every_pointer_is_out_of_range(without_memory):
    guest = without_memory
    with guest.scope.current(HOST_SPAN):
        guest.call("start_span", 0, 0, 0)
        assert guest.call("current_span", 0) == 0
        for operation in ("set_attribute", "set_status", "add_event"):
            guest.call(operation, *HOST_SPAN.to_parts(), 0, 0)
    assert guest.drops == {"out_of_bounds": 5}
    assert {call[0] for call in guest.calls} == {"add_dropped"}


def test_without_a_usable_memory_the_checks_before_the_pointers_are_the_same(without_memory):
    guest = without_memory
    guest.call("set_attribute", 0, 0, 0, 0, 0)
    guest.call("set_attribute", 1, 2, 3, 0, 0)
    with guest.scope.current(HOST_SPAN):
        guest.call("add_event", *HOST_SPAN.to_parts(), 0, 2**32 - 1)
    guest.end(HOST_SPAN)
    assert guest.drops == {"unknown_handle": 2, "too_large": 1}


@pytest.mark.parametrize("name", ["no_memory", "memory64", "shared_memory", "memory_is_a_global", "no_marker", "unknown_version"])
def test_a_hostile_module_that_was_never_checked_runs_to_its_end(make_guest, name):
    guest = make_guest(wasm=(FIXTURES / "hostile" / f"{name}.wasm").read_bytes())
    guest.exports["on_reload"](guest.store)
    usable = name in ("no_marker", "unknown_version")
    assert guest.drops == ({} if usable else {"out_of_bounds": 1})


def test_a_memory_of_no_pages_has_a_range_of_no_bytes(make_guest):
    guest = make_guest(wasm=raw_abi_with_memory('(memory (export "memory") 0 4)'))
    with guest.scope.current(HOST_SPAN):
        guest.call("start_span", 0, 0, 0)
        guest.call("current_span", 0)
        guest.call("set_attribute", *HOST_SPAN.to_parts(), 1, 0)
        assert guest.drops == {"out_of_bounds": 3}
        guest.call("set_attribute", *HOST_SPAN.to_parts(), 0, 0)
    assert guest.drops == {"out_of_bounds": 3, "malformed": 1}


def test_a_memory_that_grew_from_nothing_is_used(make_guest):
    guest = make_guest(wasm=raw_abi_with_memory('(memory (export "memory") 0 4)'))
    guest.call("current_span", 0)
    guest.memory.grow(guest.store, 1)
    assert not guest.start().is_invalid
    assert guest.drops == {"out_of_bounds": 1}


def test_a_memory_that_moved_is_read_where_it_now_is(guest):
    span = guest.start()
    guest.grow(15)
    top = 16 * PAGE
    for operation, payload in {
        "set_attribute": codec.encode_attribute("k", "at the top"),
        "set_status": codec.encode_span_status(SpanStatus()),
        "add_event": codec.encode_span_event(SpanEvent("e")),
    }.items():
        guest.record(operation, span, payload, at=top - len(payload))
        assert len(guest.seen(operation)) == 1
    with guest.scope.current(HOST_SPAN):
        assert guest.current(top - 24) == HOST_SPAN
    assert guest.drops == {}


def test_the_tracer_may_grow_the_memory_while_it_is_called(make_guest):
    """The handle is written to the memory as it is then."""
    guest = make_guest(HookedTracer(lambda method, _: guest.memory.grow(guest.store, 1)))
    handle = guest.start()
    assert guest.size == 2 * PAGE
    assert guest.seen("start_span")[0][1] == handle


def test_two_memories_are_not_confused(make_guest):
    """Only the one exported as `memory` counts, whatever else the module has."""
    wasm = raw_abi_with_memory('(memory (export "first") 1) (memory (export "memory") 2)')
    guest = make_guest(wasm=wasm)
    guest.exports["first"].write(guest.store, b"\xc1" * 100, 1024)
    assert not guest.start(at=2 * PAGE - len(span_payload())).is_invalid


def test_a_call_from_the_start_function_is_a_call_like_any_other(make_guest):
    """The exports are there while the start section runs."""
    wasm = wat2wasm(
        """(module
          (import "bext" "start_span" (func $start_span (param i32 i32 i32)))
          (memory (export "memory") 1)
          (data (i32.const 1024) "\\81\\a4name\\a1s")
          (func $main (call $start_span (i32.const 1024) (i32.const 8) (i32.const 512)))
          (start $main))"""
    )
    guest = make_guest(wasm=bytes(wasm))
    assert len(guest.seen("start_span")) == 1
    assert guest.read(512, 24) == guest.seen("start_span")[0][1].to_bytes()


class TestHostileCallers:
    """The fixtures that conform and then pass nonsense: they run to their end, and one span survives."""

    def run(self, make_guest, name: str) -> RawGuest:
        guest = make_guest(wasm=(FIXTURES / "hostile" / f"{name}.wasm").read_bytes())
        guest.exports["on_request_complete"](guest.store, 0, 0)
        assert [call[1].name for call in guest.calls if call[0] == "start_span"] == ["survivor"]
        assert len(guest.seen("end_span")) == 1
        return guest

    def test_malformed_payloads(self, make_guest):
        assert self.run(make_guest, "malformed_payloads").drops == {"malformed": 10}

    def test_out_of_bounds_pointers(self, make_guest):
        assert self.run(make_guest, "out_of_bounds_pointers").drops == {"out_of_bounds": 9, "too_large": 1}
