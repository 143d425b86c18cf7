"""StdoutExporter("tree"): what people see, on a pipe and on a terminal."""

from __future__ import annotations

import io
import math
import os
import random
import re

import pytest
from rich.cells import cell_len

from bext_abi import SpanEvent, SpanHandle, SpanKind, SpanLink, SpanStatus, StatusCode
from bext_host import FinishedSpan
from bext_host.exporters import StdoutExporter
from host.exporters.sample_spans import (
    ANSI_STYLE,
    LATER,
    OTHER_TRACE,
    START,
    Terminal,
    a_request,
    below_the_header,
    printed,
    span,
)

ERROR = StatusCode.ERROR


def test_a_whole_trace_on_a_pipe() -> None:
    assert printed(a_request()) == (
        "trace 4bf92f3577b34da6a3ce929d0e0e4736  6 spans  48.2 ms  1 error\n"
        "on_request_complete  server     48.2 ms  ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━\n"
        "│  url.path=/checkout\n"
        "├─ verify token ✔               3.11 ms   ╺━━━╸\n"
        "│     in shop 3.0.1\n"
        "│     token.cached=true\n"
        "├─ load cart                    12.9 ms        ━━━━━━━━━━━━━━━━\n"
        "│  │  in shop 3.0.1\n"
        '│  │  cart.skus=[A-1, "B 2"]\n'
        "│  │   +600 µs  cache.miss  key=cart:c-77\n"
        "│  │  +12.2 ms  cache.fill  key=cart:c-77  ttl_s=300\n"
        "│  └─ SELECT carts  client      9.25 ms            ━━━━━━━━━━━\n"
        '│        db.system=postgresql  db.query.text="SELECT * FROM carts WHERE id = $1"\n'
        "│        db.response.returned_rows=3\n"
        "└─ charge card ✘                27.8 ms                         ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━\n"
        "   │  error: card declined: insufficient funds\n"
        "   │  in payments 0.9\n"
        '   │  payment.amount=59.9  payment.order="77"\n'
        '   │  +27.4 ms  exception  exception.type=CardDeclined  exception.message="insufficient funds"\n'
        "   │  → span 0000000000000007 of trace aaaa2f3577b34da6a3ce929d0e0e4736  reason=retry\n"
        "   │  dropped 2 attributes\n"
        "   └─ POST /v1/charges  client  26.5 ms                          ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╸\n"
        "         status=402\n"
        "\n"
    )


def test_nothing_is_printed_before_the_root_has_ended() -> None:
    stream = io.StringIO()
    exporter = StdoutExporter(stream=stream)
    *children, root = a_request()
    exporter.export(children, LATER)
    assert stream.getvalue() == ""
    exporter.export([root], LATER)
    assert stream.getvalue() == printed(a_request())


def test_at_shutdown_the_incomplete_trace_is_printed_under_a_placeholder() -> None:
    assert printed([span(2, 0xF067AA0BA902B7, "left alone")]) == (
        "trace 4bf92f3577b34da6a3ce929d0e0e4736  1 span  1 µs  incomplete\n"
        "(still open or lost) 00f067aa0ba902b7\n"
        "└─ left alone                          1 µs  " + "━" * 55 + "\n"
        "\n"
    )


def test_a_late_child_is_printed_under_a_placeholder_that_says_where_its_parent_is() -> None:
    stream = io.StringIO()
    exporter = StdoutExporter(stream=stream)
    exporter.export([span(1)], LATER)
    exporter.export([span(2, 1, "late")], LATER)
    lines = stream.getvalue().splitlines()
    assert lines[3:5] == ["trace 4bf92f3577b34da6a3ce929d0e0e4736  1 span  1 µs", "(printed above) 0000000000000001"]
    assert lines[5].startswith("└─ late")


def test_a_forked_child_does_not_print_what_its_parent_holds_back(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    exporter = StdoutExporter(stream=stream)
    exporter.export([span(2, 1)], LATER)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    exporter.shutdown(LATER)
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("nanos", "words"),
    [
        (0, "0 ns"),
        (999, "999 ns"),
        (1_000, "1 µs"),
        (999_499, "999 µs"),
        (999_500, "1 ms"),
        (1_234_567, "1.23 ms"),
        (48_200_000, "48.2 ms"),
        (999_500_000, "1 s"),
        (605_000_000_000, "605 s"),
        (9_000_000_000_000_000_000 - START, "7300000000 s"),
    ],
)
def test_durations_are_in_the_unit_that_suits_them(nanos: int, words: str) -> None:
    assert printed([span(1, end=nanos)]).splitlines()[0].endswith(f"1 span  {words}")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("plain", "plain"),
        ("/a?b=c&d", "/a?b=c&d"),
        ("10.0.0.1", "10.0.0.1"),
        ("", '""'),
        ("two words", '"two words"'),
        ('say "hi"', r'"say \"hi\""'),
        ("C:\\new", r'"C:\\new"'),
        ("a\nb", r'"a\nb"'),
        ("7", '"7"'),
        ("-1.5e3", '"-1.5e3"'),
        ("true", '"true"'),
        ("NaN", '"NaN"'),
        (7, "7"),
        ("a\x07b", r'"a\x07b"'),
        (True, "true"),
        (1.0, "1.0"),
        (math.nan, "nan"),
        ((), "[]"),
        (("a", "b c"), '[a, "b c"]'),
        (("a,b", "]"), '["a,b", "]"]'),
        ((1.5, -math.inf), "[1.5, -inf]"),
        ((True, False), "[true, false]"),
    ],
)
def test_the_type_of_a_value_can_be_told(value: object, words: str) -> None:
    assert below_the_header(span(1, attributes={"key": value}))[1] == f"   key={words}"


def test_a_key_that_could_be_misread_is_quoted() -> None:
    assert below_the_header(span(1, attributes={"a=b": 1, "c d": 2}))[1] == '   "a=b"=1  "c d"=2'


def test_a_pipe_is_laid_out_for_100_columns_and_cuts_nothing() -> None:
    long = span(1, name="n" * 90, attributes={"a": "x" * 60, "b": "y" * 60, "c": "z" * 200}, status=SpanStatus(ERROR, "m " * 80))
    assert below_the_header(long) == [
        "n" * 90 + " ✘",
        " " * 55 + "  1 µs  " + "━" * 37,
        "   error: " + "m " * 80,
        "   a=" + "x" * 60,
        "   b=" + "y" * 60,
        "   c=" + "z" * 200,
    ]


def test_kinds_are_named_but_for_internal() -> None:
    names = [below_the_header(span(1, kind=kind))[0].split("  ")[1] for kind in SpanKind]
    assert names == ["1 µs", "server", "client", "producer", "consumer"]


def test_an_empty_name_has_a_stand_in() -> None:
    assert below_the_header(span(1, name=""))[0].startswith("(no name)  ")


def test_the_scope_stands_where_it_changes() -> None:
    one, two = {"scope_name": "one"}, {"scope_name": "two", "scope_version": "2"}
    lines = below_the_header(span(1, **one), span(2, 1, **one), span(3, 2, **two), span(4, 3, **two))
    assert [line.strip(" │") for line in lines if "  in " in line] == ["in one", "in two 2"]


def test_a_remote_parent_and_its_trace_state_are_shown() -> None:
    assert below_the_header(span(1, 9, parent_is_remote=True, trace_state="a=1,b=2"))[1] == (
        '   remote parent 0000000000000009  tracestate "a=1,b=2"'
    )


HOST_FACTS = {
    "bext.plugin.name": "shop",
    "bext.plugin.hook": "work",
    "bext.plugin.outcome": "ok",
    "bext.plugin.fuel_consumed": 48_211,
    "bext.plugin.memory.pages_before": 2,
    "bext.plugin.memory.pages_after": 2,
    "bext.plugin.host_calls": 31,
    "bext.plugin.host_call_bytes": 1_204,
}


def test_what_a_call_into_a_plugin_cost_is_told_in_words_before_the_attributes() -> None:
    told = "   plugin shop  outcome ok  fuel 48,211  memory 2 pages  host calls 31 (1,204 bytes)"
    assert below_the_header(span(1, attributes={**HOST_FACTS, "url.path": "/"}))[1:] == [told, "   url.path=/"]
    assert below_the_header(span(1, attributes=HOST_FACTS))[1:] == [told]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bext.plugin.name": "two words"}, 'plugin "two words"'),
        ({"bext.plugin.hook": "on_reload"}, "hook on_reload"),
        ({"bext.plugin.outcome": "deadline_exceeded"}, "outcome deadline_exceeded"),
        ({"bext.plugin.fuel_consumed": 0}, "fuel 0"),
        ({"bext.plugin.memory.pages_after": 1_000}, "memory 2 to 1,000 pages"),
        ({"bext.plugin.memory.pages_before": 1, "bext.plugin.memory.pages_after": 1}, "memory 1 page"),
        ({"bext.plugin.host_calls": 1_000, "bext.plugin.host_call_bytes": 1}, "host calls 1,000 (1 byte)"),
        ({"bext.plugin.host_time_ns": 12_300}, "host time 12.3 µs"),
    ],
)
def test_each_fact_of_the_host_has_its_words(changes: dict[str, object], words: str) -> None:
    shown = "  ".join(line.strip() for line in below_the_header(span(1, attributes={**HOST_FACTS, **changes}))[1:])
    assert words in shown.split("  ")
    assert "bext." not in shown


@pytest.mark.parametrize(
    "attributes",
    [
        {"bext.plugin.name": 7},
        {"bext.plugin.fuel_consumed": "48211"},
        {"bext.plugin.fuel_consumed": True},
        {"bext.plugin.memory.pages_after": 2},
        {"bext.plugin.host_calls": 31, "bext.plugin.host_call_bytes": 1.5},
        {"bext.plugin.mine": 1},
    ],
)
def test_what_is_no_such_fact_stays_an_attribute(attributes: dict[str, object]) -> None:
    line = below_the_header(span(1, attributes=attributes))[1]
    assert [pair.partition("=")[0] for pair in line.split()] == list(attributes)


def test_events_stand_at_their_offset_even_before_the_start() -> None:
    events = (SpanEvent("early", {}, START - 1_500), SpanEvent("now", {}, START), SpanEvent("", {"k": 1}, START + 12_345_678, 3))
    assert below_the_header(span(1, events=events))[1:] == [
        "    -1.5 µs  early",
        "      +0 ns  now",
        "   +12.3 ms  (no name)  k=1  dropped 3 attributes",
    ]


def test_a_link_within_the_trace_leaves_the_trace_id_out() -> None:
    links = (SpanLink(span(9).handle), SpanLink(SpanHandle(OTHER_TRACE, 7), {"k": 1}, "a=b", 1))
    assert below_the_header(span(1, links=links))[1:] == [
        "   → span 0000000000000009",
        "   → span 0000000000000007 of trace aaaa2f3577b34da6a3ce929d0e0e4736  tracestate a=b  k=1",
        "     dropped 1 attribute",
    ]


def test_what_was_dropped_is_counted() -> None:
    lines = below_the_header(span(1, dropped_attributes_count=1, dropped_events_count=2, dropped_links_count=3))
    assert lines[1] == "   dropped 1 attribute, 2 events, 3 links"


def bars(*spans: FinishedSpan) -> list[str]:
    return [line.partition("s  ")[2].rstrip() for line in below_the_header(*spans)]


def test_odd_clocks_draw_sanely() -> None:
    root, early, instant = span(1, start=500, end=1_000), span(2, 1, start=0, end=100), span(3, 1, start=1_000, end=1_000)
    first, second, third = bars(root, early, instant)
    width = len(first)
    assert first.strip() == "━" * (width // 2)
    assert second.startswith("━")
    assert third == " " * (width - 1) + "╺"
    assert bars(span(1, start=5, end=5), span(2, 1, start=5, end=5)) == ["╸", "╸"]


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
@pytest.mark.parametrize("shape", ["deep", "wide"])
def test_deep_and_wide_traces_are_drawn(shape: str, stream: type[io.StringIO], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    count = 1_000 if shape == "deep" else 10_000
    spans = [span(n, None if n == 1 else n - 1 if shape == "deep" else 1, f"s{n}", n, 20_000 - n) for n in range(1, count + 1)]
    output = ANSI_STYLE.sub("", printed(random.Random(1).sample(spans, count), stream()))
    lines = output.splitlines()
    assert len(lines) == count + 2
    assert max(map(cell_len, lines)) <= 100
    assert re.search(rf"└─ s{count}\b", lines[-2])


def test_levels_too_deep_to_show_are_counted() -> None:
    lines = below_the_header(*(span(n, n - 1 or None, f"s{n}") for n in range(1, 31)))
    assert lines[1].startswith("└─ s2 ")
    hidden = [int(line.partition("…")[2].split()[0]) for line in lines if line.startswith("…")]
    assert hidden == list(range(hidden[0], hidden[0] + len(hidden)))
    assert hidden[-1] + lines[-1].partition("└")[0].count("   ") < 30


def test_parents_that_form_a_loop_are_printed_at_shutdown() -> None:
    lines = below_the_header(span(1, 2, "chicken"), span(2, 1, "egg"))
    assert lines[0] == "(parents form a loop) 0000000000000002"
    assert lines[1].startswith("└─ chicken")
    assert lines[2].startswith("   └─ egg")
