"""The host's span round each call, and the guest's spans below it."""

from __future__ import annotations

from importlib import metadata

import pytest

from bext_abi import SpanHandle, SpanKind, StatusCode
from bext_host import PluginError
from bext_host.testing import RecordingTracer
from support.plugin_host import Hosting
from support.tracers import FaultyTracer
from support.wat import CURRENT, Guest, guest, hook, note

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT_ID = "00f067aa0ba902b7"
REMOTE = SpanHandle(int(TRACE_ID, 16), int(PARENT_ID, 16))
TRACEPARENT = f"00-{TRACE_ID}-{PARENT_ID}-01"


def nested() -> bytes:
    """on_reload makes `outer` below the current span, and `inner` below that; `root` stands alone."""
    build = Guest()
    return build.module(
        hook(
            "on_reload",
            build.current(),
            build.start(1, "outer", CURRENT, kind=SpanKind.SERVER),
            build.start(2, "inner", 1),
            build.start(3, "root"),
            build.attribute(2, "k", 7),
            build.end(3),
            build.end(2),
            build.end(1),
        )
    )


@pytest.fixture
def hosting() -> Hosting:
    return Hosting()


def test_each_call_has_a_span_that_says_what_ran_and_how_it_ended(hosting):
    plugin = hosting.load(guest(hook("on_reload"), hook("cleanup")), "my plugin")
    plugin.call("on_reload")
    plugin.call("cleanup")
    first, second = hosting.spans()
    assert first.name == "on_reload"
    assert first.kind is SpanKind.INTERNAL
    assert first.parent is None
    assert first.attributes.pop("bext.plugin.fuel_consumed") > 0
    assert first.attributes == {
        "bext.plugin.name": "my plugin",
        "bext.plugin.hook": "on_reload",
        "bext.plugin.outcome": "ok",
        "bext.plugin.memory.pages_before": 4,
        "bext.plugin.memory.pages_after": 4,
        "bext.plugin.host_calls": 0,
        "bext.plugin.host_call_bytes": 0,
    }
    assert first.status.code is StatusCode.UNSET
    assert first.events == ()
    assert (first.scope_name, first.scope_version) == ("bext_host", metadata.version("bext-tracer"))
    assert second.name == "cleanup"
    assert second.handle.trace_id != first.handle.trace_id


def test_loading_makes_no_span(hosting):
    hosting.load(nested())
    assert hosting.spans() == []


def test_the_guests_spans_are_below_the_hosts_with_their_own_parents(hosting):
    hosting.load(nested(), version="1.2").call("on_reload")
    host, outer, inner, root = (hosting.span(name) for name in ("on_reload", "outer", "inner", "root"))
    assert [span.name for span in hosting.spans()] == ["root", "inner", "outer", "on_reload"]
    assert (outer.parent, inner.parent, root.parent) == (host.handle, outer.handle, None)
    assert host.handle.trace_id == outer.handle.trace_id == inner.handle.trace_id != root.handle.trace_id
    assert outer.kind is SpanKind.SERVER
    assert inner.attributes == {"k": 7}
    assert host.start_time_unix_nanos <= outer.start_time_unix_nanos <= inner.start_time_unix_nanos
    assert inner.end_time_unix_nanos <= outer.end_time_unix_nanos <= host.end_time_unix_nanos
    assert {(span.scope_name, span.scope_version) for span in (outer, inner, root)} == {("guest", "1.2")}


def test_the_current_span_is_the_hosts_during_the_call_and_none_at_start_up(hosting):
    build = Guest()
    keeps = "(global $seen (mut i32) (i32.const 9))"
    start = f'(func (export "_initialize") (global.set $seen (call $current_span (i32.const {CURRENT}))))'
    plugin = hosting.load(build.module(keeps, start, hook("on_reload", note("s", "(global.get $seen)"))))
    plugin.call("on_reload")
    assert hosting.notes() == [("s", 0, 0)]


def test_what_the_guest_adds_to_the_current_span_stands_beside_the_hosts_own(hosting):
    build = Guest()
    many = "".join(build.attribute(CURRENT, f"k{number}", number) for number in range(130))
    hosting.load(build.module(hook("on_reload", build.current(), many))).call("on_reload")
    span = hosting.last()
    assert len([key for key in span.attributes if not key.startswith("bext.")]) == 128
    assert span.attributes["bext.plugin.outcome"] == "ok"
    assert span.dropped_attributes_count == 2


def test_a_guest_can_neither_end_the_hosts_span_nor_use_the_hosts_keys_on_it(hosting):
    build = Guest()
    body = build.current() + build.attribute(CURRENT, "bext.plugin.outcome", "mine") + build.end(CURRENT)
    plugin = hosting.load(build.module(hook("on_reload", body)))
    plugin.call("on_reload")
    assert hosting.last().attributes["bext.plugin.outcome"] == "ok"
    assert plugin.stats.dropped["reserved_key"] == 1
    assert plugin.stats.dropped["unknown_handle"] == 1


def test_the_span_of_an_earlier_call_is_no_longer_the_guests_to_touch(hosting):
    build = Guest()
    plugin = hosting.load(
        build.module(
            hook("on_reload", build.current(1)), hook("cleanup", build.attribute(1, "late", 1), build.start(2, "child", 1), build.end(2))
        )
    )
    plugin.call("on_reload")
    plugin.call("cleanup")
    assert plugin.stats.dropped["unknown_handle"] == 1
    assert hosting.span("child").parent is None
    assert "late" not in hosting.span("on_reload").attributes


def test_a_span_may_stay_open_between_two_calls(hosting):
    build = Guest()
    plugin = hosting.load(
        build.module(hook("on_server_start", build.start(1, "long"), takes="i32 i32"), hook("cleanup", build.end(1)),
                     '(func (export "bext_alloc") (param i32) (result i32) (i32.const 4096))')
    )  # fmt: skip
    plugin.call("on_server_start", {})
    plugin.call("cleanup")
    assert hosting.span("long").status.code is StatusCode.UNSET
    assert plugin.stats.abandoned == 0


# --- traceparent ---


def test_a_traceparent_puts_the_call_and_all_below_it_in_its_trace(hosting):
    hosting.load(nested()).call("on_reload", traceparent=TRACEPARENT, tracestate="vendor=1")
    host, inner = hosting.span("on_reload"), hosting.span("inner")
    assert (host.parent, host.parent_is_remote, host.trace_state) == (REMOTE, True, "vendor=1")
    assert host.is_local_root
    assert inner.handle.trace_id == REMOTE.trace_id
    assert inner.trace_state == "vendor=1"


@pytest.mark.parametrize("flags", ["00", "02", "fe"])
def test_a_traceparent_that_is_not_sampled_records_nothing_and_tells_the_guest(hosting, flags):
    plugin = hosting.load(nested())
    plugin.call("on_reload", traceparent=f"00-{TRACE_ID}-{PARENT_ID}-{flags}")
    assert [span.name for span in hosting.spans()] == ["root"]
    assert plugin.stats.recorded["current_span"] == 1
    assert plugin.stats.unsampled == 2
    assert not any(plugin.stats.dropped.values())


def test_a_call_that_is_not_sampled_can_fail_as_any_other(hosting):
    plugin = hosting.load(guest(hook("on_reload", "unreachable")))
    with pytest.raises(PluginError):
        plugin.call("on_reload", traceparent=f"00-{TRACE_ID}-{PARENT_ID}-00")
    assert hosting.spans() == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        TRACEPARENT.upper(),
        TRACEPARENT + "-more",
        f"ff-{TRACE_ID}-{PARENT_ID}-01",
        f"00-{'0' * 32}-{PARENT_ID}-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        f" {TRACEPARENT}",
        f"{TRACEPARENT}\n",
    ],
)
def test_a_traceparent_that_is_not_valid_is_ignored(hosting, text):
    hosting.load(nested()).call("on_reload", traceparent=text, tracestate="vendor=1")
    span = hosting.span("on_reload")
    assert (span.parent, span.parent_is_remote, span.trace_state) == (None, False, "")


@pytest.mark.parametrize("text", ["not valid", "a=1\r\nx: y", "A=1", "a=1,a=2", "a=" + "x" * 600])
def test_a_tracestate_that_is_not_valid_is_left_out_and_the_trace_goes_on(hosting, text):
    hosting.load(nested()).call("on_reload", traceparent=TRACEPARENT, tracestate=text)
    assert (hosting.span("on_reload").parent, hosting.span("on_reload").trace_state) == (REMOTE, "")


def test_a_tracestate_alone_means_nothing(hosting):
    hosting.load(nested()).call("on_reload", tracestate="vendor=1")
    assert hosting.span("on_reload").trace_state == ""


# --- Other tracers ---


def test_a_tracer_without_the_hosts_methods_gets_the_same_facts_by_the_plain_ones():
    tracer = RecordingTracer()
    hosting = Hosting(tracer)
    with pytest.raises(PluginError):
        hosting.load(guest(hook("on_reload", "(i32.const 3)", gives="i32"))).call("on_reload")
    others = [call for call in tracer.calls if call[0] != "set_attribute"]
    assert [call[0] for call in others] == ["start_span", "add_event", "set_status", "end_span"]
    handle = tracer.calls[0][2]
    assert all(call[1] == handle for call in tracer.calls[1:])
    assert tracer.calls[1][2:] == ("bext.plugin.outcome", "failed")
    assert others[1][2].name == "exception"
    assert others[2][2].code is StatusCode.ERROR


@pytest.mark.parametrize("method", ["start_span", "set_attribute", "add_event", "set_status", "end_span"])
def test_a_tracer_that_fails_is_counted_and_the_call_is_not_harmed(method, caplog):
    hosting = Hosting(FaultyTracer(RuntimeError("broken"), method))
    plugin = hosting.load(nested())
    for _ in range(3):
        plugin.call("on_reload")
    failures = hosting.host.tracer_errors + plugin.stats.dropped["tracer_error"]
    assert (failures > 0) is (method in {"start_span", "set_attribute", "end_span"})
    assert len(caplog.records) <= 2  # one for the host's own calls, one for the guest's


def test_a_tracer_may_sample_by_returning_invalid():
    class Unsampling(RecordingTracer):
        def start_span(self, span):
            super().start_span(span)
            return SpanHandle.INVALID

    tracer = Unsampling()
    plugin = Hosting(tracer).load(nested())
    plugin.call("on_reload")
    assert {call[0] for call in tracer.calls} == {"start_span"}
    assert plugin.stats.dropped["tracer_error"] == 0
