"""`bext-tracer run`, as a user runs it: a process of its own, its output, its exit code."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.processes import call_command, run_command
from support.wat import ALLOC, CURRENT, Guest, guest, hook, note, tell

FIXTURES = Path(__file__).resolve().parents[2] / "wasm-fixtures"
REQUEST_TRACE = FIXTURES / "request_trace.wasm"
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT_ID = "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE_ID}-{PARENT_ID}-01"

ECHO = guest(
    ALLOC,
    hook("on_request_complete", tell("e"), takes="i32 i32"),
    hook("on_cache_write", tell("k"), tell("t", "(local.get 2)", "(local.get 3)"), takes="i32 i32 i32 i32"),
    hook("on_cache_invalidate", tell("p"), note("n", "(local.get 2)"), takes="i32 i32 i32"),
    hook("on_reload", note("r")),
    hook("greet", tell("g"), takes="i32 i32"),
    hook("on_server_stop", "(i32.const 5)", gives="i32"),
    hook("odd", takes="i64"),
)


@pytest.fixture
def echo(tmp_path: Path) -> Path:
    """A plugin that tells what it was given."""
    return saved(tmp_path, ECHO, "echo")


def saved(folder: Path, module: bytes, name: str = "guest") -> Path:
    path = folder / f"{name}.wasm"
    path.write_bytes(module)
    return path


def strict(text: str) -> Any:
    """The value of strict JSON: no NaN, no key twice."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len({key for key, _ in items}) == len(items)
        return dict(items)

    def refuse(word: str) -> None:
        raise AssertionError(word)

    return json.loads(text, object_pairs_hook=pairs, parse_constant=refuse)


def traced(*arguments: str | Path) -> list[dict[str, Any]]:
    """The spans of a run that must succeed without a word on standard error."""
    result = call_command("run", *arguments, "--format", "json")
    assert (result.returncode, result.stderr) == (0, "")
    return [strict(line) for line in result.stdout.splitlines()]


def one_line(result: subprocess.CompletedProcess[str], code: int) -> str:
    """The only line on standard error of a run that ended with this code."""
    assert result.returncode == code, result.stderr
    (line,) = result.stderr.splitlines()
    assert line.startswith("bext-tracer")
    assert line.isprintable()
    return line


# --- The main job ---


def test_the_default_prints_a_tree_of_at_least_four_nested_spans():
    result = run_command("run", REQUEST_TRACE)
    assert (result.returncode, result.stderr) == (0, "")
    for name in ("on_request_complete", "GET /products/42", "render", "db.query"):
        assert name in result.stdout
    assert "5 spans" in result.stdout.splitlines()[0]


def test_json_spans_agree_in_parents_ids_times_and_attributes():
    result = run_command("run", REQUEST_TRACE, "--format", "json")
    assert (result.returncode, result.stderr) == (0, "")
    spans = {span["name"]: span for span in map(strict, result.stdout.splitlines())}
    parents = {
        "cache.lookup": "GET /products/42",
        "render": "GET /products/42",
        "db.query": "render",
        "GET /products/42": "on_request_complete",
    }
    assert set(spans) == {*parents, "on_request_complete"}
    assert spans["on_request_complete"]["parent_span_id"] is None
    assert len({span["trace_id"] for span in spans.values()}) == 1
    assert len({span["span_id"] for span in spans.values()}) == 5
    for name, parent_name in parents.items():
        span, parent = spans[name], spans[parent_name]
        assert span["parent_span_id"] == parent["span_id"]
        assert parent["start_time_unix_nanos"] <= span["start_time_unix_nanos"]
        assert span["start_time_unix_nanos"] <= span["end_time_unix_nanos"] <= parent["end_time_unix_nanos"]
        assert span["duration_nanos"] == span["end_time_unix_nanos"] - span["start_time_unix_nanos"]
        assert span["scope"]["name"] == "request_trace"
    server = spans["GET /products/42"]
    assert server["kind"] == "server"
    assert server["attributes"]["url.path"] == "/products/42"
    assert server["attributes"]["http.response.status_code"] == 200
    assert spans["on_request_complete"]["attributes"]["bext.plugin.outcome"] == "ok"


def test_a_run_can_print_requests_of_otlp():
    result = run_command("run", REQUEST_TRACE, "--format", "otlp-json", "--repeat", "2")
    assert (result.returncode, result.stderr) == (0, "")
    requests = [strict(line)["resourceSpans"] for line in result.stdout.splitlines()]
    spans = [span for (request,) in requests for scope in request["scopeSpans"] for span in scope["spans"]]
    assert sorted(span["name"] for span in spans)[-2:] == ["render", "render"]
    assert len(spans) == 10


def test_nothing_is_coloured_on_a_pipe():
    for arguments in (
        (REQUEST_TRACE,),
        (FIXTURES / "error_status.wasm",),
        (REQUEST_TRACE, "--format", "json"),
        (REQUEST_TRACE, "--format", "otlp-json"),
    ):
        assert "\x1b" not in run_command("run", *arguments, env={"TERM": "xterm-256color"}).stdout


@pytest.mark.parametrize("form", ["tree", "json", "otlp-json"])
def test_what_a_guest_named_is_escaped(form):
    result = run_command("run", FIXTURES / "hostile_names.wasm", "--format", form)
    assert result.returncode == 0
    assert all(line.isprintable() for line in result.stdout.split("\n")), "a control code got out"


# --- Events ---


def test_an_event_reaches_the_hook_as_it_was_written(echo):
    for event in ('{"method": "POST",  "ü": 1}', '"text"', "[1, 2]", "null", "{}"):
        assert traced(echo, "--event", event)[-1]["attributes"]["e"] == event


def test_an_event_can_be_a_file(echo, tmp_path):
    path = tmp_path / "event.json"
    path.write_text('{"method": "PUT"}', encoding="utf-8")
    assert traced(echo, "--event", f"@{path}")[-1]["attributes"]["e"] == '{"method": "PUT"}'


@pytest.mark.parametrize("event", ["", "{", "{'a': 1}", "plain", "[1,]", "NaN", '{"a": Infinity}', "[" * 100_000])
def test_an_event_that_is_no_json_is_one_line_and_wrong_usage(echo, event):
    assert "JSON" in one_line(call_command("run", echo, "--event", event), 2)


def test_a_file_that_is_no_event_is_one_line_and_wrong_usage(echo, tmp_path):
    (tmp_path / "latin1").write_bytes(b'"\xff"')
    (tmp_path / "broken").write_bytes(b"{")
    for name, says in (("missing\x1b", "No such file"), ("latin1", "UTF-8"), ("broken", "JSON"), (".", "directory")):
        assert says in one_line(call_command("run", echo, "--event", f"@{tmp_path / name}"), 2)


# --- Other hooks ---


def test_each_hook_of_bext_has_a_sensible_default():
    for name in ("on_server_start", "on_server_stop", "on_cache_write", "on_cache_invalidate", "on_reload", "cleanup"):
        assert traced(REQUEST_TRACE, "--hook", name)[-1]["name"] == name


def test_several_arguments_are_an_array(echo):
    span = traced(echo, "--hook", "on_cache_write", "--event", '["product:42", ["a", "b"]]')[-1]
    assert (span["attributes"]["k"], strict(span["attributes"]["t"])) == ("product:42", ["a", "b"])
    span = traced(echo, "--hook", "on_cache_invalidate", "--event", '["p:*", 4294967295]')[-1]
    assert (span["attributes"]["p"], span["events"][0]["attributes"]["a"]) == ("p:*", 2**32 - 1)


@pytest.mark.parametrize(
    ("hook_name", "event"),
    [
        ("on_cache_write", '"product:42"'),
        ("on_cache_write", '["a"]'),
        ("on_cache_write", '["a", "b", "c"]'),
        ("on_cache_invalidate", '["p", -1]'),
        ("on_cache_invalidate", '["p", 4294967296]'),
        ("on_cache_invalidate", '["p", true]'),
        ("on_cache_invalidate", '["p", 1.0]'),
        ("on_cache_invalidate", '["p", "1"]'),
        ("on_reload", "{}"),
    ],
)
def test_arguments_that_a_hook_does_not_take_are_one_line_and_wrong_usage(echo, hook_name, event):
    assert "--event" in one_line(call_command("run", echo, "--hook", hook_name, "--event", event), 2)


def test_hooks_of_ones_own_can_be_called(echo):
    assert traced(echo, "--hook", "greet", "--event", '"hello"')[-1]["attributes"]["g"] == '"hello"'


@pytest.mark.parametrize("name", ["no_such\x1b[31m", "memory", "odd", ""])
def test_a_hook_that_cannot_be_called_is_one_line_and_wrong_usage(echo, name):
    assert "hook" in one_line(call_command("run", echo, "--hook", name), 2)


def test_a_hook_that_fails_is_one_line_and_its_trace_is_printed(echo):
    result = run_command("run", echo, "--hook", "on_server_stop", "--format", "json")
    assert "returned 5" in one_line(result, 1)
    assert strict(result.stdout)["attributes"]["bext.plugin.outcome"] == "failed"


# --- Options ---


def test_repeat_makes_a_trace_for_each_call(echo):
    spans = traced(echo, "--hook", "on_reload", "--repeat", "3")
    assert len({span["trace_id"] for span in spans}) == len(spans) == 3


@pytest.mark.parametrize("count", ["0", "-1", "1.5", "many", "", "٣", "9" * 5_000])
def test_a_count_that_is_none_is_one_line_and_wrong_usage(echo, count):
    assert "--repeat" in one_line(call_command("run", echo, f"--repeat={count}"), 2)


def test_a_traceparent_puts_every_span_in_its_trace():
    spans = traced(REQUEST_TRACE, "--traceparent", TRACEPARENT)
    assert {span["trace_id"] for span in spans} == {TRACE_ID}
    (host,) = [span for span in spans if span["name"] == "on_request_complete"]
    assert (host["parent_span_id"], host["parent_is_remote"]) == (PARENT_ID, True)


def test_a_traceparent_that_is_not_sampled_prints_nothing():
    assert traced(REQUEST_TRACE, "--traceparent", f"00-{TRACE_ID}-{PARENT_ID}-00") == []


@pytest.mark.parametrize("text", ["", "x\x1b[31m", TRACEPARENT.upper(), f"00-{'0' * 32}-{PARENT_ID}-01", TRACEPARENT[:-1]])
def test_a_traceparent_that_is_none_is_one_line_and_wrong_usage(text):
    assert "traceparent" in one_line(call_command("run", REQUEST_TRACE, "--traceparent", text), 2)


@pytest.mark.parametrize("arguments", [(), ("fly",), ("run",), ("run", "x.wasm", "--format", "xml"), ("run", "x.wasm", "--bogus")])
def test_wrong_usage_is_one_line(arguments):
    assert "--help" in one_line(call_command(*arguments), 2)


@pytest.mark.parametrize("arguments", [("--help",), ("run", "--help"), ("inspect", "--help")])
def test_help_has_examples(arguments):
    result = run_command(*arguments)
    assert result.returncode == 0
    assert "examples:\n  bext-tracer " in result.stdout


def test_the_version_is_told():
    assert run_command("--version").stdout.startswith("bext-tracer ")


# --- Faults ---


@pytest.mark.parametrize("form", ["tree", "json"])
def test_a_trap_is_one_line_and_the_trace_is_still_printed(form):
    result = run_command("run", FIXTURES / "trap_with_open_spans.wasm", "--format", form)
    assert "trap_with_open_spans: on_request_complete: " in one_line(result, 1)
    for name in ("outer", "middle", "inner", "on_request_complete", "bext.abandoned"):
        assert name in result.stdout


def test_a_trap_at_start_up_is_one_line_and_its_spans_are_printed(tmp_path):
    build = Guest()
    module = build.module(f'(func (export "_initialize") {build.start(1, "starting")} unreachable)', hook("on_reload"))
    result = run_command("run", saved(tmp_path, module), "--hook", "on_reload")
    assert "unreachable" in one_line(result, 1)
    assert "starting" in result.stdout


@pytest.mark.parametrize("name", ["no_marker", "memory64", "wrong_signature", "unknown_import", "component", "wrong_hook"])
def test_a_refused_module_is_one_line(name):
    result = call_command("run", FIXTURES / "hostile" / f"{name}.wasm")
    assert name in one_line(result, 1)
    assert result.stdout == ""


def test_a_file_that_cannot_be_read_is_one_line(tmp_path):
    for path, says in ((tmp_path / "missing\x1b.wasm", "No such file"), (tmp_path, "directory")):
        assert says in one_line(call_command("run", path), 1)


def test_a_file_name_may_hold_anything(tmp_path):
    folder = os.fsencode(tmp_path)
    name = os.fsdecode(folder + b"/\xff\x1b[31m.wasm")
    Path(name).write_bytes(ECHO)
    for form in ("tree", "json"):
        result = run_command("run", name, "--hook", "on_reload", "--format", form)
        assert (result.returncode, result.stderr) == (0, "")
        assert "\x1b" not in result.stdout
    assert "returned 5" in one_line(run_command("run", name, "--hook", "on_server_stop"), 1)


@pytest.mark.parametrize("engine", ["turbo", "native"])
def test_an_engine_that_cannot_be_had_is_one_line(echo, engine):
    result = run_command("run", echo, "--hook", "on_reload", env={"BEXT_TRACER_ENGINE": engine})
    if engine == "turbo" or result.returncode:
        assert engine in one_line(result, result.returncode or 1)


def test_what_was_dropped_is_said(tmp_path):
    build = Guest()
    module = build.module(hook("on_reload", build.current(), build.attribute(CURRENT, "bext.mine", 1)))
    result = run_command("run", saved(tmp_path, module), "--hook", "on_reload")
    assert "dropped 1 reserved_key" in one_line(result, 0)
