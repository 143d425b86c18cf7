"""A host that runs what was made up, and what must be true of it whatever it did."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from bext_host import FinishedSpan, Plugin, PluginError, PluginHost, PluginLimits, SpanRecorder
from bext_host.exporters import MemoryExporter
from bext_host.runtime.module_cache import ModuleCache
from support.recording import assert_well_formed
from support.wat import CURRENT, Guest, hook

LIMITS = PluginLimits(
    fuel=dict.fromkeys(("on_reload", "on_request_complete", "on_server_start", "on_server_stop", "cleanup", "priority"), 200_000),
    memory_bytes=8 * 65536,
)
EVENT = {"path": "/", "status": 200}


def neighbour_module() -> bytes:
    """A plugin that records one span in each call, below the host's."""
    build = Guest()
    return build.module(hook("on_reload", build.current(), build.start(1, "neighbour", CURRENT), build.end(1)))


NEIGHBOUR = neighbour_module()


class Hosted:
    """A host on a recorder, or on `tracer`, with a neighbour that must be served whatever the others do."""

    def __init__(self, engine: str, folder: Path, tracer: Any = None) -> None:
        self.exporter = MemoryExporter()
        self.recorder = SpanRecorder(self.exporter, sampler="always_on")
        self.host = PluginHost(self.recorder if tracer is None else tracer, engine=engine, cache=ModuleCache(folder), flush_seconds=3600)
        self.neighbour = self.host.load(NEIGHBOUR, "neighbour")
        self.served = 0
        self.endings: list[str] = []
        self.plugins: list[Plugin] = []

    def load(self, module: bytes, name: str = "made up") -> Plugin | None:
        """Load it; None where its start-up did not end well."""
        try:
            plugin = self.host.load(module, name, limits=LIMITS)
        except PluginError as error:
            self._ended(error)
            return None
        self.plugins.append(plugin)
        return plugin

    def call(self, plugin: Plugin, name: str, *arguments: Any) -> None:
        """Call a hook, however it ends, and the neighbour after it."""
        try:
            plugin.call(name, *arguments)
        except PluginError as error:
            self._ended(error)
        else:
            self.endings.append("ok")
        self.serve_neighbour()

    def _ended(self, error: PluginError) -> None:
        assert str(error).isprintable(), error
        self.endings.append(f"{error.outcome}: {error.what}")

    def serve_neighbour(self) -> None:
        self.neighbour.call("on_reload")
        self.served += 1

    def close(self) -> None:
        self.host.close()

    def check_counters(self) -> None:
        """After `close`, with a tracer that takes everything: every start has its end, and every call became something."""
        for plugin in [self.neighbour, *self.plugins]:
            stats = plugin.stats
            assert plugin.all_stats.open_spans == 0
            assert stats.recorded["start_span"] == stats.recorded["end_span"] + stats.abandoned
            became = stats.unsampled + stats.ignored + sum(stats.dropped.values()) + sum(stats.recorded.values())
            assert sum(stats.calls.values()) <= became
            assert all(stats.recorded[operation] <= stats.calls[operation] for operation in stats.calls)
        assert self.neighbour.stats.recorded["end_span"] == self.served
        assert self.neighbour.all_stats.errors == {}

    def check_spans(self) -> list[FinishedSpan]:
        """After `close`, with a recorder: what was exported is every span once, each whole, the neighbour's its own."""
        self.recorder.flush()
        spans = list(self.exporter.spans)
        counters = self.recorder.stats
        assert self.recorder.open_spans == 0
        assert counters.started == counters.ended == len(spans) + counters.dropped["queue_full"]
        for span in spans:
            assert_well_formed(span)
        assert not [handle for handle, times in Counter(span.handle for span in spans).items() if times > 1]
        self._check_neighbours(spans)
        return spans

    def _check_neighbours(self, spans: list[FinishedSpan]) -> None:
        theirs = [span for span in spans if span.scope_name == "neighbour"]
        assert len(theirs) == self.served
        hosts = {span.handle for span in spans if span.attributes.get("bext.plugin.name") == "neighbour"}
        assert {span.parent for span in theirs} <= hosts
        assert all(span.name == "neighbour" and not span.attributes and not span.events for span in theirs)


def check_listed(calls: list[tuple[Any, ...]]) -> None:
    """What a RecordingTracer listed: each started span ends once, and nothing is done to it after that or before it started."""
    is_open: set[Any] = set()
    for operation, *arguments in calls:
        if operation == "start_span":
            assert arguments[1] not in is_open
            is_open.add(arguments[1])
        elif operation not in ("flush", "add_dropped"):
            assert arguments[0] in is_open, operation
            is_open -= {arguments[0]} if operation == "end_span" else set()
    assert is_open == set()
