"""bext.log: a line of the log for each call, whatever it is called with."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wasmtime import Engine, Module, WasmtimeError

from bext_host.boundary import inspect_module
from bext_host.runtime.guest_output import CUT_MARK, LINE_BYTES, OutputStats
from bext_host.runtime.log_import import LOG_IMPORT, LOG_SIGNATURE, log_faults
from support.system_guest import SIZE, SystemGuest, system_wasm
from support.wat import wasm

LEVEL = 0x100
MESSAGE = 0x200


@pytest.fixture
def guest():
    return SystemGuest()


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.DEBUG, "bext.plugin")
    return lambda: [(record.levelname, record.getMessage()) for record in caplog.records if record.name == "bext.plugin"]


def say(guest: SystemGuest, level: bytes, message: bytes) -> None:
    guest.call("log", guest.write(LEVEL, level), len(level), guest.write(MESSAGE, message), len(message))


def test_a_message_is_logged_at_its_level(guest, lines):
    say(guest, b"info", b"hello")
    say(guest, b"ERROR", "é\x1b[31m\ntwo".encode())
    assert lines() == [("INFO", "guest: hello"), ("ERROR", r"guest: é\x1b[31m\ntwo")]


def test_level_and_message_may_be_empty_anywhere_inside(guest, lines):
    guest.call("log", SIZE, 0, SIZE, 0)
    guest.call("log", 0, 0, 0, 0)
    assert lines() == [("INFO", "guest: ")] * 2


@pytest.mark.parametrize("level", [b"information", b"\xff\xfe", b"x" * 100, b"error" + bytes(60)])
def test_a_level_that_there_is_not_is_info(guest, lines, level):
    say(guest, level, b"hello")
    assert lines() == [("INFO", "guest: hello")]


@pytest.mark.parametrize(("length", "shown"), [(LINE_BYTES, "x" * LINE_BYTES), (LINE_BYTES + 1, "x" * LINE_BYTES + CUT_MARK)])
def test_a_long_message_is_cut(guest, lines, length, shown):
    say(guest, b"warn", b"x" * length)
    assert lines() == [("WARNING", "guest: " + shown)]


def test_of_a_huge_message_only_a_line_is_copied(guest, monkeypatch):
    seen = []
    monkeypatch.setattr(guest.output, "log", lambda level, message: seen.append((level, len(message))))
    guest.call("log", 0, SIZE, 0, SIZE)
    assert seen == [("\0" * 32, LINE_BYTES + 1)]


WRONG = [(SIZE, 1), (SIZE - 3, 4), (0, SIZE + 1), (2**31, 1), (2**32 - 4, 4), (2**32 - 1, 2**32 - 1), (0, 2**32 - 1), (2**32 - 1, 0)]


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_pointers_are_counted_and_log_nothing(guest, lines, wrong):
    guest.call("log", *wrong, MESSAGE, 5)
    guest.call("log", LEVEL, 4, *wrong)
    assert guest.output.stats == OutputStats(out_of_bounds=2)
    assert lines() == []


@pytest.mark.parametrize("memory", ["", '(memory (export "memory") i64 1)'])
def test_a_guest_without_a_usable_memory_logs_nothing(lines, memory):
    guest = SystemGuest(module=system_wasm(memory))
    guest.call("log", 0, 0, 0, 0)
    assert guest.output.stats == OutputStats(out_of_bounds=1)
    assert lines() == []


@given(st.lists(st.sampled_from([0, 1, LINE_BYTES, SIZE - 1, SIZE, 2**31, 2**32 - 1]) | st.integers(0, 2**32 - 1), min_size=4, max_size=4))
def test_no_arguments_trap(arguments):
    guest = SystemGuest()
    guest.call("log", *arguments)
    assert guest.output.stats.lines + guest.output.stats.out_of_bounds == 1


def test_messages_share_the_lines_of_the_call(lines):
    guest = SystemGuest(lines_per_call=2)
    for _ in range(5):
        say(guest, b"info", b"hello")
    guest.output.end_call()
    assert lines() == [("INFO", "guest: hello")] * 2 + [("WARNING", "guest: lines dropped: 3; lines that a call may print: 2")]


def test_the_runtime_is_told_each_line():
    told = []
    guest = SystemGuest(on_log=lambda *line: told.append(line))
    say(guest, b"Debug", b"a\x1bb")
    assert told == [("debug", "a\x1bb")]


def test_a_defect_of_the_runtimes_does_not_reach_the_guest(caplog):
    def fail(level, text):
        raise ZeroDivisionError

    guest = SystemGuest(on_log=fail)
    say(guest, b"info", b"hello")
    assert [record.getMessage() for record in caplog.records if record.name == "bext_host.runtime"] == ["host function log failed"]


def test_what_must_stop_the_program_is_held():
    error = SystemExit()

    def stop(level, text):
        raise error

    guest = SystemGuest(on_log=stop)
    with pytest.raises(WasmtimeError):
        say(guest, b"info", b"hello")
    assert guest.held == [error]


def importing(kind: str, name: str = "log") -> Module:
    return Module(Engine(), wasm(f'(module (import "bext" "{name}" {kind}))'))


def test_a_module_that_imports_it_conforms_where_it_is_provided():
    module = importing("(func (param i32 i32 i32 i32))")
    assert inspect_module(module, provided=[LOG_IMPORT]).faults == ()
    assert list(log_faults(module)) == []
    assert inspect_module(module).faults != ()


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("(func (param i32 i32))", "function (i32, i32) -> ()"),
        ("(func (param i32 i32 i32 i32) (result i32))", "function (i32, i32, i32, i32) -> (i32)"),
        ("(global i32)", "global"),
    ],
)
def test_one_that_imports_it_as_something_else_is_told_what_is_right(kind, found):
    (fault,) = log_faults(importing(kind))
    assert fault == f"imports bext.log as {found}: its type is function {LOG_SIGNATURE}"


def test_other_imports_are_none_of_its_business():
    assert list(log_faults(importing("(global i32)", "start_span"))) == []
    assert str(LOG_SIGNATURE) == "(i32, i32, i32, i32) -> ()"
