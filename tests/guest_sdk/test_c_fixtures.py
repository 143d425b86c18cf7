"""The C fixtures: what they import and export, and the calls that they make. Scenarios of conformance have tests of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import wasmtime

from guest_sdk.conftest import ROOT
from guest_sdk.recording_host import Call, RecordingHost

FIXTURES = ROOT / "wasm-fixtures"
TOP = sorted(FIXTURES.glob("*.c"))
SOURCES = [*TOP, *sorted(FIXTURES.glob("conformance/c/*.c"))]
COMMON_EXPORTS = {"memory", "bext_tracer_abi_v1", "bext_alloc", "bext_free", "on_request_complete"}
MORE_HOOKS = {"on_server_start", "on_server_stop", "on_cache_write", "on_cache_invalidate", "on_reload", "cleanup"}
TERMINAL_ODDITIES = ("\x1b[31m", "\x1b]8;;", "\x1b]0;", "\u202e", "\u2066", "\x9b", "\x85", "\u2028", "\n", "\x7f", "\x00", "\ufffd")
EVENT = {
    "path": "/caf\u00e9",
    "method": "GET",
    "status": 200,
    "cache_status": "MISS",
    "render_time_us": 12840,
    "tenant_id": "acme",
    "site_id": "shop",
    "encoding": "br",
    "is_bot": False,
}


def host_of(name: str, **options: bool) -> RecordingHost:
    return RecordingHost(FIXTURES / f"{name}.wasm", **options)


def run(name: str, event: str = "{}", **options: bool) -> RecordingHost:
    host = host_of(name, **options)
    assert host.call("on_request_complete", event) == 0
    return host


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_a_fixture_imports_only_the_abi_and_exports_its_hooks(source: Path):
    module = wasmtime.Module(wasmtime.Engine(), source.with_suffix(".wasm").read_bytes())
    assert {imported.module for imported in module.imports} == {"bext"}
    assert {export.name for export in module.exports} == COMMON_EXPORTS | (MORE_HOOKS if source.stem == "request_trace" else set())
    (memory,) = (export.type for export in module.exports if export.name == "memory")
    assert memory.limits.min <= 4


@pytest.mark.parametrize("name", [source.stem for source in TOP if source.stem != "trap_with_open_spans"])
def test_a_fixture_ends_every_span_that_it_starts(name: str):
    host = run(name)
    started = [call.span for call in host.calls if call.name == "start_span" and call.span]
    assert sorted(call.span for call in host.calls if call.name == "end_span") == started
    assert set(host.payloads("end_span")) == {0}


# --- request_trace ----------------------------------------------------------------------------------------------------


def test_a_request_becomes_a_tree():
    host = run("request_trace", json.dumps(EVENT))
    spans = [(span["name"], span.get("kind", 0), span.get("parent")) for span in host.payloads("start_span")]
    assert spans == [
        ("GET /caf\u00e9", 1, None),
        ("cache.lookup", 0, [1, 1, 1]),
        ("render", 0, [1, 1, 1]),
        ("db.query", 2, [1, 1, 3]),
    ]
    assert host.payloads("start_span")[0]["attributes"] == {
        "http.request.method": "GET",
        "url.path": "/caf\u00e9",
        "http.response.status_code": 200,
        "http.response.encoding": "br",
        "cache.status": "MISS",
        "tenant.id": "acme",
        "site.id": "shop",
        "client.is_bot": False,
        "render.time_ms": 12.84,
    }
    assert Call("add_event", 2, {"name": "cache.result", "attributes": {"cache.status": "MISS"}}) in host.calls
    assert Call("set_status", 1, {"code": 1}) in host.calls


def test_the_root_stands_below_the_span_of_the_host():
    assert run("request_trace", json.dumps(EVENT), has_current=True).payloads("start_span")[0]["parent"] == [1, 1, 999]


@pytest.mark.parametrize(("status", "code"), [(200, 1), (404, 1), (499, 1), (500, 2), (503, 2)])
def test_a_server_error_is_an_error(status: int, code: int):
    (verdict,) = [call.payload for call in run("request_trace", json.dumps({"status": status})).calls if call[:2] == ("set_status", 1)]
    assert verdict["code"] == code
    assert bool(verdict.get("message")) == (code == 2)


@pytest.mark.parametrize(
    "path", ["/", "/\u00e9\u4e2d\U0001f30d", '/"quoted"\\', "/\n\t\x00", "/" + "x" * 300, "/a?b={}[],:", "\ud800 lone"]
)
def test_a_path_is_decoded_however_it_is_escaped(path: str):
    expected = path.replace("\ud800", "\ufffd")
    written_raw = json.dumps({"path": path}, ensure_ascii="\ud800" in path)
    for event in (json.dumps({"path": path}), written_raw, json.dumps({"other": [{"path": "no"}, "]}"], "path": path}, indent=3)):
        assert run("request_trace", event).payloads("start_span")[0]["attributes"]["url.path"] == expected


def odd_events() -> list[str]:
    """Every prefix of an event, every event with one character changed, and some that are no object of JSON."""
    event = json.dumps(EVENT)
    prefixes = [event[:length] for length in range(len(event))]
    changed = [event[:at] + odd + event[at + 1 :] for at in range(len(event)) for odd in '"\\{}[],:u\x00']
    alone = ["null", "[]", '"', "[" * 5000, '{"path":' * 500, '{"path":"' + "\\" * 999, '{"path":"\\u', '{"status":' + "9" * 400 + "}"]
    return prefixes + changed + alone


def test_no_event_traps_the_plugin():
    host = host_of("request_trace")
    for event in odd_events():
        assert host.call("on_request_complete", event) == 0


@pytest.mark.parametrize("value", ["null", '"200"', "12.5", "1e3", "-", "", "99999999999999999999", "true", "[200]"])
def test_a_status_that_is_no_integer_is_left_out(value: str):
    assert "attributes" not in run("request_trace", f'{{"status": {value}}}').payloads("start_span")[0]


@pytest.mark.parametrize(
    ("hook", "arguments", "calls"),
    [
        ("on_server_start", ("{}",), [("start_span", {"name": "plugin.start"}), ("set_attribute", ["config.bytes", 2])]),
        ("on_server_stop", (), [("start_span", {"name": "plugin.stop"})]),
        (
            "on_cache_write",
            ("/page", '["a", "\\u00e9", ""]'),
            [
                ("start_span", {"name": "cache.write"}),
                ("set_attribute", ["cache.key", "/page"]),
                ("set_attribute", ["cache.tags", ["a", "\u00e9", ""]]),
            ],
        ),
        (
            "on_cache_invalidate",
            ("/blog/*", 3),
            [
                ("start_span", {"name": "cache.invalidate"}),
                ("set_attribute", ["cache.pattern", "/blog/*"]),
                ("set_attribute", ["cache.invalidated", 3]),
            ],
        ),
        ("on_reload", (), []),
        ("cleanup", (), []),
    ],
)
def test_every_other_hook(hook: str, arguments: tuple[str | int, ...], calls: list[tuple[str, Any]]):
    host = host_of("request_trace")
    assert host.call(hook, *arguments) == 0
    assert [(call.name, call.payload) for call in host.calls if call.name != "end_span"] == calls


@pytest.mark.parametrize(("hook", "event"), [("on_reload", "plugin.reload"), ("cleanup", "plugin.cleanup")])
def test_the_last_hooks_add_to_the_span_of_the_host(hook: str, event: str):
    host = host_of("request_trace", has_current=True)
    assert host.call(hook) == 0
    assert host.calls == [Call("add_event", 999, {"name": event})]


# --- The small ones ---------------------------------------------------------------------------------------------------


def test_error_status():
    codes = [(call.span, call.payload["code"]) for call in run("error_status").calls if call.name == "set_status"]
    assert codes == [(2, 1), (2, 2), (2, 0), (3, 2), (3, 0), (4, 2), (4, 2), (5, 2), (5, 1), (1, 2)]


def test_a_trap_leaves_three_spans_open():
    host = host_of("trap_with_open_spans")
    with pytest.raises(wasmtime.Trap):
        host.call("on_request_complete", "{}")
    assert [span["name"] for span in host.payloads("start_span")] == ["outer", "middle", "inner"]
    assert host.payloads("end_span") == []


def test_hostile_names_arrive_as_they_are():
    host = run("hostile_names")
    texts = [span["name"] for span in host.payloads("start_span")[1:]]
    everything = "".join(texts)
    assert len(texts) == 13
    assert [odd for odd in TERMINAL_ODDITIES if odd not in everything] == []
    assert [event["name"] for event in host.payloads("add_event")] == texts
    assert [status["message"] for status in host.payloads("set_status")] == texts
