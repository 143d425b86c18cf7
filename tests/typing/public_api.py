"""Read by the type checker only: the public API as its users type it. What must be an error is marked, and unused marks are errors."""

from __future__ import annotations

import wasmtime

from bext_abi import AttrValue, FlushError, SpanEvent, SpanHandle, SpanKind, SpanLink, SpanStart, SpanStatus, StatusCode, TracerPlugin
from bext_host import FinishedSpan, Limits, Plugin, PluginHost, SpanRecorder, TracerBridge, TracerScope, check_module, engine
from bext_host.exporters import MemoryExporter, StdoutExporter
from bext_host.testing import RecordingTracer


class OwnTracer:
    name = "own"

    def start_span(self, span: SpanStart) -> SpanHandle:
        parent: SpanHandle | None = span.parent
        return parent or SpanHandle.INVALID

    def set_attribute(self, span: SpanHandle, key: str, value: AttrValue) -> None: ...

    def set_status(self, span: SpanHandle, status: SpanStatus) -> None: ...

    def add_event(self, span: SpanHandle, event: SpanEvent) -> None: ...

    def end_span(self, span: SpanHandle, end_time_unix_nanos: int | None = None) -> None: ...

    def flush(self) -> None:
        raise FlushError({"own": "no route"})


class NoTracer:
    name = "none"


def tracers() -> list[TracerPlugin]:
    return [OwnTracer(), SpanRecorder(MemoryExporter(), StdoutExporter(format="json"), sampler="always_on"), RecordingTracer()]


def what_is_no_tracer() -> None:
    TracerBridge(NoTracer())  # type: ignore[arg-type]
    StdoutExporter(format="xml")  # type: ignore[arg-type]
    SpanHandle(1, 2).trace_id = 3  # type: ignore[misc]


def bridging(linker: wasmtime.Linker, module: wasmtime.Module) -> int:
    check_module(module, linker=linker)
    scope: TracerScope = TracerBridge(OwnTracer(), limits=Limits(span_events=4)).add_to_linker(linker, plugin_name="p")
    with scope.current(SpanHandle.INVALID), scope:
        pass
    return scope.stats.recorded["start_span"] + scope.stats.dropped["malformed"] + scope.close()


def hosting() -> list[FinishedSpan]:
    exporter = MemoryExporter()
    recorder = SpanRecorder(exporter)
    handle = recorder.start_span(SpanStart("s", SpanKind.SERVER, attributes={"a": 1, "b": [1.5]}, links=(SpanLink(SpanHandle(1, 2)),)))
    recorder.set_status(handle, SpanStatus(StatusCode.ERROR, "message"))
    with PluginHost(recorder, engine=engine) as host:
        plugin: Plugin = host.load("plugin.wasm")
        plugin.call("on_request_complete", {"path": "/"}, traceparent=handle.to_traceparent())
        plugin.call("on_reload", parent=handle)
        plugin.call("on_reload", parent=handle.to_traceparent())  # type: ignore[arg-type]
    return exporter.spans
