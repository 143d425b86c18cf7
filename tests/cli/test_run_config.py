"""`bext-tracer run --config`: the plugins of a file, started, called and stopped; what fails is a line, and stops no other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bext_host.testing import RecordingTracer
from support.processes import call_command, run_command
from support.wat import ALLOC, CURRENT, Guest, guest, hook, tell, wasm

FIXTURES = Path(__file__).resolve().parents[2] / "wasm-fixtures"
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"

WHOLE = guest(
    ALLOC,
    hook("on_server_start", tell("c"), takes="i32 i32"),
    hook("on_request_complete", tell("e"), takes="i32 i32"),
    hook("on_cache_write", tell("k"), takes="i32 i32 i32 i32"),
    hook("on_server_stop"),
    hook("cleanup"),
)
"""A plugin that tells what it was given."""
RELOADS = wasm('(module (func (export "on_reload")))')
TRAPS = wasm('(module (func (export "on_reload") unreachable))')
COUNTS_DOWN = wasm(
    """(module (global $left (mut i32) (i32.const 3)) (func (export "on_reload") (result i32)
      (global.set $left (i32.sub (global.get $left) (i32.const 1))) (i32.eqz (global.get $left))))"""
)
"""A plugin whose third call fails."""
REFUSES_TO_START = guest(ALLOC, hook("on_server_start", "(i32.const 5)", takes="i32 i32", gives="i32"), hook("on_reload"))
FAILS_TO_STOP = wasm('(module (func (export "on_reload")) (func (export "on_server_stop") (result i32) (i32.const 7)))')


class Site:
    """A folder with plugins and a configuration file that names them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "bext.config.toml"
        self.file.touch()

    def add(self, name: str, module: bytes, more: str = "") -> None:
        (self.folder / f"{name}.wasm").write_bytes(module)
        self.append(f'[plugins.{name}]\nsandbox = "wasm"\npath = "{name}.wasm"\n{more}')

    def append(self, text: str) -> None:
        self.file.write_text(f"{self.file.read_text(encoding='utf-8')}{text}\n", encoding="utf-8")

    def run(self, *arguments: str):
        return call_command("run", "--config", self.file, *arguments)

    def spans(self, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
        """The spans of a run that ends with this code."""
        result = self.run(*arguments, "--format", "json")
        assert result.returncode == code, result.stderr
        return [json.loads(line) for line in result.stdout.splitlines()]

    def calls(self, *arguments: str, code: int = 0) -> list[tuple[str, str]]:
        """The plugin and the hook of each span of the host's."""
        spans = [span["attributes"] for span in self.spans(*arguments, code=code)]
        return [(span["bext.plugin.name"], span["bext.plugin.hook"]) for span in spans if "bext.plugin.hook" in span]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def one_line(result, code: int) -> str:
    """The only line on standard error of a run that ended with this code."""
    assert result.returncode == code, result.stderr
    (line,) = result.stderr.splitlines()
    assert line.isprintable()
    return line


# --- The main job ---


def test_plugins_are_started_called_and_stopped(site):
    site.add("late", WHOLE, "priority = 20")
    site.add("early", WHOLE, "priority = 10")
    assert site.calls("--repeat", "2") == [
        ("early", "on_server_start"),
        ("late", "on_server_start"),
        ("early", "on_request_complete"),
        ("late", "on_request_complete"),
        ("early", "on_request_complete"),
        ("late", "on_request_complete"),
        ("early", "on_server_stop"),
        ("early", "cleanup"),
        ("late", "on_server_stop"),
        ("late", "cleanup"),
    ]


def test_a_process_prints_the_traces_as_a_tree(site):
    site.add("shop", (FIXTURES / "request_trace.wasm").read_bytes())
    result = run_command("run", "--config", site.file)
    assert (result.returncode, result.stderr) == (0, "")
    for name in ("plugin.start", "GET /products/42", "db.query", "plugin.stop", "plugin.cleanup", "plugin shop  outcome ok  fuel"):
        assert name in result.stdout
    assert "bext.plugin." not in result.stdout


def test_a_plugin_gets_its_configuration_and_the_event(site):
    site.add("shop", WHOLE, '[plugins.shop.config]\ncurrency = "EUR"')
    start, request, *_ = site.spans("--event", '{"path":"/"}')
    assert start["attributes"]["c"] == '{"currency":"EUR"}'
    assert request["attributes"]["e"] == '{"path":"/"}'


def test_every_plugin_continues_the_trace(site):
    site.add("one", WHOLE)
    site.add("two", WHOLE)
    requests = [span for span in site.spans("--traceparent", TRACEPARENT) if span["name"] == "on_request_complete"]
    assert [span["trace_id"] for span in requests] == [TRACE_ID] * 2


def test_only_plugins_that_export_the_hook_are_called(site):
    site.add("one", RELOADS)
    site.add("two", WHOLE)
    assert [call for call in site.calls("--hook", "on_cache_write") if call[1] == "on_cache_write"] == [("two", "on_cache_write")]
    assert site.calls("--hook", "on_reload")[1] == ("one", "on_reload")


# --- The tracer ---


@pytest.mark.parametrize(
    ("configured", "option", "form"),
    [
        ("", (), "tree"),
        ("json", (), "json"),
        ("json", ("--format", "tree"), "tree"),
        ("tree", ("--format", "json"), "json"),
        ("otlp-json", (), "otlp-json"),
        ("json", ("--format", "otlp-json"), "otlp-json"),
    ],
)
def test_the_format_is_the_files_unless_the_command_line_says_another(site, configured, option, form):
    site.add("one", RELOADS)
    if configured:
        site.append(f'[tracer.options]\nformat = "{configured}"')
    result = site.run("--hook", "on_reload", *option)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith({"tree": "trace ", "json": '{"trace_id"', "otlp-json": '{"resourceSpans"'}[form])


def test_a_tracer_without_a_format_is_given_none(site):
    site.add("one", RELOADS)
    site.append('[tracer]\nname = "tracer-acme"')
    assert one_line(site.run("--format", "json"), 2) == (
        f"bext-tracer: --format: the tracer of {site.file} is tracer-acme, only tracer-stdout has a format"
    )


def test_the_sampler_is_the_files(site):
    site.add("one", RELOADS)
    site.append('[tracer]\nsampler = "always_off"')
    assert site.spans("--hook", "on_reload") == []


class ClosableTracer(RecordingTracer):
    """Lists its end, too."""

    def close(self) -> None:
        self.calls.append(("close",))


def test_another_tracer_gets_the_spans_and_is_flushed_and_closed(site, monkeypatch):
    tracer = ClosableTracer()
    monkeypatch.setattr("bext_host.runtime.host.tracer_of", lambda config: tracer)
    site.add("one", RELOADS)
    result = site.run("--hook", "on_reload")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert [call[1].name for call in tracer.calls if call[0] == "start_span"] == ["on_reload"]
    assert [call[0] for call in tracer.calls][-2:] == ["flush", "close"]


# --- Plugins that fail ---


def test_a_plugin_that_traps_stops_no_other(site):
    site.add("bad", TRAPS, "priority = 1")
    site.add("good", RELOADS)
    result = site.run("--hook", "on_reload", "--format", "json")
    assert one_line(result, 1) == "bext-tracer: bad: on_reload: wasm `unreachable` instruction executed"
    outcomes = [json.loads(line)["attributes"]["bext.plugin.outcome"] for line in result.stdout.splitlines()]
    assert outcomes == ["trap", "ok"]


def test_a_plugin_that_failed_is_not_called_again(site):
    site.add("bad", COUNTS_DOWN)
    site.add("good", RELOADS)
    result = site.run("--hook", "on_reload", "--format", "json", "--repeat", "5")
    assert one_line(result, 1) == "bext-tracer: bad: on_reload: returned 1, where 0 is success"
    names = [json.loads(line)["attributes"]["bext.plugin.name"] for line in result.stdout.splitlines()]
    assert (names.count("bad"), names.count("good")) == (3, 5)


def test_plugins_that_cannot_be_loaded_are_a_line_each_and_the_others_run(site):
    site.add("no_marker", (FIXTURES / "hostile" / "no_marker.wasm").read_bytes())
    site.add("trapping", wasm('(module (func (export "_initialize") unreachable))'))
    site.add("good", RELOADS)
    site.add("no_module", b"plain text")
    result = site.run("--hook", "on_reload", "--format", "json")
    assert result.returncode == 1
    lines = result.stderr.splitlines()
    assert [line.split(": ")[:3] for line in lines] == [
        ["bext-tracer", "plugin cannot be used", name] for name in ("no_marker", "trapping", "no_module")
    ]
    assert "unreachable" in lines[1]
    assert len(result.stdout.splitlines()) == 1


def test_a_plugin_that_does_not_start_is_a_line_and_not_called(site):
    site.add("bad", REFUSES_TO_START)
    site.add("good", RELOADS)
    result = site.run("--hook", "on_reload", "--format", "json")
    assert one_line(result, 1) == "bext-tracer: plugin cannot be used: bad: on_server_start: returned 5, where 0 is success"
    calls = [json.loads(line)["attributes"] for line in result.stdout.splitlines()]
    assert [(call["bext.plugin.name"], call["bext.plugin.hook"]) for call in calls] == [("bad", "on_server_start"), ("good", "on_reload")]


def test_a_plugin_that_does_not_stop_well_is_a_line(site):
    site.add("bad", FAILS_TO_STOP)
    site.add("good", WHOLE)
    result = site.run("--hook", "on_reload")
    assert one_line(result, 1) == "bext-tracer: bad: on_server_stop: returned 7, where 0 is success"


def test_a_hook_that_no_plugin_has_is_a_line_with_those_they_have_and_nothing_is_started(site):
    site.add("one", RELOADS)
    site.add("two", WHOLE)
    result = site.run("--hook", "on_cache\x1b")
    assert one_line(result, 1) == (
        f"bext-tracer: {site.file}: no plugin has a hook on_cache\\x1b; "
        "there are: on_server_start, on_server_stop, on_request_complete, on_cache_write, on_reload, cleanup"
    )
    assert result.stdout == ""


def test_an_event_that_does_not_fit_starts_nothing(site):
    site.add("one", WHOLE)
    result = site.run("--hook", "on_cache_write", "--event", '"k"')
    assert "--event: hook on_cache_write takes a JSON array of 2" in one_line(result, 2)
    assert result.stdout == ""


def test_what_was_dropped_is_said_of_each_plugin(site):
    build = Guest()
    module = build.module(hook("on_reload", build.current(), build.attribute(CURRENT, "bext.mine", 1)), hook("on_server_stop"))
    for name in ("one", "two"):
        site.add(name, module)
    result = site.run("--hook", "on_reload")
    assert result.returncode == 0
    assert result.stderr.splitlines() == [f"bext-tracer: note: {name}: dropped 1 reserved_key" for name in ("one", "two")]


def test_what_plugins_print_is_shown_with_their_names(site):
    module = wasm(
        """(module (import "bext" "log" (func $log (param i32 i32 i32 i32))) (memory (export "memory") 1)
      (func (export "bext_tracer_abi_v1")) (data (i32.const 0) "infodebughello\\1b[31m")
      (func (export "on_reload") (call $log (i32.const 0) (i32.const 4) (i32.const 9) (i32.const 10))
        (call $log (i32.const 4) (i32.const 5) (i32.const 9) (i32.const 5))))"""
    )
    site.add("shop", module)
    assert one_line(site.run("--hook", "on_reload"), 0) == "shop: hello\\x1b[31m"


# --- Usage and configuration ---


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "plugins: none, expected a table [plugins.NAME] for each"),
        ("[plugins.shop", "line 1, column 14: expected ']' at the end of a table declaration"),
        ('[plugins.shop]\nsandbox = "wasm"\npath = "a.wasm"\nfeul = 1', 'plugins.shop.feul: unknown key, did you mean "fuel"?'),
        ('[plugins.shop]\nsandbox = "wasm"\npath = "gone.wasm"', "plugins.shop.path: no such file"),
        ('[plugins.shop]\nsandbox = "wasm"\npath = "a.wasm"\n[tracer]\nname = "tracer-stdotu"', "tracer.name: unknown tracer"),
        ('[plugins.shop]\nsandbox = "wasm"\npath = "a.wasm"\n[tracer.options]\nformat = "xml"', "tracer.options: format must be"),
    ],
)
def test_a_wrong_configuration_is_one_line_that_names_file_and_key(site, text, says):
    (site.folder / "a.wasm").write_bytes(RELOADS)
    site.append(text)
    assert one_line(site.run("--hook", "on_reload"), 2).startswith(f"bext-tracer: {site.file}: {says}")


def test_a_file_that_is_not_there_is_one_line(site):
    assert "cannot be read: No such file" in one_line(call_command("run", "--config", site.folder / "missing\x1b"), 2)


@pytest.mark.parametrize(
    "arguments", [("x.wasm", "--config", "y"), ("--config", "y", "x.wasm"), ("--config", "y", "--hook", "h", "x.wasm")]
)
def test_a_module_and_a_configuration_exclude_each_other(arguments):
    assert "not allowed with" in one_line(call_command("run", *arguments), 2)


def test_one_of_both_is_needed():
    assert "one of the arguments MODULE --config is required" in one_line(call_command("run", "--hook", "on_reload"), 2)


def test_an_engine_that_cannot_be_had_is_one_line(site):
    site.add("one", RELOADS)
    result = run_command("run", "--config", site.file, "--hook", "on_reload", env={"BEXT_TRACER_ENGINE": "turbo"})
    assert "BEXT_TRACER_ENGINE" in one_line(result, 2)
