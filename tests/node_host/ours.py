"""The same jobs on our host, with outcomes in the Node host's form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bext_abi import DropReason
from bext_host import ModuleRefused, Plugin, PluginError, PluginHost, PluginLimits, SpanRecorder
from bext_host.exporters import MemoryExporter
from node_host.traces import Json, trace_json

QUEUE_SPANS = 50_000
"""So that no guest here fills the queue: what is in it then depends on when somebody flushed."""
EVENT_HOOK = "on_request_complete"


@dataclass(frozen=True)
class Case:
    """A module and the call of one hook. `values` are the hook's arguments."""

    module: Path
    hook: str = EVENT_HOOK
    values: tuple[str | int, ...] = ("{}",)

    def __str__(self) -> str:
        folder, file = self.module.parts[-2:]
        return f"{folder}/{file}:{self.scenario or self.hook}"

    @property
    def scenario(self) -> str:
        """The conformance scenario that the event names, if one does."""
        event = json.loads(self.values[0]) if self.hook == EVENT_HOOK else {}
        return str(event.get("scenario", ""))

    @property
    def job(self) -> Json:
        """The case as the Node host takes it."""
        return {"module": str(self.module), "hook": self.hook, "values": self.values, "limits": {"queue_spans": QUEUE_SPANS}}


def outcome(case: Case, engine: str) -> Json:
    """What came of a case on our host: `trace`, `dropped` and `failure`, or `refused`."""
    exporter = MemoryExporter()
    recorder = SpanRecorder(exporter, sampler="always_on", max_queue=QUEUE_SPANS, engine=engine)
    host = PluginHost(recorder, engine=engine)
    try:
        plugin = host.load(case.module, limits=PluginLimits(timeout_seconds=60))
    except ModuleRefused as error:
        host.close()
        return {"refused": list(error.faults)}
    except PluginError as error:
        host.close()
        return {"trace": trace_json(exporter.spans), "dropped": {}, "failure": str(error)}
    failure = _failure(plugin, case)
    plugin.close()
    host.close()
    return {"trace": trace_json(exporter.spans), "dropped": counts(plugin.stats.dropped), "failure": failure}


def _failure(plugin: Plugin, case: Case) -> str | None:
    try:
        plugin.call(case.hook, *case.values)
    except PluginError as error:
        return str(error)
    return None


def counts(dropped: Mapping[DropReason, int]) -> dict[str, int]:
    """Drops by their words, without what never happened."""
    return {str(reason): count for reason, count in dropped.items() if count}
