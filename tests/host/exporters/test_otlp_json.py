"""OTLP/JSON: what a line says is what the generated classes of OTLP read in it, and how they would write it."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bext_abi import SpanKind, SpanStatus, StatusCode
from bext_host.exporters.otlp_json import request_to_line
from host.exporters.otlp_messages import as_json, read, request_of, strict
from host.exporters.sample_spans import FULL, HOSTILE, START, a_request, span, span_that_says
from support.processes import environment

RESOURCE = {"service.name": "shop", "process.pid": 77, "tags": ("a", "b")}


def only_span(line: str) -> Any:
    return strict(line)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]


def value_of(value: Any) -> Any:
    return only_span(request_to_line([span(1, attributes={"key": value})], {}))["attributes"][0]["value"]


@pytest.mark.parametrize("batch", [[FULL], [span(1)], a_request(), [span(1, name="")]], ids=["full", "bare", "request", "nameless"])
@pytest.mark.parametrize("resource", [RESOURCE, {}], ids=["resource", "no resource"])
def test_a_line_is_what_protobuf_would_read_and_write(batch, resource):
    line, expected = request_to_line(batch, resource), request_of(batch, resource)
    assert str(read(line)) == str(expected)  # as text, since NaN equals nothing
    assert read(line).SerializeToString(deterministic=True) == expected.SerializeToString(deterministic=True)
    assert strict(line) == as_json(expected)


@pytest.mark.parametrize("kind", SpanKind)
@pytest.mark.parametrize("code", StatusCode)
def test_every_kind_and_status_is_the_number_of_otlp(kind, code):
    one = [span(1, kind=kind, status=SpanStatus(code))]
    assert read(request_to_line(one, {})) == request_of(one, {})
    assert only_span(request_to_line(one, {}))["kind"] == kind + 1


@pytest.mark.parametrize("remote", [False, True])
@pytest.mark.parametrize("parent", [None, 7])
def test_flags_say_sampled_and_whether_the_parent_is_remote(parent, remote):
    found = only_span(request_to_line([span(1, parent, parent_is_remote=remote)], {}))
    assert found["flags"] == 0x1 | 0x100 | (0x200 if remote else 0)
    assert found.get("parentSpanId") == (None if parent is None else "0000000000000007")


def test_the_form_of_ids_times_and_values():
    found = only_span(request_to_line([FULL], {}))
    assert (found["traceId"], found["spanId"]) == ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
    assert (found["startTimeUnixNano"], found["endTimeUnixNano"]) == (str(START + 5), str(START + 25))
    assert value_of(2**53 + 1) == {"intValue": "9007199254740993"}
    assert value_of((math.nan, math.inf, -math.inf)) == {
        "arrayValue": {"values": [{"doubleValue": "NaN"}, {"doubleValue": "Infinity"}, {"doubleValue": "-Infinity"}]}
    }
    assert math.copysign(1, value_of(-0.0)["doubleValue"]) == -1
    assert value_of(True) == {"boolValue": True}
    assert value_of(()) == {"arrayValue": {"values": []}}


def test_defaults_are_left_out_but_not_those_in_a_value():
    bare = only_span(request_to_line([span(1, name="")], {}))
    assert set(bare) == {"traceId", "spanId", "kind", "startTimeUnixNano", "endTimeUnixNano", "flags"}
    assert [value_of(value) for value in ("", False, 0, 0.0)] == [
        {"stringValue": ""},
        {"boolValue": False},
        {"intValue": "0"},
        {"doubleValue": 0.0},
    ]


def test_no_span_at_all_is_an_empty_request():
    assert request_to_line([], RESOURCE) == "{}\n"


def test_spans_are_grouped_by_scope_in_the_order_in_which_they_come():
    spans = [
        span(number, scope_name=name, scope_version=version)
        for number, name, version in ((1, "a", "1"), (2, "b", "1"), (3, "a", "1"), (4, "a", "2"))
    ]
    groups = strict(request_to_line(spans, {}))["resourceSpans"][0]["scopeSpans"]
    assert [(group["scope"], [int(one["spanId"], 16) for one in group["spans"]]) for group in groups] == [
        ({"name": "a", "version": "1"}, [1, 3]),
        ({"name": "b", "version": "1"}, [2]),
        ({"name": "a", "version": "2"}, [4]),
    ]


@given(st.floats() | st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.text() | st.lists(st.floats()).map(tuple))
def test_any_value_is_read_as_what_it_was(value):
    one = [span(1, attributes={"key": value})]
    assert read(request_to_line(one, {})).SerializeToString() == request_of(one, {}).SerializeToString()


def as_protobuf_can_have_it(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_one_line_of_printable_ascii_that_protobuf_reads(text):
    line = request_to_line(span_that_says(text), {text: text})
    assert {character for character in line if not " " <= character <= "~"} == {"\n"}
    assert line.endswith("\n")
    clean = as_protobuf_can_have_it(text)
    assert read(line) == request_of(span_that_says(clean), {clean: clean})


@given(st.text(st.characters(categories=None)))
def test_any_text_in_any_place_is_one_line_that_protobuf_reads(text):
    line, clean = request_to_line(span_that_says(text), {}), as_protobuf_can_have_it(text)
    assert line.isascii()
    assert line.count("\n") == 1
    assert read(line) == request_of(span_that_says(clean), {})


def test_no_opentelemetry_package_is_imported_for_it():
    code = (
        "import io, sys\n"
        "from bext_host.exporters import FileExporter, StdoutExporter\n"
        "StdoutExporter('otlp-json', io.StringIO()).export([], 0.0)\n"
        "print(sorted(name for name in sys.modules if name.partition('.')[0] in {'opentelemetry', 'google'}))"
    )
    result = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout == "[]\n"
