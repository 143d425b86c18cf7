"""Every way in which wasmtime ends a guest: our error, in words; what was open ended and marked; another plugin served all the while.

Traps that the runtime's own tests cover as well are here once more, so that the list of trap codes is complete.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from wasmtime import Engine, Instance, Module, Store, Trap, TrapCode, WasmtimeError

from bext_abi import StatusCode
from bext_host import CallInterrupted, FuelExhausted, GuestTrap, MemoryLimitExceeded, PluginError, PluginLimits
from support.plugin_host import Hosting
from support.raw_guest import ENGINES
from support.wat import CURRENT, Guest, hook, wasm

TABLE = """(type $none (func)) (type $other (func (param i32)))
  (table 4 funcref) (elem (i32.const 0) func $takes_one) (func $takes_one (type $other))"""
BULK = '(table $t 2 funcref) (elem $passive funcref (ref.null func)) (data $bytes "abc")'
REFERENCES = "(type $none (func))"
BOXES = "(type $box (struct (field i32))) (type $row (array (mut i32)))"

TRAPS: dict[str, tuple[str, str, TrapCode, str]] = {
    "unreachable": ("", "unreachable", TrapCode.UNREACHABLE, "unreachable"),
    "load out of bounds": ("", "(drop (i32.load (i32.const -4)))", TrapCode.MEMORY_OUT_OF_BOUNDS, "out of bounds memory access"),
    "store out of bounds": ("", "(i64.store (i32.const -1) (i64.const 0))", TrapCode.MEMORY_OUT_OF_BOUNDS, "out of bounds memory"),
    "fill out of bounds": (
        "",
        "(memory.fill (i32.const 0) (i32.const 0) (i32.const -1))",
        TrapCode.MEMORY_OUT_OF_BOUNDS,
        "out of bounds memory",
    ),
    "init out of bounds": (
        BULK,
        "(memory.init $bytes (i32.const 0) (i32.const 0) (i32.const 4))",
        TrapCode.MEMORY_OUT_OF_BOUNDS,
        "out of bounds memory",
    ),
    "table read out of bounds": (BULK, "(drop (table.get $t (i32.const 2)))", TrapCode.TABLE_OUT_OF_BOUNDS, "out of bounds"),
    "table init out of bounds": (
        BULK,
        "(table.init $t $passive (i32.const 2) (i32.const 0) (i32.const 1))",
        TrapCode.TABLE_OUT_OF_BOUNDS,
        "out of bounds table access",
    ),
    "call of no entry": (TABLE, "(call_indirect (type $none) (i32.const 9))", TrapCode.TABLE_OUT_OF_BOUNDS, "undefined element"),
    "call of another type": (TABLE, "(call_indirect (type $none) (i32.const 0))", TrapCode.BAD_SIGNATURE, "indirect call type mismatch"),
    "call of an empty entry": (TABLE, "(call_indirect (type $none) (i32.const 1))", TrapCode.INDIRECT_CALL_TO_NULL, "uninitialized"),
    "division by zero": ("", "(drop (i64.div_u (i64.const 1) (i64.const 0)))", TrapCode.INTEGER_DIVISION_BY_ZERO, "divide by zero"),
    "remainder by zero": ("", "(drop (i32.rem_s (i32.const 1) (i32.const 0)))", TrapCode.INTEGER_DIVISION_BY_ZERO, "divide by zero"),
    "integer overflow": ("", "(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))", TrapCode.INTEGER_OVERFLOW, "integer overflow"),
    "float too large": ("", "(drop (i32.trunc_f64_s (f64.const 1e300)))", TrapCode.INTEGER_OVERFLOW, "integer overflow"),
    "not a number": ("", "(drop (i32.trunc_f32_u (f32.const nan)))", TrapCode.BAD_CONVERSION_TO_INTEGER, "invalid conversion"),
    "stack overflow": ("(func $again (call $again))", "(call $again)", TrapCode.STACK_OVERFLOW, "stack exhausted"),
}
"""Declarations, the statement that traps, wasmtime's code for it, and words of the message."""

LATER_PROPOSALS: dict[str, tuple[str, str, str]] = {
    "null reference": (REFERENCES, "(call_ref $none (ref.null $none))", "null reference"),
    "asserted reference": (REFERENCES, "(drop (ref.as_non_null (ref.null $none)))", "null reference"),
    "field of null": (BOXES, "(drop (struct.get $box 0 (ref.null $box)))", "null reference"),
    "cast failure": (BOXES, "(drop (ref.cast (ref $row) (struct.new $box (i32.const 1))))", "cast failure"),
    "array out of bounds": (BOXES, "(drop (array.get $row (array.new $row (i32.const 0) (i32.const 2)) (i32.const 2)))", "out of bounds"),
    "array too large": (BOXES, "(drop (array.new $row (i32.const 0) (i32.const 0x7fffffff)))", "."),
    "tail calls to a trap": ("(func $next unreachable)", "(return_call $next)", "unreachable"),
    "exception": ("(tag $oops)", "(throw $oops)", "exception"),
    "thrown null": ("", "(throw_ref (ref.null exn))", "null reference"),
}
"""The same of proposals that a version of wasmtime may have off by default."""

UNREACHED = {
    "HEAP_MISALIGNED": "needs shared memory or threads, which plugins cannot have",
    "INTERRUPT": "wasmtime-py's epoch callbacks end a guest with an error of ours; see the interrupted call below",
    "OUT_OF_FUEL": "is FuelExhausted, below",
}
"""Codes of the enum without a trap of their own above, and why."""


def trapping(declarations: str, statement: str) -> bytes:
    """Two spans are open when the statement runs."""
    build = Guest()
    opened = [build.current(), build.start(1, "outer", CURRENT), build.start(2, "inner", 1)]
    return build.module(declarations, hook("on_reload", *opened, statement), hook("cleanup", *opened, "(loop $again (br $again))"))


def is_valid(module: Callable[[], bytes]) -> bool:
    """Whether this wasmtime takes it by default."""
    try:
        Module.validate(Engine(), module())
    except WasmtimeError:
        return False
    return True


@pytest.fixture(params=ENGINES)
def hosting(request: pytest.FixtureRequest) -> Hosting:
    return Hosting(engine=request.param)


def fails_thrice_and_another_is_served(hosting: Hosting, module: bytes, error: type[PluginError], words: str, **limits) -> None:
    """The error, its span and the two that were open, each time anew; a plugin that is called in between notices nothing."""
    build = Guest()
    served = hosting.load(build.module(hook("on_reload", build.current(), build.start(1, "served", CURRENT), build.end(1))), "served")
    plugin = hosting.load(module, "failing", limits=PluginLimits(**limits))
    for _ in range(3):
        with pytest.raises(error, match=words) as raised:
            plugin.call("on_reload")
        served.call("on_reload")
        assert type(raised.value) is error
        assert str(raised.value).startswith("failing: on_reload: ")
        assert str(raised.value).isprintable()
    spans = hosting.spans()
    assert [span.name for span in spans] == ["inner", "outer", "on_reload", "served", "on_reload"] * 3
    marked = [span for span in spans if span.name in ("inner", "outer")]
    assert {(span.attributes["bext.abandoned"], span.status.code) for span in marked} == {(error.outcome, StatusCode.ERROR)}
    assert {span.attributes["bext.plugin.outcome"] for span in spans[2::5]} == {error.outcome}
    assert {span.attributes["bext.plugin.outcome"] for span in spans[4::5]} == {"ok"}
    counters = hosting.recorder.stats
    assert (counters.started, counters.ended, hosting.recorder.open_spans) == (15, 15, 0)


@pytest.mark.parametrize(("declarations", "statement", "code", "words"), TRAPS.values(), ids=TRAPS)
def test_a_trap_is_told_in_words_and_ends_what_was_open(hosting, declarations, statement, code, words):
    fails_thrice_and_another_is_served(hosting, trapping(declarations, statement), GuestTrap, words)


def test_every_trap_code_of_webassemblys_first_versions_is_here():
    """The numbers above are of later proposals, which are tried below, and of components, which no plugin is."""
    first = {name for name, code in TrapCode.__members__.items() if code.value <= TrapCode.OUT_OF_FUEL.value}
    assert first == {code.name for _, _, code, _ in TRAPS.values()} | set(UNREACHED)


@pytest.mark.parametrize(("declarations", "statement", "code", "words"), TRAPS.values(), ids=TRAPS)
def test_wasmtime_gives_the_trap_this_code(declarations, statement, code, words):
    guest, engine = wasm(f'(module {declarations} (memory 1) (func (export "run") {statement}))'), Engine()
    store = Store(engine)
    with pytest.raises(Trap) as raised:
        Instance(store, Module(engine, guest), []).exports(store)["run"](store)
    assert raised.value.trap_code is code


@pytest.mark.parametrize(("declarations", "statement", "words"), LATER_PROPOSALS.values(), ids=LATER_PROPOSALS)
def test_a_trap_of_a_later_proposal_is_told_in_words(hosting, declarations, statement, words):
    if not is_valid(lambda: trapping(declarations, statement)):
        pytest.skip("this wasmtime has the proposal off by default")
    fails_thrice_and_another_is_served(hosting, trapping(declarations, statement), GuestTrap, words)


def test_a_guest_without_fuel_is_told_so_and_what_was_open_is_ended(hosting):
    module = trapping("", "(loop $again (br $again))")
    fails_thrice_and_another_is_served(hosting, module, FuelExhausted, "used up its 100,000 units of fuel", fuel={"on_reload": 100_000})


def test_a_call_that_is_interrupted_by_the_tracer_it_calls_is_told_so_and_what_was_open_is_ended(hosting):
    """The interruption comes in the middle of a host call of the guest's."""
    start = hosting.recorder.start_span

    def interrupting(span):
        if span.name == "inner":
            plugin.interrupt()
        return start(span)

    hosting.recorder.start_span = interrupting  # seen where an instance is made
    plugin = hosting.load(trapping("", "unreachable"), limits=PluginLimits(fuel={"cleanup": 2**62}))
    with pytest.raises(CallInterrupted, match="interrupted"):
        plugin.call("cleanup")
    assert [(span.name, span.attributes.get("bext.abandoned")) for span in hosting.spans()] == [
        ("inner", "interrupted"),
        ("outer", "interrupted"),
        ("cleanup", None),
    ]


# --- Before a hook runs ---

STARTING: dict[str, tuple[str, type[PluginError], str]] = {
    "start section that traps": ("(func $f unreachable) (start $f)", GuestTrap, "unreachable"),
    "start section that loops": ("(func $f (loop $again (br $again))) (start $f)", FuelExhausted, "units of fuel"),
    "start section that recurses": ("(func $f (call $f)) (start $f)", GuestTrap, "stack exhausted"),
    "_initialize that traps": ('(func (export "_initialize") (drop (i32.div_u (i32.const 1) (i32.const 0))))', GuestTrap, "by zero"),
    "data outside of its memory": ('(memory 1) (data (i32.const 65536) "x")', GuestTrap, "out of bounds memory access"),
    "elements outside of their table": (
        "(table 1 funcref) (func $f) (elem (i32.const 1) func $f)",
        GuestTrap,
        "out of bounds table access",
    ),
    "too large a memory": ("(memory 4096)", MemoryLimitExceeded, "memory minimum size of 4096 pages exceeds memory limits"),
    "too large a table": ("(table 10000000 funcref)", MemoryLimitExceeded, "table minimum size of 10000000 elements exceeds table"),
    "too many tables": ("(table 1 funcref) " * 50, MemoryLimitExceeded, "resource limit exceeded"),
    "too many memories": ("(memory 1) " * 50, MemoryLimitExceeded, "resource limit exceeded"),
}


@pytest.mark.parametrize(("text", "error", "words"), STARTING.values(), ids=STARTING)
def test_a_plugin_that_cannot_start_is_told_in_words_and_leaves_nothing(hosting, text, error, words):
    """Not even the name: another may have it, and is served."""
    for _ in range(3):
        with pytest.raises(error, match=words) as raised:
            hosting.load(wasm(f'(module {text} (func (export "on_reload")))'), "starting")
        assert str(raised.value).startswith("starting: ")
        assert str(raised.value).isprintable()
    assert hosting.host.plugins == ()
    hosting.load(wasm('(module (func (export "on_reload")))'), "starting").call("on_reload")
    assert hosting.recorder.open_spans == 0


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "import that nobody has": (lambda: wasm('(module (import "env" "f" (func)))'), "env"),
    "import of ours of another type": (lambda: wasm('(module (import "bext" "end_span" (func)))'), "end_span"),
    "import of ours that is a memory": (lambda: wasm('(module (import "bext" "start_span" (memory 1)))'), "start_span"),
    "import of WASI of another type": (lambda: wasm('(module (import "wasi_snapshot_preview1" "fd_write" (func)))'), "fd_write"),
    "global of nobody": (lambda: wasm('(module (import "env" "g" (global i32)))'), "env"),
    "table of nobody": (lambda: wasm('(module (import "env" "t" (table 1 funcref)))'), "env"),
    "no module": (lambda: b"\0asm\1\0\0\0\xff", "."),
    "a component": (lambda: b"\0asm\x0d\0\1\0", "component"),
    "nothing": (lambda: b"", "."),
}


@pytest.mark.parametrize(("module", "words"), REFUSED.values(), ids=REFUSED)
def test_a_module_that_cannot_be_linked_or_compiled_is_told_in_words(hosting, module, words):
    with pytest.raises(ValueError, match=words) as raised:
        hosting.load(module(), "linked")
    assert all(line.isprintable() for line in str(raised.value).splitlines())
    assert hosting.host.plugins == ()
    assert hosting.recorder.stats.started == 0
