"""StdoutExporter("json"): one strict JSON object a line."""

from __future__ import annotations

import io
import json
import math
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bext_abi import SpanEvent, SpanHandle, SpanKind, SpanLink, SpanStatus, StatusCode
from bext_host import FinishedSpan
from bext_host.exporters import SpanExporter, StdoutExporter
from bext_host.exporters.json_lines import span_to_dict, span_to_line
from host.exporters.sample_spans import HOSTILE, LATER, OTHER_TRACE, START, Terminal, a_request, span, span_that_says


def strict(line: str) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(line, parse_constant=refuse)


def written(*spans: FinishedSpan, stream: io.StringIO | None = None) -> str:
    stream = io.StringIO() if stream is None else stream
    StdoutExporter("json", stream).export(spans, LATER)
    return stream.getvalue()


def test_it_is_an_exporter_called_stdout() -> None:
    exporter = StdoutExporter("json")
    assert isinstance(exporter, SpanExporter)
    assert exporter.name == "stdout"


def test_another_format_is_refused_and_the_right_ones_are_named() -> None:
    with pytest.raises(ValueError, match=r"""format must be "tree", "json" or "otlp-json", not 'yaml'"""):
        StdoutExporter("yaml")  # type: ignore[arg-type]


def test_all_keys_of_a_span_in_their_order() -> None:
    full = span(
        0xF067AA0BA902B7,
        0x1,
        "load",
        5,
        25,
        kind=SpanKind.CLIENT,
        parent_is_remote=True,
        trace_state="vendor=1",
        attributes={"s": "x", "b": True, "i": -1, "f": 1.5, "list": (1, 2), "none": ()},
        events=(SpanEvent("e", {"k": "v"}, START + 6, 3),),
        links=(SpanLink(SpanHandle(OTHER_TRACE, 7), {"k": 1}, "a=b", 4),),
        status=SpanStatus(StatusCode.ERROR, "no"),
        dropped_attributes_count=1,
        dropped_events_count=2,
        dropped_links_count=3,
        scope_name="plugin",
        scope_version="1.0",
    )
    assert written(full) == (
        '{"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","span_id":"00f067aa0ba902b7","parent_span_id":"0000000000000001",'
        '"parent_is_remote":true,"trace_state":"vendor=1","name":"load","kind":"client",'
        '"start_time_unix_nanos":1700000000000000005,"end_time_unix_nanos":1700000000000000025,"duration_nanos":20,'
        '"attributes":{"s":"x","b":true,"i":-1,"f":1.5,"list":[1,2],"none":[]},'
        '"events":[{"name":"e","time_unix_nanos":1700000000000000006,"attributes":{"k":"v"},"dropped_attributes_count":3}],'
        '"links":[{"trace_id":"aaaa2f3577b34da6a3ce929d0e0e4736","span_id":"0000000000000007","trace_state":"a=b",'
        '"attributes":{"k":1},"dropped_attributes_count":4}],'
        '"status":{"code":"error","message":"no"},'
        '"dropped_attributes_count":1,"dropped_events_count":2,"dropped_links_count":3,'
        '"scope":{"name":"plugin","version":"1.0"}}\n'
    )


def test_a_root_has_a_null_parent() -> None:
    assert span_to_dict(span(1))["parent_span_id"] is None


def test_kinds_and_status_codes_are_words() -> None:
    assert [span_to_dict(span(1, kind=kind))["kind"] for kind in SpanKind] == ["internal", "server", "client", "producer", "consumer"]
    codes = [span_to_dict(span(1, status=SpanStatus(code)))["status"]["code"] for code in StatusCode]
    assert codes == ["unset", "ok", "error"]


def test_spans_are_written_as_they_finish_and_nothing_is_held_back() -> None:
    stream = io.StringIO()
    exporter = StdoutExporter("json", stream)
    request = a_request()
    for number, finished in enumerate(request, start=1):
        exporter.export([finished], LATER)
        assert stream.getvalue().count("\n") == number
    exporter.shutdown(LATER)
    assert [strict(line)["name"] for line in stream.getvalue().splitlines()] == [finished.name for finished in request]


def test_numbers_that_are_not_finite_are_strings_as_in_otlp() -> None:
    values = (math.nan, math.inf, -math.inf)
    attributes = strict(written(span(1, attributes={"one": -math.inf, "all": values, "zero": -0.0, "big": 2**63 - 1})))["attributes"]
    assert attributes == {"one": "-Infinity", "all": ["NaN", "Infinity", "-Infinity"], "zero": 0.0, "big": 2**63 - 1}
    assert math.copysign(1, attributes["zero"]) == -1


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_leave_as_printable_ascii_and_come_back_whole(text: str, stream: type[io.StringIO]) -> None:
    output = written(*span_that_says(text), stream=stream())
    assert {character for character in output if not " " <= character <= "~"} == {"\n"}
    child, root = map(strict, output.splitlines())
    assert child["name"] == root["name"] == root["status"]["message"] == root["scope"]["version"] == text
    assert root["attributes"] == root["events"][0]["attributes"] == {text: text, "array": [text, text]}
    assert root["links"][0]["trace_state"] == text


def without_pairs(text: str) -> str:
    """A high and a low surrogate side by side are one character in JSON, as they are in UTF-16."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


@given(st.text(st.characters(categories=None)).map(without_pairs))
def test_any_text_in_any_place_parses_strictly_and_comes_back(text: str) -> None:
    root = span_that_says(text)[1]
    line = span_to_line(root)
    assert line.isascii()
    assert line.count("\n") == 1
    assert all(character.isprintable() for character in line[:-1])
    parsed = strict(line)
    assert parsed["attributes"] == {text: text, "array": [text, text]}
    assert parsed["events"][0]["name"] == parsed["name"] == parsed["scope"]["name"] == text


@given(st.floats() | st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.lists(st.floats()).map(tuple))
def test_any_value_is_strict_json(value: Any) -> None:
    strict(span_to_line(span(1, attributes={"key": value})))


def test_without_a_stream_it_writes_to_what_sys_stdout_is_at_that_time(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = StdoutExporter("json")
    later = io.StringIO()
    monkeypatch.setattr(sys, "stdout", later)
    exporter.export([span(1)], LATER)
    assert strict(later.getvalue())["span_id"] == "0000000000000001"


def test_a_process_without_standard_output_fails_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(OSError, match="no standard output"):
        StdoutExporter("json").export([span(1)], LATER)


class BrokenPipe(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")


@pytest.mark.parametrize("form", ["json", "otlp-json", "tree"])
def test_a_broken_pipe_is_raised(form: Any) -> None:
    with pytest.raises(BrokenPipeError):
        StdoutExporter(form, BrokenPipe()).export([span(1)], LATER)


@pytest.mark.parametrize("form", ["json", "otlp-json", "tree"])
def test_shutdown_with_nothing_held_back_does_not_touch_a_closed_stream(form: Any) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    exporter = StdoutExporter(form, stream)
    exporter.export([span(1)], LATER)
    stream.close()
    exporter.shutdown(LATER)
