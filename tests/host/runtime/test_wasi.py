"""WASI for plugins: a sleep ends with the call's deadline, prints go to the log, and no argument traps or raises."""

from __future__ import annotations

import logging
import struct
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wasmtime import ExitTrap, WasmtimeError

from bext_host.runtime import wasi_layout
from bext_host.runtime.guest_output import OutputStats
from bext_host.runtime.wasi import MOST_SUBSCRIPTIONS, MOST_VECTORS
from bext_host.runtime.wasi_poll import LONGEST_SLEEP
from support.hammer import hammer
from support.system_guest import PAGE, SIZE, FakeClock, SystemGuest, system_wasm

SUCCESS, BADF, FAULT, INVAL, IO = 0, 8, 21, 28, 29
REALTIME, MONOTONIC = 0, 1
CLOCK, FD_READ, FD_WRITE = 0, 1, 2

SUBSCRIPTIONS = 0x1000
EVENTS = 0x20000
COUNT = 0x40000
TEXT = 0x50000
VECTORS = 0x60000
WRITTEN = 0x70000

HOUR = 3600
SECOND = 1_000_000_000


def clock(userdata: int, timeout: int, which: int = MONOTONIC, *, flags: int = 0, kind: int = CLOCK) -> bytes:
    """A clock subscription, written by hand from the witx file."""
    return struct.pack("<QBxxxxxxxIxxxxQQHxxxxxx", userdata, kind, which, timeout, 1, flags)


def at(userdata: int, timestamp: int, which: int = MONOTONIC) -> bytes:
    """A clock subscription for a point in time."""
    return clock(userdata, timestamp, which, flags=1)


def file(userdata: int, kind: int, fd: int) -> bytes:
    """A file descriptor's subscription."""
    return struct.pack("<QBxxxxxxxI", userdata, kind, fd) + bytes(28)


def poll(guest: SystemGuest, *subscriptions: bytes) -> tuple[int, list[tuple[int, ...]]]:
    """Poll: the errno, and each event as userdata, errno, type, bytes, flags."""
    guest.write(SUBSCRIPTIONS, b"".join(subscriptions))
    guest.write(COUNT, bytes(4))
    errno = guest.call("poll_oneoff", SUBSCRIPTIONS, EVENTS, len(subscriptions), COUNT)
    events = [struct.unpack("<QHBxxxxxQHxxxxxx", guest.read(EVENTS + 32 * index, 32)) for index in range(guest.read_u32(COUNT))]
    return errno, events


def guest_time(guest: SystemGuest, which: int) -> int:
    """What time the guest thinks it is, by wasmtime's own function."""
    assert guest.call("clock_time_get", which, 0, 0) == SUCCESS
    return struct.unpack("<Q", guest.read(0, 8))[0]


def write(guest: SystemGuest, fd: int, *parts: bytes) -> tuple[int, int]:
    """Write these parts: the errno, and how many bytes were written."""
    offset, vectors = TEXT, []
    for part in parts:
        vectors.append(struct.pack("<II", guest.write(offset, part), len(part)))
        offset += len(part)
    guest.write(VECTORS, b"".join(vectors))
    errno = guest.call("fd_write", fd, VECTORS, len(parts), WRITTEN)
    return errno, guest.read_u32(WRITTEN)


def write_vectors(guest: SystemGuest, *vectors: tuple[int, int], fd: int = 1) -> int:
    """Write from anywhere: the errno."""
    guest.write(VECTORS, b"".join(struct.pack("<II", *vector) for vector in vectors))
    return guest.call("fd_write", fd, VECTORS, len(vectors), WRITTEN)


@pytest.fixture
def guest():
    return SystemGuest()


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.DEBUG, "bext.plugin")
    return lambda: [(record.levelname, record.getMessage()) for record in caplog.records if record.name == "bext.plugin"]


class TestClocks:
    """poll_oneoff sleeps, through the call's clock, until the first of the times asked for."""

    @pytest.mark.parametrize("which", [REALTIME, MONOTONIC])
    def test_a_duration_is_slept(self, guest, which):
        assert poll(guest, clock(7, 5_000_000, which)) == (SUCCESS, [(7, 0, CLOCK, 0, 0)])
        assert guest.clock.slept == [0.005]

    @pytest.mark.parametrize("which", [REALTIME, MONOTONIC])
    def test_a_point_in_time_is_one_of_the_clock_that_the_guest_reads(self, guest, which):
        time.sleep(0.01)  # the guest's monotonic clock is its own, and has come some way
        due = guest_time(guest, which) + HOUR * SECOND
        assert poll(guest, at(7, due, which)) == (SUCCESS, [(7, 0, CLOCK, 0, 0)])
        assert HOUR - 60 < guest.clock.slept[0] <= HOUR

    @pytest.mark.parametrize("which", [REALTIME, MONOTONIC])
    def test_after_a_real_sleep_that_time_has_come(self, which):
        guest = SystemGuest(FakeClock(time.sleep))
        for _ in range(5):
            due = guest_time(guest, which) + 2_000_000
            poll(guest, at(7, due, which))
            assert guest_time(guest, which) >= due

    @pytest.mark.parametrize("which", [REALTIME, MONOTONIC])
    def test_one_that_is_past_is_answered_at_once(self, guest, which):
        assert poll(guest, at(7, 0, which), clock(8, SECOND)) == (SUCCESS, [(7, 0, CLOCK, 0, 0)])
        assert guest.clock.slept == []

    def test_no_time_at_all_is_no_sleep(self, guest):
        assert poll(guest, clock(7, 0)) == (SUCCESS, [(7, 0, CLOCK, 0, 0)])
        assert guest.clock.slept == []

    def test_of_several_the_first_is_waited_for(self, guest):
        subscriptions = clock(1, 9 * HOUR * SECOND), clock(2, HOUR * SECOND), clock(3, 5 * HOUR * SECOND), clock(4, HOUR * SECOND, REALTIME)
        assert poll(guest, *subscriptions) == (SUCCESS, [(2, 0, CLOCK, 0, 0), (4, 0, CLOCK, 0, 0)])
        assert guest.clock.slept == [HOUR]

    def test_a_sleep_that_was_cut_short_is_answered_as_if_it_were_over(self, guest):
        assert poll(guest, clock(7, HOUR * SECOND)) == (SUCCESS, [(7, 0, CLOCK, 0, 0)])

    @pytest.mark.parametrize("subscription", [clock(7, 2**64 - 1), at(7, 2**64 - 1), at(7, 2**64 - 1, REALTIME)])
    def test_no_sleep_is_longer_than_python_can_wait(self, guest, subscription):
        assert poll(guest, subscription)[0] == SUCCESS
        assert guest.clock.slept == [LONGEST_SLEEP]
        assert LONGEST_SLEEP < threading.TIMEOUT_MAX

    @pytest.mark.parametrize(
        "bad", [clock(7, 0, 2), clock(7, 0, 3), clock(7, 0, 2**32 - 1), clock(7, 0, flags=2), clock(7, 0, flags=0xFFFF)]
    )
    def test_a_clock_or_flag_that_there_is_not_is_an_event_with_an_error(self, guest, bad):
        assert poll(guest, clock(8, SECOND), bad) == (SUCCESS, [(7, INVAL, CLOCK, 0, 0)])
        assert guest.clock.slept == []

    def test_userdata_is_given_back_as_it_is(self, guest):
        assert poll(guest, clock(2**64 - 1, 0))[1][0][0] == 2**64 - 1


class TestFileDescriptors:
    """There are three, and all of them are always ready."""

    @pytest.mark.parametrize(
        ("kind", "fd", "event"),
        [
            (FD_WRITE, 1, (SUCCESS, FD_WRITE, 1, 0)),
            (FD_WRITE, 2, (SUCCESS, FD_WRITE, 1, 0)),
            (FD_READ, 0, (SUCCESS, FD_READ, 0, 1)),
            (FD_WRITE, 0, (BADF, FD_WRITE, 0, 0)),
            (FD_READ, 1, (BADF, FD_READ, 0, 0)),
            (FD_READ, 3, (BADF, FD_READ, 0, 0)),
            (FD_WRITE, 2**32 - 1, (BADF, FD_WRITE, 0, 0)),
        ],
    )
    def test_a_subscription_is_answered_without_a_sleep(self, guest, kind, fd, event):
        assert poll(guest, clock(8, SECOND), file(7, kind, fd)) == (SUCCESS, [(7, *event)])
        assert guest.clock.slept == []

    def test_together_with_the_times_that_have_come(self, guest):
        assert poll(guest, clock(1, 0), file(2, FD_WRITE, 1), clock(3, SECOND)) == (SUCCESS, [(2, 0, FD_WRITE, 1, 0), (1, 0, CLOCK, 0, 0)])

    def test_the_outputs_look_like_terminals_so_that_a_c_library_writes_line_by_line(self, guest):
        stats = {}
        for fd in (0, 1, 2):
            assert guest.call("fd_fdstat_get", fd, TEXT) == SUCCESS
            stats[fd] = struct.unpack("<BxHxxxxQQ", guest.read(TEXT, 24))
        assert stats == {0: (0, 0, 2, 2), 1: (2, 0, 64, 64), 2: (2, 0, 64, 64)}

    def test_there_are_no_others(self, guest):
        assert [guest.call("fd_fdstat_get", fd, TEXT) for fd in (3, 4, 2**31, 2**32 - 1)] == [BADF] * 4


class TestWriting:
    """fd_write to the two outputs becomes lines of the log."""

    def test_lines_are_logged(self, guest, lines):
        assert write(guest, 1, b"out\n") == (SUCCESS, 4)
        assert write(guest, 2, b"err\n") == (SUCCESS, 4)
        assert lines() == [("INFO", "guest: out"), ("WARNING", "guest: err")]

    def test_parts_are_joined_and_empty_ones_skipped_wherever_they_point(self, guest, lines):
        assert write(guest, 1, b"a", b"", b"b", b"c\n") == (SUCCESS, 4)
        assert write_vectors(guest, (2**32 - 1, 0), (TEXT, 4)) == SUCCESS
        assert lines() == [("INFO", "guest: abc")] * 2

    def test_no_parts_are_no_bytes(self, guest):
        guest.write(WRITTEN, b"\xff" * 4)
        assert write(guest, 1) == (SUCCESS, 0)

    @pytest.mark.parametrize("fd", [0, 3, 100, 2**31, 2**32 - 1])
    def test_there_is_no_other_output(self, guest, lines, fd):
        guest.write(WRITTEN, b"\xff" * 4)
        assert write(guest, fd, b"text\n") == (BADF, 2**32 - 1)
        assert lines() == []

    def test_as_many_parts_as_systems_take(self, guest, lines):
        guest.write(TEXT, b"x")
        assert write_vectors(guest, *[(TEXT, 1)] * MOST_VECTORS) == SUCCESS
        assert write_vectors(guest, *[(TEXT, 1)] * (MOST_VECTORS + 1)) == INVAL
        guest.output.end_call()
        assert lines() == [("INFO", "guest: " + "x" * MOST_VECTORS)]

    def test_a_gigabyte_is_written_by_looking_at_what_the_lines_left_can_hold(self, guest):
        worth = guest.output.worth_reading
        assert write_vectors(guest, *[(0, SIZE)] * MOST_VECTORS) == SUCCESS
        assert guest.read_u32(WRITTEN) == SIZE * MOST_VECTORS
        assert guest.output.stats.bytes_unread == SIZE * MOST_VECTORS - worth

    def test_when_no_line_is_left_a_write_is_only_counted(self, lines):
        guest = SystemGuest(lines_per_call=1)
        guest.write(TEXT, b"\n" * PAGE)
        write_vectors(guest, (TEXT, PAGE))
        assert guest.output.stats == OutputStats(lines=1, lines_dropped=PAGE - 1)
        write_vectors(guest, (TEXT, PAGE), (TEXT, PAGE))
        assert guest.output.stats == OutputStats(lines=1, lines_dropped=2 * PAGE - 1, bytes_unread=PAGE)

    def test_more_bytes_than_a_guest_can_count_are_refused(self, lines):
        guest = SystemGuest(module=system_wasm('(memory (export "memory") 64)'))
        assert write_vectors(guest, *[(0, 32 * PAGE)] * MOST_VECTORS) == INVAL
        guest.output.end_call()
        assert lines() == []


OUTSIDE = [SIZE - 3, SIZE, 2**31 - 2, 2**31, 2**32 - 4, 2**32 - 1]


class TestWrongPointers:
    """They are an errno; nothing is written, printed or slept."""

    @pytest.mark.parametrize("wrong", OUTSIDE)
    @pytest.mark.parametrize("argument", [0, 1, 3])
    def test_of_poll_oneoff(self, guest, argument, wrong):
        guest.write(SUBSCRIPTIONS, clock(7, SECOND))
        arguments = [SUBSCRIPTIONS, EVENTS, 1, COUNT]
        arguments[argument] = wrong
        before = guest.snapshot()
        assert guest.call("poll_oneoff", *arguments) == FAULT
        assert guest.clock.slept == []
        assert guest.snapshot() == before

    @pytest.mark.parametrize("wrong", OUTSIDE)
    @pytest.mark.parametrize("argument", [1, 3])
    def test_of_fd_write(self, guest, lines, argument, wrong):
        guest.write(VECTORS, struct.pack("<II", guest.write(TEXT, b"text\n"), 5))
        arguments = [1, VECTORS, 1, WRITTEN]
        arguments[argument] = wrong
        before = guest.snapshot()
        assert guest.call("fd_write", *arguments) == FAULT
        assert guest.snapshot() == before
        assert lines() == []

    @pytest.mark.parametrize("vector", [(SIZE - 3, 4), (SIZE, 1), (2**32 - 1, 1), (2**32 - 1, 2**32 - 1), (0, 2**32 - 1), (0, SIZE + 1)])
    def test_in_a_vector(self, guest, lines, vector):
        guest.write(TEXT, b"text\n")
        assert write_vectors(guest, (TEXT, 5), vector) == FAULT
        assert lines() == []

    @pytest.mark.parametrize("wrong", [SIZE - 23, *OUTSIDE])
    def test_of_fd_fdstat_get(self, guest, wrong):
        before = guest.snapshot()
        assert guest.call("fd_fdstat_get", 1, wrong) == FAULT
        assert guest.snapshot() == before

    def test_the_end_of_the_memory_is_inside(self, guest):
        start, count_out = SIZE - 48 - 32 - 4, SIZE - 4
        guest.write(start, clock(7, 0))
        assert guest.call("poll_oneoff", start, start + 48, 1, count_out) == SUCCESS
        assert guest.read_u32(count_out) == 1

    def test_nothing_need_be_aligned(self, guest):
        guest.write(SUBSCRIPTIONS + 1, clock(7, 0))
        assert guest.call("poll_oneoff", SUBSCRIPTIONS + 1, EVENTS + 3, 1, COUNT + 1) == SUCCESS
        assert guest.read(EVENTS + 3, 8) == struct.pack("<Q", 7)

    def test_events_may_be_written_over_the_subscriptions(self, guest):
        guest.write(SUBSCRIPTIONS, clock(7, 0) + clock(8, 0) + clock(9, 0))
        assert guest.call("poll_oneoff", SUBSCRIPTIONS, SUBSCRIPTIONS, 3, COUNT) == SUCCESS
        assert [guest.read(SUBSCRIPTIONS + 32 * index, 1)[0] for index in range(3)] == [7, 8, 9]

    @pytest.mark.parametrize("memory", ["", '(memory (export "other") 1)', '(memory (export "memory") i64 1)'])
    def test_a_guest_without_a_usable_memory_has_no_right_pointers(self, memory):
        guest = SystemGuest(module=system_wasm(memory))
        assert guest.call("poll_oneoff", 0, 0, 1, 0) == FAULT
        assert guest.call("fd_write", 1, 0, 0, 0) == FAULT
        assert guest.call("fd_fdstat_get", 1, 0) == FAULT


class TestWrongNumbers:
    """Counts and types that there are not."""

    @pytest.mark.parametrize("count", [0, MOST_SUBSCRIPTIONS + 1, 2**31, 2**32 - 1])
    def test_a_number_of_subscriptions(self, guest, count):
        assert guest.call("poll_oneoff", SUBSCRIPTIONS, EVENTS, count, COUNT) == INVAL

    def test_the_highest_number_of_subscriptions_is_answered(self, guest):
        assert poll(guest, *[clock(index, SECOND) for index in range(MOST_SUBSCRIPTIONS)])[0] == SUCCESS
        assert guest.read_u32(COUNT) == MOST_SUBSCRIPTIONS

    @pytest.mark.parametrize("kind", [3, 127, 128, 255])
    def test_a_type_of_subscription(self, guest, kind):
        assert poll(guest, clock(1, 0), clock(7, 0, kind=kind)) == (INVAL, [])

    @pytest.mark.parametrize("count", [MOST_VECTORS + 1, 2**31, 2**32 - 1])
    def test_a_number_of_vectors(self, guest, count):
        assert guest.call("fd_write", 1, VECTORS, count, WRITTEN) == INVAL

    @given(
        st.sampled_from(["poll_oneoff", "fd_write", "fd_fdstat_get"]),
        st.lists(st.sampled_from([0, 1, 2, 3, 48, 1024, TEXT, *OUTSIDE]) | st.integers(0, 2**32 - 1), min_size=4, max_size=4),
        st.binary(max_size=200),
    )
    def test_no_arguments_trap(self, name, arguments, memory):
        guest = SystemGuest()
        guest.write(TEXT, memory)
        assert guest.call(name, *arguments[: 2 if name == "fd_fdstat_get" else 4]) in {SUCCESS, BADF, FAULT, INVAL}


class TestExceptions:
    """None crosses into wasmtime; what must stop the program stops the guest, and is held."""

    @pytest.mark.parametrize("error", [KeyboardInterrupt("stop"), SystemExit(3)])
    def test_what_must_stop_the_program_is_held_and_the_guest_stopped(self, error):
        guest = SystemGuest(FakeClock(raising(error)))
        with pytest.raises(WasmtimeError, match="a host function stopped the guest"):
            poll(guest, clock(7, SECOND))
        assert guest.held == [error]

    @pytest.mark.parametrize("error", [KeyboardInterrupt("stop"), SystemExit(3)])
    def test_also_from_a_handler_of_the_log(self, error, monkeypatch):
        guest = SystemGuest()
        monkeypatch.setattr(logging.getLogger("bext.plugin"), "handlers", [handler(raising(error))])
        with pytest.raises(WasmtimeError):
            write(guest, 2, b"text\n")
        assert guest.held == [error]

    def test_also_from_a_handler_that_is_told_of_a_defect(self, monkeypatch):
        error = KeyboardInterrupt()
        guest = SystemGuest(FakeClock(raising(ZeroDivisionError())))
        monkeypatch.setattr(logging.getLogger("bext_host.runtime"), "handlers", [handler(raising(error))])
        with pytest.raises(WasmtimeError):
            poll(guest, clock(7, SECOND))
        assert guest.held == [error]

    @pytest.mark.parametrize("error", [ValueError("x" * 10), MemoryError(), GeneratorExit()])
    def test_any_other_is_logged_and_an_errno(self, error, caplog):
        guest = SystemGuest(FakeClock(raising(error)))
        assert poll(guest, clock(7, SECOND)) == (IO, [])
        (record,) = caplog.records
        assert (record.name, record.levelname, record.getMessage()) == ("bext_host.runtime", "ERROR", "host function poll_oneoff failed")
        assert record.exc_info[1] is error
        assert guest.held == []

    def test_of_several_threads_each_gets_its_own(self):
        def work(number: int) -> None:
            error = SystemExit(number)
            guest = SystemGuest(FakeClock(raising(error)))
            for rounds in range(1, 51):
                with pytest.raises(WasmtimeError):
                    poll(guest, clock(7, SECOND))
                assert guest.held == [error] * rounds

        hammer(work, threads=4)


def raising(error):
    def call(*arguments):
        raise error

    return call


def handler(emit):
    made = logging.Handler()
    made.emit = emit
    return made


@pytest.mark.parametrize("code", [0, 7, 125])
def test_a_guest_that_exits_is_told_apart_from_one_that_traps(guest, code):
    with pytest.raises(ExitTrap) as exited:
        guest.call("proc_exit", code)
    assert exited.value.code == code


def test_an_exit_code_that_there_is_not_is_a_plain_error_of_wasmtimes(guest):
    with pytest.raises(WasmtimeError, match="invalid exit status"):
        guest.call("proc_exit", 126)


def test_the_linker_takes_no_other_definition_afterwards(guest):
    with pytest.raises(WasmtimeError, match="defined"):
        guest.linker.define_wasi()


def test_the_layouts_have_the_sizes_of_the_witx_files():
    sizes = {name: getattr(wasi_layout, name).size for name in ("SUBSCRIPTION", "EVENT", "FDSTAT", "IOVEC", "COUNT")}
    assert sizes == {"SUBSCRIPTION": 48, "EVENT": 32, "FDSTAT": 24, "IOVEC": 8, "COUNT": 4}
