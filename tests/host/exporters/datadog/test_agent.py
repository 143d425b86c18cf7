"""A trace of three plugins, recorded and sent to Datadog's own test agent, whose checks find no fault and whose tree is the same."""

from __future__ import annotations

import json

import pytest

from bext_abi import SpanEvent, SpanHandle, SpanKind, SpanLink, SpanStart, SpanStatus, StatusCode
from bext_host import SpanRecorder
from bext_host.exporters import MemoryExporter
from bext_host.exporters.datadog import DatadogSettings, DatadogSpanExporter
from receivers.ddapm import PROGRAM, WHY_NOT, running_test_agent

pytestmark = pytest.mark.skipif(PROGRAM is None, reason=WHY_NOT)


def settings(agent) -> DatadogSettings:
    return DatadogSettings(agent_url=agent.url, service="shop", env="test", version="1.2.3", tags={"team": "checkout"})


OTHER = SpanHandle(0xAAAA2F3577B34DA6A3CE929D0E0E4736, 7)


@pytest.fixture
def agent(tmp_path):
    with running_test_agent(tmp_path) as running:
        yield running


def record_a_request(recorder: SpanRecorder) -> None:
    """A router starts a shop, which starts payments; each of the three is a plugin of its own."""
    router, shop, payments = ({"scope_name": name, "scope_version": "1"} for name in ("router", "shop", "payments"))
    request = recorder.start_span(
        SpanStart("GET /cart", SpanKind.SERVER, attributes={"http.request.method": "GET", "http.route": "/cart"}, **router)
    )
    load = recorder.start_span(SpanStart("load cart", parent=request, attributes={"skus": ("A", "B"), "manual.drop": True}, **shop))
    query = recorder.start_span(
        SpanStart("SELECT", SpanKind.CLIENT, parent=load, attributes={"db.system": "postgresql", "n": 2**62}, **shop)
    )
    charge = recorder.start_span(
        SpanStart("charge", SpanKind.CLIENT, parent=request, links=(SpanLink(OTHER, {"why": "retry"}),), **payments)
    )
    recorder.add_event(charge, SpanEvent("exception", {"exception.type": "Declined", "exception.message": "no funds"}))
    recorder.set_status(charge, SpanStatus(StatusCode.ERROR))
    for span in (query, load, charge, request):
        recorder.end_span(span)


def test_three_plugins_arrive_as_one_tree_without_a_failed_check(agent):
    memory = MemoryExporter()
    recorder = SpanRecorder(memory, DatadogSpanExporter(settings(agent)))
    record_a_request(recorder)
    recorder.flush()
    assert agent.failures()[0] == 200, agent.failures()[1]
    [trace] = agent.traces()
    expected = {
        span.handle.span_id: (span.parent.span_id if span.parent else 0, span.name, span.scope_name, span.start_time_unix_nanos)
        for span in memory.spans
    }
    assert {one["span_id"]: (one["parent_id"], one["resource"], one["meta"]["otel.scope.name"], one["start"]) for one in trace} == expected
    assert {one["meta"]["otel.library.name"] for one in trace} == {"router", "shop", "payments"}
    assert {one["meta"]["otel.trace_id"] for one in trace} == {memory.spans[0].handle.trace_id_hex}
    by_name = {one["resource"]: one for one in trace}
    root, charge = by_name["GET /cart"], by_name["charge"]
    assert root["meta"]["_dd.p.tid"] + f"{root['trace_id']:016x}" == memory.spans[0].handle.trace_id_hex
    assert (root["service"], root["name"], root["type"], root["metrics"]["_sampling_priority_v1"]) == (
        "shop",
        "http.server.request",
        "web",
        1,
    )
    assert (charge["error"], charge["meta"]["error.message"], charge["meta"]["error.type"]) == (1, "no funds", "Declined")
    assert json.loads(charge["meta"]["_dd.span_links"])[0]["trace_id"] == OTHER.trace_id_hex
    assert by_name["SELECT"]["meta"]["n"] == str(2**62)
    assert by_name["load cart"]["meta"]["guest.manual.drop"] == "true"


def test_the_checks_are_on(agent):
    """So that the test above does not pass because nothing was looked at."""
    headers = {"Content-Type": "application/msgpack", "X-Datadog-Trace-Count": "3"}
    assert agent.request("PUT", "/v0.4/traces", b"\x90", headers)[0] == 400
    status, text = agent.failures()
    assert status != 200
    assert "X-Datadog-Trace-Count value (3)" in text
