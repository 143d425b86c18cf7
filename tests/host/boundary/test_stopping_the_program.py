"""KeyboardInterrupt and SystemExit from a tracer: the guest is stopped, and the embedder gets the original (ABI.md, "Traps")."""

from __future__ import annotations

import threading

import pytest

from bext_abi import SpanHandle
from support.raw_guest import HANDLE_OUT, PAYLOAD, RawGuest, span_payload
from support.tracers import FaultyTracer, HookedTracer

STOPS = [KeyboardInterrupt("stop"), SystemExit(3)]


def stopped_by_a_start(guest: RawGuest) -> BaseException:
    """Start a span; what stops the guest, which is the engine's affair."""
    with pytest.raises(BaseException) as stopped:  # noqa: PT011  # a trap of the engine's
        guest.start()
    return stopped.value


@pytest.mark.parametrize("error", STOPS, ids=lambda error: type(error).__name__)
class TestEachOfThem:
    """What happens in one thread."""

    def test_the_original_leaves_the_scope_as_it_was_raised(self, make_guest, error):
        guest = make_guest(FaultyTracer(error, "start_span"))
        with pytest.raises(type(error)) as raised, guest.scope:
            guest.start()
        assert raised.value is error

    def test_the_guest_is_stopped(self, make_guest, error):
        guest = make_guest(FaultyTracer(error, "start_span"))
        assert isinstance(stopped_by_a_start(guest), Exception)
        assert guest.read(HANDLE_OUT, 24) == bytes(24)

    def test_raise_pending_raises_it_once(self, make_guest, error):
        guest = make_guest(FaultyTracer(error, "start_span"))
        stopped_by_a_start(guest)
        with pytest.raises(type(error)) as raised:
            guest.scope.raise_pending()
        assert raised.value is error
        guest.scope.raise_pending()

    def test_it_is_no_tracer_error_and_not_logged(self, make_guest, caplog, error):
        guest = make_guest(FaultyTracer(error, "start_span"))
        stopped_by_a_start(guest)
        assert guest.drops == {}
        assert caplog.records == []

    @pytest.mark.parametrize("operation", ["set_attribute", "set_status", "add_event", "end_span"])
    def test_it_may_come_from_any_method(self, make_guest, error, operation):
        guest = make_guest(FaultyTracer(error, operation))
        span = guest.start()
        payloads = {"set_attribute": b"\x92\xa1k\x01", "set_status": b"\x81\xa4code\x01", "add_event": b"\x81\xa4name\xa1e"}
        with pytest.raises(type(error)) as raised, guest.scope:
            guest.end(span) if operation == "end_span" else guest.record(operation, span, payloads[operation])
        assert raised.value is error

    def test_it_may_come_from_what_the_tracer_is_told_of_drops(self, make_guest, error):
        tracer = FaultyTracer(error, "add_dropped", "record_host")
        guest = make_guest(tracer)
        span = guest.start()
        with pytest.raises(type(error)), guest.scope:
            guest.record("set_attribute", span, b"\xc1")
        assert guest.drops == {"malformed": 1}

    def test_the_guest_may_be_called_again_afterwards(self, make_guest, error):
        errors = [error]

        def stop_once(method, _):
            if errors:
                raise errors.pop()

        guest = make_guest(HookedTracer(stop_once))
        stopped_by_a_start(guest)
        with pytest.raises(type(error)):
            guest.scope.raise_pending()
        assert not guest.start().is_invalid


def test_the_first_of_several_is_kept(make_guest):
    first, second = KeyboardInterrupt(), SystemExit()
    errors = [first, second]

    def stop(method, _):
        raise errors.pop(0)

    guest = make_guest(HookedTracer(stop))
    stopped_by_a_start(guest)
    stopped_by_a_start(guest)
    with pytest.raises(KeyboardInterrupt) as raised:
        guest.scope.raise_pending()
    assert raised.value is first
    guest.scope.raise_pending()


def test_a_scope_with_nothing_pending_lets_other_errors_through(guest):
    with pytest.raises(ZeroDivisionError), guest.scope:
        raise ZeroDivisionError


def test_close_raises_it_in_the_thread_that_closes_after_ending_the_rest(make_guest):
    error = KeyboardInterrupt()
    errors = [error]

    def stop_once(method, _):
        if method == "set_status" and errors:
            raise errors.pop()

    guest = make_guest(HookedTracer(stop_once))
    spans = [guest.start() for _ in range(3)]
    with pytest.raises(KeyboardInterrupt) as raised:
        guest.scope.close()
    assert raised.value is error
    assert {call[0] for call in guest.seen("end_span")} == set(spans)


class Stopper(threading.Thread):
    """A thread with a store of its own, whose tracer raises an error of its own at every start."""

    def __init__(self, make_guest, ready: threading.Barrier, rounds: int) -> None:
        super().__init__()
        self.ready = ready
        self.rounds = rounds
        self.current: BaseException | None = None
        self.got_its_own = 0
        self.guest: RawGuest = make_guest(HookedTracer(self.stop))
        self.guest.write(PAYLOAD, span_payload())

    def stop(self, method, _):
        raise self.current

    def run(self):
        self.ready.wait()
        for round_number in range(self.rounds):
            self.current = (KeyboardInterrupt if round_number % 2 else SystemExit)(self.name, round_number)
            try:
                with self.guest.scope:
                    self.guest.call("start_span", PAYLOAD, len(span_payload()), HANDLE_OUT)
            except BaseException as error:  # noqa: BLE001  # what it is, is the test
                self.got_its_own += error is self.current


def test_of_several_threads_each_gets_its_own(make_guest):
    """wasmtime-py keeps what a host function raised in one global of the process; ours must not pass through it."""
    count, rounds = 4, 100
    ready = threading.Barrier(count)
    threads = [Stopper(make_guest, ready, rounds) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [thread.got_its_own for thread in threads] == [rounds] * count


class Worker(threading.Thread):
    """A thread whose tracer works: it must never be stopped."""

    def __init__(self, make_guest, done: threading.Event) -> None:
        super().__init__()
        self.done = done
        self.guest: RawGuest = make_guest()
        self.error: BaseException | None = None
        self.rounds = 0

    def run(self):
        try:
            while not self.done.is_set():
                with self.guest.scope:
                    self.guest.end(self.guest.start())
                self.rounds += 1
        except BaseException as error:  # noqa: BLE001  # there should be none
            self.error = error


def test_a_thread_whose_tracer_works_is_not_stopped_by_one_whose_does_not(make_guest):
    done = threading.Event()
    worker, stopper = Worker(make_guest, done), Stopper(make_guest, threading.Barrier(1), 200)
    worker.start()
    stopper.start()
    stopper.join()
    done.set()
    worker.join()
    assert worker.error is None
    assert worker.guest.drops == {}
    assert stopper.got_its_own == 200
    assert worker.guest.scope.stats.recorded["end_span"] == worker.rounds


def test_a_span_that_was_being_started_is_nobodys(make_guest):
    guest = make_guest(FaultyTracer(KeyboardInterrupt(), "start_span"))
    stopped_by_a_start(guest)
    assert guest.scope.open_spans == 0
    assert SpanHandle.from_bytes(guest.read(HANDLE_OUT, 24)).is_invalid
