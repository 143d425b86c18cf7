"""A request through three WebAssembly plugins, in one trace, as Datadog's test agent understands it: as a Datadog agent and over OTLP."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bext_abi import SpanHandle, SpanKind, SpanStart, StatusCode, TracerPlugin
from bext_host import FinishedSpan, GuestTrap, PluginHost, SpanRecorder
from bext_host.exporters import MemoryExporter
from bext_host.exporters.datadog import DatadogSettings, DatadogSpanExporter
from bext_host.exporters.otlp import OtlpSpanExporter
from receivers.ddapm import LOOPBACK, PROGRAM, WHY_NOT, TestAgent, running_test_agent
from receivers.ddapm_otlp import services, spans_read, spans_recorded
from support.markdown import REPOSITORY
from support.raw_guest import ENGINES

pytestmark = pytest.mark.skipif(PROGRAM is None, reason=WHY_NOT)

FIXTURES = REPOSITORY / "wasm-fixtures"
PLUGINS = {"router": "request_trace", "shop": "error_status", "payments": "trap_with_open_spans"}
REMOTE = SpanHandle(0x4BF92F3577B34DA6A3CE929D0E0E4736, 0x00F067AA0BA902B7)

TREE = {
    "GET /": None,
    "on_request_complete of router": "GET /",
    "GET /cart": "on_request_complete of router",
    "cache.lookup": "GET /cart",
    "render": "GET /cart",
    "db.query": "render",
    "ask the shop": "GET /",
    "on_request_complete of shop": "ask the shop",
    "statuses": "on_request_complete of shop",
    "ok: it is final": "statuses",
    "error: unset never overwrites": "statuses",
    "error: the last message counts": "statuses",
    "ok: it overwrites an error": "statuses",
    "unset: never set": "statuses",
    "ask for payment": "ask the shop",
    "on_request_complete of payments": "ask for payment",
    "outer": "on_request_complete of payments",
    "middle": "outer",
    "inner": "middle",
}
"""Each span of the trace and its parent: three plugins' own ones, the host's round their calls, and the embedder's that join them."""

ERRORS = {
    "statuses": "one of the steps failed",
    "error: unset never overwrites": "disk full",
    "error: the last message counts": "second",
}
"""The errors that a plugin says."""
TRAPPED, ABANDONED = "on_request_complete of payments", ("outer", "middle", "inner")
"""Those that the host says: a call that trapped, and the spans that it left open."""


@dataclass
class Arrived:
    """What was recorded, and the agent that got it."""

    agent: TestAgent
    memory: MemoryExporter = field(default_factory=MemoryExporter)

    @property
    def recorded(self) -> list[FinishedSpan]:
        return list(self.memory.spans)


def request_through_the_plugins(recorder: SpanRecorder, host: PluginHost) -> None:
    """The router answers it; behind it stand the shop, and payments, which are called in the shop's name as over a wire."""
    plugins = {name: host.load(FIXTURES / f"{module}.wasm", name, version="1.2") for name, module in PLUGINS.items()}
    event = {"method": "GET", "path": "/cart", "status": 200}
    with span_of(recorder, SpanStart("GET /", SpanKind.SERVER, parent=REMOTE, parent_is_remote=True)) as request:
        plugins["router"].call("on_request_complete", event, parent=request)
        with span_of(recorder, SpanStart("ask the shop", SpanKind.CLIENT, parent=request)) as shop:
            plugins["shop"].call("on_request_complete", event, parent=shop)
            with span_of(recorder, SpanStart("ask for payment", SpanKind.CLIENT, parent=shop)) as payment:
                traceparent = f"00-{payment.trace_id_hex}-{payment.span_id_hex}-01"
                with pytest.raises(GuestTrap):
                    plugins["payments"].call("on_request_complete", event, traceparent=traceparent)


@contextlib.contextmanager
def span_of(tracer: TracerPlugin, start: SpanStart) -> Iterator[SpanHandle]:
    """A span of the embedder's own."""
    handle = tracer.start_span(start)
    try:
        yield handle
    finally:
        tracer.end_span(handle)


@pytest.fixture(scope="module", params=ENGINES)
def arrived(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arrived]:
    """One recording, sent to both intakes of one agent."""
    folder: Path = tmp_path_factory.mktemp("agent")
    with running_test_agent(folder) as agent:
        arrived = Arrived(agent)
        datadog = DatadogSpanExporter(DatadogSettings(agent_url=agent.url, service="site", env="test", version="1.2.3"))
        otlp = OtlpSpanExporter(resource={"service.name": "site"}, endpoint=f"http://{LOOPBACK}:{agent.otlp_port}/v1/traces")
        recorder = SpanRecorder(arrived.memory, datadog, otlp, engine=request.param)
        with contextlib.closing(PluginHost(recorder, engine=request.param)) as host:
            request_through_the_plugins(recorder, host)
        yield arrived


def tree(spans: Iterable[tuple[int, int, str]]) -> dict[str, str | None]:
    """The name of each span and its parent's, of tuples of id, parent's id and name; None for a parent that is not among them."""
    by_id = {span_id: (parent_id, name) for span_id, parent_id, name in spans}
    return {name: by_id[parent_id][1] if parent_id in by_id else None for parent_id, name in by_id.values()}


def full_name(name: str, plugin: object) -> str:
    return name if plugin is None else f"{name} of {plugin}"


def datadog_name(span: dict[str, Any]) -> str:
    return full_name(span["resource"], span["meta"].get("bext.plugin.name"))


def test_what_was_recorded_is_the_tree(arrived):
    spans = [
        (each.handle.span_id, each.parent.span_id if each.parent else 0, full_name(each.name, each.attributes.get("bext.plugin.name")))
        for each in arrived.recorded
    ]
    assert tree(spans) == TREE
    assert {each.handle.trace_id for each in arrived.recorded} == {REMOTE.trace_id}
    assert {each.scope_name for each in arrived.recorded} >= {*PLUGINS, "bext_host"}


# --- As a Datadog agent ---


def test_no_check_of_datadogs_fails(arrived):
    assert arrived.agent.failures()[0] == 200, arrived.agent.failures()[1]


def test_datadog_has_one_trace_with_the_same_tree(arrived):
    [trace] = arrived.agent.traces()
    assert tree((each["span_id"], each["parent_id"], datadog_name(each)) for each in trace) == TREE
    assert len(trace) == len(TREE)


def test_datadog_has_the_whole_trace_id_and_whose_the_spans_are(arrived):
    [trace] = arrived.agent.traces()
    assert {f"{each['trace_id']:016x}" for each in trace} == {REMOTE.trace_id_hex[16:]}
    assert {each["meta"]["_dd.p.tid"] for each in trace if "_dd.p.tid" in each["meta"]} == {REMOTE.trace_id_hex[:16]}
    assert {each["meta"]["otel.trace_id"] for each in trace} == {REMOTE.trace_id_hex}
    assert {(each["service"], each["meta"]["env"], each["meta"]["version"]) for each in trace} == {("site", "test", "1.2.3")}
    [request] = [each for each in trace if each["resource"] == "GET /"]
    assert request["parent_id"] == REMOTE.span_id


def test_datadog_has_each_span_with_its_plugin_its_resource_its_times_and_its_type(arrived):
    [trace] = arrived.agent.traces()
    assert {
        each["span_id"]: (
            each["resource"], each["meta"].get("otel.scope.name", ""), each["meta"]["span.kind"],
            each["start"], each["start"] + each["duration"],
        )
        for each in trace
    } == {
        each.handle.span_id: (each.name, each.scope_name, each.kind.name.lower(), each.start_time_unix_nanos, each.end_time_unix_nanos)
        for each in arrived.recorded
    }  # fmt: skip
    types = {datadog_name(each): (each["name"], each["type"]) for each in trace}
    assert types["GET /cart"] == ("http.server.request", "web")
    assert types["db.query"] == ("sqlite.query", "sql")
    assert types["render"] == ("internal", "custom")


def test_datadog_has_the_errors_and_no_others(arrived):
    [trace] = arrived.agent.traces()
    failed = {datadog_name(each): each["meta"] for each in trace if each["error"]}
    assert set(failed) == {*ERRORS, *ABANDONED, TRAPPED}
    assert {name: failed[name]["error.message"] for name in ERRORS} == ERRORS
    assert {failed[name]["error.message"] for name in ABANDONED} == {"abandoned: trap"}
    assert "unreachable" in failed[TRAPPED]["error.message"]
    assert {failed[name]["error.type"] for name in (*ABANDONED, TRAPPED)} == {"GuestTrap"}


# --- Over OTLP ---


def test_an_otlp_receiver_has_the_same_tree_types_times_and_errors(arrived):
    requests = arrived.agent.otlp_requests()
    assert services(requests) == {"site"}
    assert spans_read(requests) == spans_recorded(arrived.recorded)
    assert {span.name for span in arrived.recorded if span.status.code is StatusCode.ERROR} >= set(ERRORS)


# --- As a site configures it ---


def configuration(folder: Path, tracer: str) -> Path:
    """A file with the three plugins and the tracer, whose options are in the environment."""
    plugins = [f'[plugins.{name}]\nsandbox = "wasm"\npath = "{FIXTURES / module}.wasm"\n' for name, module in PLUGINS.items()]
    path = folder / "bext.config.toml"
    path.write_text("\n".join([*plugins, f'[tracer]\nname = "{tracer}"\n']), encoding="utf-8")
    return path


def dispatch_a_request(path: Path) -> None:
    host = PluginHost.from_config(path)
    try:
        with span_of(host.tracer, SpanStart("GET /", SpanKind.SERVER, parent=REMOTE, parent_is_remote=True)) as request:
            outcomes = host.dispatch("on_request_complete", {"method": "GET", "path": "/cart", "status": 200}, parent=request)
    finally:
        host.close()  # which flushes
    assert [type(outcome) for outcome in outcomes.values()] == [type(None), type(None), GuestTrap]


CONFIGURED_TREE = {
    name: "GET /" if parent in {"ask the shop", "ask for payment"} else parent
    for name, parent in TREE.items()
    if not name.startswith("ask ")
}


def test_tracer_datadog_of_a_configuration(tmp_path, monkeypatch):
    with running_test_agent(tmp_path) as agent:
        for name, value in {"DD_TRACE_AGENT_URL": agent.url, "DD_SERVICE": "site", "DD_ENV": "prod", "DD_VERSION": "7"}.items():
            monkeypatch.setenv(name, value)
        dispatch_a_request(configuration(tmp_path, "tracer-datadog"))
        [trace] = agent.traces()
        assert agent.failures()[0] == 200, agent.failures()[1]
    assert tree((each["span_id"], each["parent_id"], datadog_name(each)) for each in trace) == CONFIGURED_TREE
    assert {(each["service"], each["meta"]["env"], each["meta"]["version"]) for each in trace} == {("site", "prod", "7")}


def test_tracer_otlp_of_a_configuration(tmp_path, monkeypatch):
    with running_test_agent(tmp_path) as agent:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://{LOOPBACK}:{agent.otlp_port}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
        monkeypatch.setenv("OTEL_SERVICE_NAME", "site")
        dispatch_a_request(configuration(tmp_path, "tracer-otlp"))
        requests = agent.otlp_requests()
    assert services(requests) == {"site"}
    found = [
        (each.span_id, each.parent_id, full_name(each.name, dict(each.attributes).get("bext.plugin.name"))) for each in spans_read(requests)
    ]
    assert tree(found) == CONFIGURED_TREE
