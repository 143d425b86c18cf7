"""Tracers that raise or answer nonsense: counted, logged once for each kind, and never the guest's trouble."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from collections import Counter
from typing import ClassVar

import pytest

from bext_abi import SpanEvent, SpanHandle, SpanStatus, codec
from bext_host import Limits, TracerScope
from bext_host.boundary.open_handles import OpenHandles
from bext_host.testing import RecordingTracer
from support.raw_guest import HANDLE_OUT, RawGuest, span_payload
from support.tracers import AnsweringTracer, FaultyTracer, HookedTracer

PAYLOADS = {
    "set_attribute": codec.encode_attribute("k", 1),
    "set_status": codec.encode_span_status(SpanStatus()),
    "add_event": codec.encode_span_event(SpanEvent("e")),
}
HOST_SPAN = SpanHandle(0xAAA, 0xBBB)


class OwnBaseException(BaseException):
    """What a library might use to get past `except Exception`."""


ERRORS = [ValueError("boom"), OwnBaseException("boom"), GeneratorExit(), asyncio.CancelledError(), MemoryError(), StopIteration(1)]


def exercise(guest: RawGuest) -> SpanHandle:
    """One span with one call of each kind."""
    span = guest.start()
    for operation, payload in PAYLOADS.items():
        guest.record(operation, span, payload)
    guest.end(span)
    return span


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
class TestATracerThatRaises:
    """In each method, with any exception that is not meant to stop the program."""

    def test_a_start_becomes_invalid(self, make_guest, error):
        guest = make_guest(FaultyTracer(error, "start_span"))
        guest.write(HANDLE_OUT, b"\xaa" * 24)
        assert guest.start() == SpanHandle.INVALID
        assert guest.drops == {"tracer_error": 1}
        assert (guest.scope.open_spans, guest.scope.stats.recorded["start_span"], guest.scope.stats.unsampled) == (0, 0, 0)

    def test_a_recording_call_is_counted_and_the_span_goes_on(self, make_guest, error):
        guest = make_guest(FaultyTracer(error, *PAYLOADS))
        span = exercise(guest)
        assert guest.seen("end_span") == [(span, None)]
        assert guest.drops == {"tracer_error": 3}
        assert {guest.scope.stats.recorded[operation] for operation in PAYLOADS} == {0}

    def test_a_failed_end_is_an_end_all_the_same(self, make_guest, error):
        guest = make_guest(FaultyTracer(error, "end_span"))
        span = exercise(guest)
        assert guest.scope.open_spans == 0
        guest.end(span)
        assert guest.drops == {"tracer_error": 1, "unknown_handle": 1}

    def test_a_failed_mark_of_the_host_does_not_keep_close_from_ending(self, make_guest, error):
        guest = make_guest(FaultyTracer(error, "record_host", "add_dropped"))
        span = guest.start()
        guest.record("set_attribute", span, b"")
        guest.scope.close()
        assert [call[0] for call in guest.seen("end_span")] == [span]
        assert guest.drops == {"malformed": 1, "tracer_error": 2}


def test_errors_are_logged_once_for_each_method_and_type(make_guest, caplog):
    tracer = HookedTracer(lambda method, argument: errors.pop(0)())
    guest = make_guest(tracer)

    def raise_(error: Exception) -> None:
        raise error

    kinds = [ValueError, ValueError, KeyError, ValueError]
    errors = [lambda kind=kind: raise_(kind("x")) for kind in kinds] + [lambda: None] + [lambda: raise_(ValueError("x"))] * 2
    for _ in range(5):
        span = guest.start()
    for _ in range(2):
        guest.record("set_status", span, PAYLOADS["set_status"])
    assert guest.drops == {"tracer_error": 6}
    logged = Counter((record.name, record.levelname, record.exc_info[0]) for record in caplog.records)
    assert logged == {("bext_host.tracer", "ERROR", ValueError): 2, ("bext_host.tracer", "ERROR", KeyError): 1}
    assert "HookedTracer" in caplog.text


@pytest.mark.parametrize("answer", [None, 0, b"\x01" * 24, (1, 2), "handle", object(), SpanHandle], ids=repr)
def test_an_answer_that_is_no_handle_becomes_invalid(make_guest, caplog, answer):
    guest = make_guest(AnsweringTracer(answer, answer))
    assert [guest.start(), guest.start()] == [SpanHandle.INVALID] * 2
    assert guest.drops == {"tracer_error": 2}
    assert guest.scope.open_spans == 0
    assert len(caplog.records) == 1
    assert not guest.start().is_invalid


class TestAHandleThatIsOpenAlready:
    """It would give one guest another's span."""

    def refused(self, guest: RawGuest) -> bool:
        return guest.start() == SpanHandle.INVALID and guest.drops == {"tracer_error": 1}

    def test_in_the_same_scope(self, make_guest):
        taken = SpanHandle(5, 6)
        guest = make_guest(AnsweringTracer(taken, taken))
        assert guest.start() == taken
        assert self.refused(guest)
        guest.end(taken)
        assert guest.seen("end_span") == [(taken, None)]

    def test_in_another_scope_of_another_bridge(self, make_guest):
        taken = SpanHandle(5, 6)
        tracer = AnsweringTracer(taken, taken)
        one, other = make_guest(tracer), make_guest(tracer)
        assert one.start() == taken
        assert self.refused(other)
        other.end(taken)
        assert other.drops == {"tracer_error": 1, "unknown_handle": 1}

    def test_the_span_that_surrounds_the_call(self, make_guest):
        guest = make_guest(AnsweringTracer(HOST_SPAN))
        with guest.scope.current(HOST_SPAN):
            assert self.refused(guest)

    def test_the_span_that_surrounds_an_outer_call_or_anothers(self, make_guest):
        tracer = AnsweringTracer(HOST_SPAN)
        guest, other = make_guest(tracer), make_guest(tracer)
        with other.scope.current(HOST_SPAN), other.scope.current(SpanHandle(1, 2)):
            assert self.refused(guest)

    def test_once_it_has_ended_it_may_be_given_out_again(self, make_guest):
        taken = SpanHandle(5, 6)
        guest = make_guest(AnsweringTracer(taken, taken))
        guest.end(guest.start())
        assert guest.start() == taken
        assert guest.drops == {}

    def test_once_the_call_is_over_the_hosts_span_may_be_given_out(self, make_guest):
        guest = make_guest(AnsweringTracer(HOST_SPAN))
        with guest.scope.current(HOST_SPAN):
            pass
        assert guest.start() == HOST_SPAN

    def test_two_tracers_may_give_out_the_same(self, make_guest):
        """Their spans are not the same spans."""
        taken = SpanHandle(5, 6)
        one, other = make_guest(AnsweringTracer(taken)), make_guest(AnsweringTracer(taken))
        assert [one.start(), other.start()] == [taken, taken]


class TestATracerThatMeddles:
    """What a tracer does with what it was given, or with the scope, does not break the boundary."""

    def test_it_may_add_to_the_attributes_that_it_was_given(self, make_guest):
        def meddle(method, span):
            span.attributes["added"] = 1

        guest = make_guest(HookedTracer(meddle))
        handle = guest.start(span_payload(attributes={"k": 1}))
        assert not handle.is_invalid
        guest.end(handle)
        assert guest.seen("end_span") == [(handle, None)]
        assert guest.drops == {}

    def test_emptying_the_attributes_does_not_lift_the_guests_limit(self, make_guest):
        guest = make_guest(HookedTracer(lambda method, span: span.attributes.clear()), limits=Limits(span_attributes=1))
        span = guest.start(span_payload(attributes={"k": 1}))
        guest.set_attribute(span, "l", 1)
        assert guest.drops == {"attribute_limit": 1}

    def test_it_may_call_the_guest_again(self, make_guest):
        depth = iter([True, False])
        guest = make_guest(HookedTracer(lambda method, _: next(depth) and guest.start()))
        outer = guest.start()
        assert guest.scope.open_spans == 2
        assert guest.seen("start_span")[1][1] == outer

    def test_a_log_handler_that_raises_does_not_trap_the_guest(self, make_guest):
        class Broken(logging.Handler):
            def emit(self, record):
                raise RuntimeError("broken handler")

        guest = make_guest(FaultyTracer(ValueError(), "start_span"))
        logger, broken = logging.getLogger("bext_host"), Broken()
        logger.addHandler(broken)
        try:
            assert guest.start() == SpanHandle.INVALID
        finally:
            logger.removeHandler(broken)
        assert guest.drops == {"tracer_error": 1}

    def test_an_exception_whose_text_cannot_be_made_is_contained(self, make_guest, caplog):
        class Mute(Exception):
            def __str__(self):
                raise ValueError("no text")

            __repr__ = __str__

        guest = make_guest(FaultyTracer(Mute(), "start_span"))
        assert guest.start() == SpanHandle.INVALID
        assert guest.drops == {"tracer_error": 1}

    def test_endless_recursion_in_a_tracer_is_contained(self, make_guest):
        def recurse(method, argument):  # without a star: CPython 3.13.0 never stops a recursion through one
            recurse(method, argument)

        guest = make_guest(HookedTracer(recurse))
        gc.disable()  # wasmtime-py's finalizers would fail at the end of the stack
        try:
            assert guest.start() == SpanHandle.INVALID
        finally:
            gc.enable()
        assert guest.drops == {"tracer_error": 1}


def test_a_tracer_without_add_dropped_is_not_asked_for_it(make_guest):
    guest = make_guest(RecordingTracer())
    span = guest.start()
    guest.record("set_attribute", span, b"")
    assert guest.drops == {"malformed": 1}
    assert [call[0] for call in guest.calls] == ["start_span"]


class ClosingCounter(Counter):
    """Closes a scope when it is looked at, as a finalizer or a signal's handler may do anywhere."""

    scopes: ClassVar[list[TracerScope]] = []

    def __getitem__(self, handle: SpanHandle) -> int:
        while self.scopes:
            self.scopes.pop().close()
        return super().__getitem__(handle)


def test_a_scope_that_is_closed_while_another_claims_a_handle_waits_for_nobody(make_guest):
    tracer = RecordingTracer()
    closed, guest = make_guest(tracer), make_guest(tracer)
    closed.start()
    handles = OpenHandles.of(tracer)
    handles._open = ClosingCounter(handles._open)
    ClosingCounter.scopes.append(closed.scope)
    thread = threading.Thread(target=guest.start, daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
    assert ClosingCounter.scopes == []
    assert (closed.scope.open_spans, guest.scope.open_spans) == (0, 1)


class UnsoundHandle(SpanHandle):
    """A handle of somebody's own class, whose methods raise."""

    @property
    def is_invalid(self) -> bool:
        raise RuntimeError("unsound")

    def to_parts(self) -> tuple[int, int, int]:
        raise RuntimeError("unsound")

    def __hash__(self) -> int:
        raise RuntimeError("unsound")


class ClassRaises:
    """Raises when isinstance asks what it is."""

    @property
    def __class__(self):
        raise RuntimeError("nobody's business")


def test_a_handle_of_another_class_is_taken_by_its_value_so_that_its_methods_cannot_raise_in_the_host(make_guest):
    """They did: out of `is_invalid` into the embedder's call, and out of `to_parts` with the handle claimed for ever."""
    guest = make_guest(AnsweringTracer(UnsoundHandle(1, 2), UnsoundHandle(0, 2)))
    assert guest.start() == SpanHandle(1, 2)
    guest.end(SpanHandle(1, 2))
    assert guest.start() == SpanHandle.INVALID
    assert guest.drops == {}


def test_an_answer_that_raises_when_it_is_asked_for_its_class_is_contained(make_guest):
    guest = make_guest(AnsweringTracer(ClassRaises()))
    assert guest.start() == SpanHandle.INVALID
    assert guest.drops == {"tracer_error": 1}
