"""Fuel: a host call costs 100 and its payload's length, whatever becomes of it (ABI.md, "Fuel")."""

from __future__ import annotations

import pytest
from wasmtime import Linker, Store, Trap, TrapCode, wat2wasm

from bext_abi import SpanHandle
from bext_host.boundary.signatures import IMPORTS
from support.raw_guest import HANDLE_OUT, PAGE, PAYLOAD, RawGuest, compiled, span_payload, wasm_engine

PLENTY = 10**10
NAMED = span_payload()

TWICE = """(module
  (import "bext" "start_span" (func $start_span (param i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024) "\\81\\a4name\\a1s")
  (func $nothing)
  (func (export "start_and_go_on")
    (call $start_span (i32.const 1024) (i32.const 8) (i32.const 512))
    (call $nothing)
    (i32.store (i32.const 0) (i32.const 1))))
"""


def cost(guest: RawGuest, name: str, *arguments: int) -> int:
    """The fuel that one call of an export takes, the guest's own instructions included."""
    before = guest.store.get_fuel()
    guest.call(name, *arguments)
    return before - guest.store.get_fuel()


def own_cost(guest: RawGuest, name: str) -> int:
    """What the guest's own instructions take: the call again, where the import is a function that does nothing."""
    linker = Linker(wasm_engine(fuel=True))
    for import_name, signature in IMPORTS.items():
        result = 0 if signature.results else None
        linker.define_func("bext", import_name, signature.func_type(), lambda *_, result=result: result)
    store = Store(linker.engine)
    store.set_fuel(PLENTY)
    export = linker.instantiate(store, compiled(guest._wasm, fuel=True)).exports(store)[name]
    export(store, *[0] * len(IMPORTS[name].params))
    return PLENTY - store.get_fuel()


@pytest.fixture
def fuelled(make_guest) -> RawGuest:
    return make_guest(fuel=PLENTY)


@pytest.mark.parametrize("length", [0, 1, len(NAMED), 65536, 65537, 2**31, 2**32 - 1])
def test_start_span_costs_100_and_the_length_that_the_guest_gave(fuelled, length):
    """Also one that is too large to be read."""
    assert cost(fuelled, "start_span", PAYLOAD, length, HANDLE_OUT) - own_cost(fuelled, "start_span") == 100 + length


@pytest.mark.parametrize("operation", ["set_attribute", "set_status", "add_event"])
@pytest.mark.parametrize("handle", [SpanHandle.INVALID, SpanHandle(1, 2)], ids=["ignored", "unknown"])
def test_a_recording_call_costs_the_same_where_it_is_ignored_or_dropped(fuelled, operation, handle):
    assert cost(fuelled, operation, *handle.to_parts(), PAYLOAD, 77) - own_cost(fuelled, operation) == 177


@pytest.mark.parametrize("operation", ["set_attribute", "set_status", "add_event"])
def test_a_recording_call_on_a_span_costs_100_and_its_length(fuelled, operation):
    span = fuelled.start()
    assert cost(fuelled, operation, *span.to_parts(), PAYLOAD, len(NAMED)) - own_cost(fuelled, operation) == 100 + len(NAMED)


def test_the_calls_without_a_payload_cost_100(fuelled):
    span = fuelled.start()
    assert cost(fuelled, "end_span", *span.to_parts(), 0) - own_cost(fuelled, "end_span") == 100
    assert cost(fuelled, "current_span", HANDLE_OUT) - own_cost(fuelled, "current_span") == 100
    assert cost(fuelled, "current_span", PAGE) - own_cost(fuelled, "current_span") == 100


def test_a_closed_scope_and_a_second_store_pay_as_well(fuelled):
    fuelled.start()
    other = fuelled.in_another_store()
    own = own_cost(fuelled, "start_span")
    assert cost(other, "start_span", PAYLOAD, 8, HANDLE_OUT) - own == 108
    fuelled.scope.close()
    assert cost(fuelled, "start_span", PAYLOAD, 8, HANDLE_OUT) - own == 108


def test_a_guest_that_cannot_pay_gets_the_call_and_then_traps(make_guest):
    guest = make_guest(wasm=bytes(wat2wasm(TWICE)), fuel=PLENTY)
    guest.store.set_fuel(60)
    with pytest.raises(Trap) as trapped:
        guest.exports["start_and_go_on"](guest.store)
    assert trapped.value.trap_code is TrapCode.OUT_OF_FUEL
    assert guest.store.get_fuel() == 0
    ((_, handle),) = guest.seen("start_span")
    assert guest.read(HANDLE_OUT, 24) == handle.to_bytes()
    assert guest.read(0, 4) == bytes(4)
    assert guest.drops == {}


def test_without_fuel_a_call_costs_nothing_and_works(guest):
    assert not guest.start().is_invalid


def test_a_store_without_fuel_left_gets_no_more_calls(make_guest):
    guest = make_guest(fuel=PLENTY)
    guest.start()
    guest.store.set_fuel(0)
    with pytest.raises(Trap):
        guest.start()
    assert len(guest.calls) == 1
