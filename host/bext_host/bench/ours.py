"""What this project is measured at: guests on either engine, whose spans go to SpanRecorder or to a Python tracer that does nothing."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Final

from wasmtime import Engine, Linker, Module, Store

from bext_abi import AttrValue, SpanEvent, SpanHandle, SpanStart, SpanStatus, TracerPlugin
from bext_host.boundary import TracerBridge, TracerScope
from bext_host.exporters.otlp import encode_request
from bext_host.limits import Limits
from bext_host.recorder import FinishedSpan, SpanRecorder

from .guest import guest_module
from .rounds import require

FLUSH_EVERY: Final = 10_000
"""Spans after which everybody drains; fewer than any queue holds."""

_FLUSH_SECONDS: Final = 60.0


class Nothing:
    """A TracerPlugin that does nothing but hand out handles."""

    name = "nothing"

    def __init__(self) -> None:
        self._spans = 0

    def start_span(self, span: SpanStart) -> SpanHandle:
        """A new handle."""
        self._spans += 1
        return SpanHandle(self._spans, self._spans)

    def set_attribute(self, span: SpanHandle, key: str, value: AttrValue) -> None:
        """Nothing."""

    def set_status(self, span: SpanHandle, status: SpanStatus) -> None:
        """Nothing."""

    def add_event(self, span: SpanHandle, event: SpanEvent) -> None:
        """Nothing."""

    def end_span(self, span: SpanHandle, end_time_unix_nanos: int | None = None) -> None:
        """Nothing."""

    def flush(self) -> None:
        """Nothing."""


RESOURCE: Final = {"service.name": "bench"}


class Drain:
    """An exporter that counts, and lets go."""

    name = "drain"

    def __init__(self) -> None:
        self.spans = 0

    def export(self, batch: Sequence[FinishedSpan], deadline: float) -> None:
        """Count them."""
        self.spans += len(batch)

    def shutdown(self, deadline: float) -> None:
        """Nothing."""


class ToOtlp(Drain):
    """An exporter that writes what OTLP's protobuf is, and sends it nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def export(self, batch: Sequence[FinishedSpan], deadline: float) -> None:
        """Encode them."""
        self.bytes += len(encode_request(batch, RESOURCE))
        super().export(batch, deadline)


class Guest:
    """An instance of the guest, on a bare linker, with its scope. Fuel is off."""

    def __init__(self, tracer: TracerPlugin, engine: str, limits: Limits | None = None) -> None:
        wasm = Engine()
        linker, self._store = Linker(wasm), Store(wasm)
        self.scope: TracerScope = TracerBridge(tracer, engine=engine, limits=limits).add_to_linker(linker, plugin_name="bench")
        self._exports: Any = linker.instantiate(self._store, Module(wasm, guest_module())).exports(self._store)

    def call(self, export: str, times: int) -> None:
        """Run one of the guest's loops."""
        self._exports[export](self._store, times)


class Tracing:
    """A contender whose tracer only takes what it is given."""

    def __init__(self, name: str, engine: str, export: str, operations: int) -> None:
        self.name = name
        self.operations = operations
        self._export = export
        self._guest = Guest(Nothing(), engine)
        self._done = 0

    def run(self, operations: int) -> None:
        """See Contender."""
        self._guest.call(self._export, operations)
        self._done += operations

    def check(self) -> None:
        """See Contender."""
        stats = self._guest.scope.stats
        recorded = stats.recorded["end_span"] if self._export == "spans" else stats.recorded["set_attribute"]
        require(self.name, {"recorded": recorded, "dropped": stats.dropped.total()}, {"recorded": self._done, "dropped": 0})


class Recording:
    """A contender that records spans into SpanRecorder, from one thread or several, each with an instance of its own."""

    def __init__(self, name: str, engine: str, operations: int, *, threads: int = 1, exporter: Drain | None = None) -> None:
        self.name = name
        self.operations = operations
        self._flush_every = FLUSH_EVERY // threads
        self._drain = exporter or Drain()
        self._recorder = SpanRecorder(self._drain, sampler="always_on", engine=engine)
        self._guests = [Guest(self._recorder, engine) for _ in range(threads)]
        self._done = 0

    def run(self, operations: int) -> None:
        """See Contender; `operations` is of all threads together."""
        each = operations // len(self._guests)
        for done in range(0, each, self._flush_every):
            self._record(min(self._flush_every, each - done))
            self._recorder.flush(_FLUSH_SECONDS)

    def _record(self, spans: int) -> None:
        others = [threading.Thread(target=guest.call, args=("spans", spans)) for guest in self._guests[1:]]
        for thread in others:
            thread.start()
        self._guests[0].call("spans", spans)
        for thread in others:
            thread.join()
        self._done += spans * len(self._guests)

    def check(self) -> None:
        """See Contender."""
        dropped = self._recorder.stats.dropped.total() + sum(guest.scope.stats.dropped.total() for guest in self._guests)
        require(self.name, {"drained": self._drain.spans, "dropped": dropped}, {"drained": self._done, "dropped": 0})
