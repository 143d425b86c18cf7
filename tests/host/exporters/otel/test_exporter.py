"""OtelSpanExporter: what it takes, how it ends, and what it says where something fails."""

from __future__ import annotations

import io
import json
import time
from dataclasses import replace
from typing import Any

import pytest

from bext_abi import BextTracerError, FlushError, SpanHandle, SpanStart, SpanStatus, StatusCode
from bext_host import SpanRecorder
from bext_host.exporters import MemoryExporter, SpansLost
from bext_host.exporters.otel import HeldBack, OtelSpanExporter
from host.exporters.sample_spans import START, a_request, span
from support.processes import run_python

context = pytest.importorskip("opentelemetry.context", reason="needs opentelemetry-sdk, of the extra `otel`")
export = pytest.importorskip("opentelemetry.sdk.trace.export", reason="needs opentelemetry-sdk, of the extra `otel`")
in_memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")

SUCCESS, FAILURE = export.SpanExportResult.SUCCESS, export.SpanExportResult.FAILURE


class Vendor(export.SpanExporter):
    """Does as it is told, and keeps what was asked of it."""

    def __init__(self, result: Any = SUCCESS, flushed: Any = True) -> None:
        self.result, self.flushed = result, flushed
        self.asked: list[tuple[str, Any]] = []
        self.was_suppressed: list[bool] = []

    def _note(self, what: str, detail: Any) -> None:
        self.asked.append((what, detail))
        self.was_suppressed.append(bool(context.get_value(context._SUPPRESS_INSTRUMENTATION_KEY)))

    def export(self, spans):
        self._note("export", [each.name for each in spans])
        return answer(self.result)

    def force_flush(self, timeout_millis=30000):
        self._note("force_flush", timeout_millis)
        return answer(self.flushed)

    def shutdown(self):
        self._note("shutdown", None)


def answer(result: Any) -> Any:
    if isinstance(result, BaseException):
        raise result
    return result


def soon() -> float:
    return time.monotonic() + 5


def test_the_sdks_exporter_in_memory_gets_the_tree():
    memory = in_memory.InMemorySpanExporter()
    with SpanRecorder(OtelSpanExporter(memory, resource={"service.name": "shop"})) as recorder:
        root = recorder.start_span(SpanStart("root"))
        child = recorder.start_span(SpanStart("child", parent=root))
        recorder.set_status(child, SpanStatus(StatusCode.ERROR, "broken"))
        recorder.end_span(child)
        recorder.end_span(root)
    found = {each.name: each for each in memory.get_finished_spans()}
    assert found["child"].parent == found["root"].context
    assert SpanHandle(found["root"].context.trace_id, found["root"].context.span_id) == root
    assert not found["child"].status.is_ok
    assert found["root"].resource.attributes["service.name"] == "shop"


def test_the_sdks_exporter_to_the_console_writes_every_span():
    output = io.StringIO()
    exporter = OtelSpanExporter(export.ConsoleSpanExporter(out=output, formatter=lambda each: each.to_json(indent=None) + "\n"))
    exporter.export(a_request(), soon())
    lines = [json.loads(line) for line in output.getvalue().splitlines()]
    assert [line["name"] for line in lines] == [each.name for each in a_request()]
    assert lines[0]["parent_id"] == f"0x{a_request()[0].parent.span_id_hex}"
    assert lines[0]["resource"]["attributes"]["telemetry.sdk.name"] == "bext-tracer"


def test_the_resource_is_that_of_the_environment_under_what_is_given(monkeypatch):
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment=blue,service.name=other")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")
    memory = in_memory.InMemorySpanExporter()
    OtelSpanExporter(memory, resource={"deployment": "green"}).export([span(1)], soon())
    attributes = memory.get_finished_spans()[0].resource.attributes
    assert (attributes["service.name"], attributes["deployment"]) == ("shop", "green")


def test_it_is_named_after_what_is_behind_it():
    assert OtelSpanExporter(Vendor()).name == "otel:Vendor"


def test_a_batch_is_handed_over_without_traces_of_its_own():
    vendor = Vendor()
    OtelSpanExporter(vendor).export([span(1, name="a"), span(2, name="b")], soon())
    assert vendor.asked == [("export", ["a", "b"])]
    assert vendor.was_suppressed == [True]
    assert context.get_value(context._SUPPRESS_INSTRUMENTATION_KEY) is None


def test_no_spans_are_nothing_to_hand_over():
    vendor = Vendor()
    OtelSpanExporter(vendor).export([], soon())
    assert vendor.asked == []


def test_a_failure_is_told_in_words():
    with pytest.raises(SpansLost) as lost:
        OtelSpanExporter(Vendor(FAILURE)).export([span(1), span(2)], soon())
    assert str(lost.value) == "2 spans lost: 2 (Vendor answered FAILURE, its log says why)"
    assert (lost.value.count, lost.value.unencodable) == (2, 0)
    assert isinstance(lost.value, BextTracerError)


def test_an_answer_that_is_none_is_no_failure():
    vendor = Vendor(None)
    OtelSpanExporter(vendor).export([span(1)], soon())
    assert [what for what, _ in vendor.asked] == ["export"]


def test_what_it_raises_comes_out_as_it_is():
    error = ConnectionError("the vendor is away")
    with pytest.raises(ConnectionError) as raised:
        OtelSpanExporter(Vendor(error)).export([span(1)], soon())
    assert raised.value is error
    assert context.get_value(context._SUPPRESS_INSTRUMENTATION_KEY) is None


@pytest.mark.parametrize(("result", "words"), [(FAILURE, "FAILURE"), (ConnectionError("away"), "ConnectionError: away")])
def test_a_flush_says_who_failed_and_counts(result, words):
    memory = MemoryExporter()
    with SpanRecorder(OtelSpanExporter(Vendor(result)), memory) as recorder:
        recorder.end_span(recorder.start_span(SpanStart("s")))
        with pytest.raises(FlushError, match=words) as failed:
            recorder.flush()
        assert list(failed.value.failures) == ["otel:Vendor"]
        assert recorder.stats.dropped["export_failed"] == 1
    assert len(memory.spans) == 1


UNMAPPABLE = replace(span(2), start_time_unix_nanos=START + 5000)


def test_a_span_that_cannot_be_mapped_is_lost_alone():
    vendor = Vendor()
    with pytest.raises(SpansLost, match="a span ends before it starts") as lost:
        OtelSpanExporter(vendor).export([span(1, name="a"), UNMAPPABLE, span(3, name="c")], soon())
    assert (lost.value.count, lost.value.unencodable) == (1, 1)
    assert vendor.asked == [("export", ["a", "c"])]


def test_nothing_is_handed_over_where_no_span_can_be_mapped():
    vendor = Vendor()
    with pytest.raises(SpansLost, match="1 span lost"):
        OtelSpanExporter(vendor).export([UNMAPPABLE], soon())
    assert vendor.asked == []


@pytest.mark.parametrize(("result", "words"), [(FAILURE, "answered FAILURE"), (OSError("away"), "OSError: away")])
def test_spans_that_cannot_be_mapped_are_told_from_those_that_failed(result, words):
    with pytest.raises(SpansLost, match=words) as lost:
        OtelSpanExporter(Vendor(result)).export([span(1), UNMAPPABLE, span(3)], soon())
    assert (lost.value.count, lost.value.unencodable) == (3, 1)


def test_shutdown_flushes_first_within_the_deadline():
    vendor = Vendor()
    OtelSpanExporter(vendor).shutdown(time.monotonic() + 2)
    assert [what for what, _ in vendor.asked] == ["force_flush", "shutdown"]
    assert 0 < vendor.asked[0][1] <= 2000
    assert vendor.was_suppressed == [True, True]


def test_a_shutdown_that_is_late_waits_for_no_flush():
    vendor = Vendor()
    OtelSpanExporter(vendor).shutdown(time.monotonic() - 1)
    assert vendor.asked == [("force_flush", 0), ("shutdown", None)]


def test_a_flush_that_did_not_end_is_said_after_the_shutdown():
    vendor = Vendor(flushed=False)
    with pytest.raises(HeldBack, match="Vendor did not flush what it held back within"):
        OtelSpanExporter(vendor).shutdown(soon())
    assert vendor.asked[-1] == ("shutdown", None)


def test_an_exporter_without_a_flush_is_shut_down():
    vendor = Vendor(flushed=None)
    OtelSpanExporter(vendor).shutdown(soon())
    assert vendor.asked[-1] == ("shutdown", None)


def test_a_flush_that_fails_keeps_nothing_from_being_shut_down():
    vendor = Vendor(flushed=OSError("away"))
    with pytest.raises(OSError, match="away"):
        OtelSpanExporter(vendor).shutdown(soon())
    assert vendor.asked[-1] == ("shutdown", None)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (Vendor, r"not its class: write OtelSpanExporter\(Vendor\(\.\.\.\)\)"),
        (MemoryExporter(), "MemoryExporter has no force_flush"),
        ("http://localhost:4318", "str has no export and no shutdown and no force_flush"),
        (None, "NoneType has no export"),
    ],
)
def test_what_is_no_exporter_is_refused(what, words):
    with pytest.raises(TypeError, match=words):
        OtelSpanExporter(what)


def test_a_resource_that_has_no_form_is_refused():
    with pytest.raises(ValueError, match="attribute"):
        OtelSpanExporter(Vendor(), resource={"k": object()})


LAZY = """
import sys, bext_host.exporters.otel
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""
MISSING = """
import sys
sys.modules["opentelemetry"] = None
from bext_host.exporters.otel import OtelSpanExporter
class Vendor:
    export = shutdown = force_flush = print
try:
    OtelSpanExporter(Vendor())
except ModuleNotFoundError as error:
    print(error)
"""


def test_importing_it_imports_no_opentelemetry():
    assert run_python(LAZY).stdout.strip() == "[]"


def test_what_is_missing_is_named():
    assert "install bext-tracer[otel]" in run_python(MISSING).stdout
