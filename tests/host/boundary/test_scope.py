"""TracerScope: its end, the store that it belongs to, and what it counts (ABI.md, "Scopes")."""

from __future__ import annotations

import gc
import logging

import pytest
from wasmtime import FuncType, Linker

from bext_abi import SpanHandle, StatusCode
from bext_host import Limits, TracerBridge
from bext_host.boundary.stats import ScopeStats
from bext_host.testing import RecordingTracer
from support.raw_guest import HANDLE_OUT, RawGuest, span_payload
from support.tracers import FaultyTracer, HookedTracer


class TestClose:
    """What is open when a scope is closed is ended as abandoned."""

    def test_open_spans_are_ended_innermost_first_at_one_common_time(self, guest):
        spans = [guest.start() for _ in range(3)]
        guest.end(spans[1])
        assert guest.scope.close("test") == 2
        (last, last_time), (first, first_time) = guest.seen("end_span")[1:]
        assert (last, first) == (spans[2], spans[0])
        assert last_time == first_time > 0
        assert (guest.scope.open_spans, guest.scope.closed, guest.scope.stats.abandoned) == (0, True, 2)

    def test_each_is_marked_before_it_ends_as_the_hosts_own_verdict(self, guest):
        span = guest.start()
        guest.scope.close("trap", ValueError("boom"))
        (_, attributes, events, status), (_, end_time) = guest.seen("record_host")[0], guest.seen("end_span")[0]
        assert attributes == {"bext.abandoned": "trap"}
        assert status.code is StatusCode.ERROR
        assert [(event.name, event.time_unix_nanos) for event in events] == [("exception", end_time)]
        assert events[0].attributes == {"exception.type": "ValueError", "exception.message": "boom"}
        assert [call[0] for call in guest.calls] == ["start_span", "record_host", "end_span"]
        assert guest.calls[1][1] == span

    def test_a_plain_tracer_is_told_by_the_methods_it_has(self, make_guest):
        guest = make_guest(RecordingTracer())
        guest.start()
        guest.scope.close("test")
        assert [call[0] for call in guest.calls[1:]] == ["set_attribute", "add_event", "set_status", "end_span"]
        assert guest.calls[1][2:] == ("bext.abandoned", "test")

    def test_the_marks_stand_outside_the_guests_limits(self, make_guest):
        guest = make_guest(RecordingTracer(), limits=Limits(span_attributes=0, span_events=0, span_bytes=len(span_payload())))
        guest.start()
        guest.scope.close()
        assert len(guest.seen("set_attribute")) == len(guest.seen("add_event")) == 1
        assert guest.drops == {}

    def test_closing_again_does_nothing(self, guest):
        guest.start()
        guest.scope.close("first")
        seen = list(guest.calls)
        assert guest.scope.close("second") == 0
        assert guest.calls == seen

    def test_a_tracer_that_fails_keeps_no_other_span_from_its_end(self, make_guest):
        guest = make_guest(FaultyTracer(ValueError(), "set_attribute", "add_event", "set_status"))
        spans = [guest.start() for _ in range(2)]
        assert guest.scope.close() == 2
        assert [call[0] for call in guest.seen("end_span")] == spans[::-1]

    def test_afterwards_every_call_is_dropped_and_start_span_writes_invalid(self, guest):
        span = guest.start()
        guest.scope.close()
        seen = list(guest.calls)
        guest.write(HANDLE_OUT, b"\xaa" * 24)
        assert guest.start() == SpanHandle.INVALID
        for operation in ("set_attribute", "set_status", "add_event"):
            guest.record(operation, span, b"\x92\xa1k\x01")
        guest.end(span)
        with guest.scope.current(span):
            assert guest.current() is None
        assert guest.drops == {"scope_closed": 6}
        assert guest.calls == seen

    def test_afterwards_invalid_handles_are_still_no_drop(self, guest):
        guest.scope.close()
        guest.end(SpanHandle.INVALID)
        assert guest.drops == {}

    def test_a_span_that_starts_while_the_scope_is_closed_is_ended_at_once(self, make_guest):
        """The scope is closed inside the tracer's start_span: nobody else would end that span."""
        tracer = HookedTracer(lambda method, _: guest.scope.close())
        guest = make_guest(tracer)
        assert guest.start() == SpanHandle.INVALID
        ((_, handle),) = guest.seen("start_span")
        assert [call[0] for call in guest.seen("end_span")] == [handle]
        assert guest.drops == {"scope_closed": 1}

    def test_its_handles_may_be_given_out_again(self, make_guest):
        """What is closed is no longer open anywhere."""
        guest = make_guest()
        guest.start()
        guest.scope.close()
        guest.tracer._ids = iter([1])
        assert not make_guest(guest.tracer).start().is_invalid


class TestStore:
    """A scope belongs to the store of its first call."""

    def test_a_call_from_another_store_is_dropped(self, guest):
        span = guest.start()
        other = guest.in_another_store()
        other.write(HANDLE_OUT, b"\xaa" * 24)
        assert other.start() == SpanHandle.INVALID
        for operation in ("set_attribute", "set_status", "add_event"):
            other.record(operation, span, b"\x92\xa1k\x01")
        other.end(span)
        with guest.scope.current(span):
            assert other.current() is None
        assert guest.drops == {"wrong_store": 6}
        assert len(guest.calls) == 1

    def test_the_first_store_goes_on_as_before(self, guest):
        span = guest.start()
        guest.in_another_store().start()
        guest.end(span)
        assert guest.seen("end_span") == [(span, None)]

    @pytest.mark.parametrize("first_call", ["ignored", "out of range"])
    def test_any_first_call_binds_also_one_that_did_nothing(self, guest, first_call):
        if first_call == "ignored":
            guest.end(SpanHandle.INVALID)
        else:
            guest.call("current_span", 2**32 - 1)
        assert guest.in_another_store().start().is_invalid
        assert not guest.start().is_invalid

    def test_instantiating_alone_does_not_bind(self, guest):
        assert not guest.in_another_store().start().is_invalid

    def test_a_store_at_the_address_of_one_that_is_gone_is_another(self, make_guest):
        """An allocator gives the freed address out again, nearly always to the very next store."""
        for _ in range(20):
            guest = make_guest()
            guest.start()
            guest.store = guest.exports = guest.memory = None
            gc.collect()
            assert guest.in_another_store().start().is_invalid
            assert guest.drops == {"wrong_store": 1}

    def test_it_is_warned_of_once(self, guest, caplog):
        guest.start()
        other = guest.in_another_store()
        with caplog.at_level(logging.WARNING, "bext_host"):
            other.start()
            other.start()
        assert [record.levelname for record in caplog.records] == ["WARNING"]

    def test_invalid_handles_from_another_store_are_no_drop(self, guest):
        guest.start()
        guest.in_another_store().end(SpanHandle.INVALID)
        assert guest.drops == {}


class TestLinker:
    """add_to_linker defines the six imports, once for each linker."""

    def test_a_second_scope_on_one_linker_is_refused(self, guest):
        with pytest.raises(ValueError, match=r"already has bext\.start_span"):
            TracerBridge(guest.tracer).add_to_linker(guest.linker)

    def test_so_is_a_linker_that_has_one_import_of_its_own(self, guest):
        linker = Linker(guest.linker.engine)
        linker.define_func("bext", "current_span", FuncType([], []), lambda: None)
        with pytest.raises(ValueError, match=r"already has bext\.current_span"):
            TracerBridge(guest.tracer).add_to_linker(linker)

    def test_a_host_that_calls_an_import_itself_gets_drops(self, guest):
        """There is no guest whose memory the pointers could mean."""
        guest.linker.get(guest.store, "bext", "start_span")(guest.store, 0, 0, 0)
        assert guest.linker.get(guest.store, "bext", "current_span")(guest.store, 0) == 0
        assert guest.drops == {"out_of_bounds": 2}


class TestStats:
    """What a scope counts."""

    def test_every_host_call_is_counted_whatever_became_of_it(self, guest):
        guest.start()
        guest.start(b"")
        guest.end(SpanHandle.INVALID)
        guest.call("current_span", 2**32 - 1)
        calls = {name: count for name, count in guest.scope.stats.calls.items() if count}
        assert calls == {"start_span": 2, "end_span": 1, "current_span": 1}

    def test_every_word_is_there_from_the_start(self, guest):
        stats = guest.scope.stats
        assert "malformed" in stats.dropped
        assert "add_event" in stats.recorded
        assert "unknown word" not in stats.dropped

    def test_the_counts_of_two_scopes_add_up(self, make_guest):
        one: RawGuest = make_guest()
        other: RawGuest = make_guest()
        one.start()
        other.start()
        other.start(b"")
        other.scope.close()
        total = one.scope.stats + other.scope.stats
        assert isinstance(total, ScopeStats)
        assert (total.calls["start_span"], total.recorded["start_span"], total.dropped["malformed"]) == (3, 2, 1)
        assert total.abandoned == 1
        assert one.scope.stats.calls["start_span"] == 1
