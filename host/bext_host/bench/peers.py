"""The peers, where they are installed (`pip install 'bext-tracer[bench]'`): the OpenTelemetry SDK, and extism's host functions."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from typing import Any, Final

from wasmtime import wat2wasm

from bext_abi import codec

from .guest import ATTRIBUTES, SPAN_NAME, loop
from .ours import FLUSH_EVERY
from .rounds import require

_FLUSH_MILLIS: Final = 60_000


def installed(distribution: str) -> str | None:
    """The version of a distribution, None where it is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


class OpenTelemetrySdk:
    """The same spans on the OpenTelemetry SDK, through its batch processor into an exporter that lets go of them.

    With `encode` it makes OTLP's bytes of them first, as its OTLP exporters do.
    """

    def __init__(self, name: str, operations: int, *, encode: bool = False) -> None:
        if encode:
            from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans  # noqa: PLC0415  # may not be installed
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415  # may not be installed
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult  # noqa: PLC0415  # as above

        def export(_exporter: Any, spans: Sequence[Any]) -> Any:
            if encode:
                self._bytes += len(encode_spans(spans).SerializeToString())
            self._drained += len(spans)
            return SpanExportResult.SUCCESS

        drain: Any = type("Drain", (SpanExporter,), {"export": export})()
        self.name = name
        self.operations = operations
        self._done = 0
        self._drained = 0
        self._bytes = 0
        self._provider = TracerProvider()
        self._provider.add_span_processor(BatchSpanProcessor(drain, max_queue_size=2 * FLUSH_EVERY))
        self._tracer = self._provider.get_tracer("bench")

    def run(self, operations: int) -> None:
        """See Contender."""
        for done in range(0, operations, FLUSH_EVERY):
            for _ in range(min(FLUSH_EVERY, operations - done)):
                span = self._tracer.start_span(SPAN_NAME)
                for key, value in ATTRIBUTES:
                    span.set_attribute(key, value)
                span.end()
            self._provider.force_flush(_FLUSH_MILLIS)
        self._done += operations

    def check(self) -> None:
        """See Contender."""
        require(self.name, {"drained": self._drained}, {"drained": self._done})


_PAYLOAD: Final = codec.encode_attribute(*ATTRIBUTES[0])
_STORE_PAYLOAD: Final = " ".join(
    f"(call $store (i64.add (local.get $at) (i64.const {number})) (i32.const {byte}))" for number, byte in enumerate(_PAYLOAD)
)
_EXTISM_GUEST: Final = f"""
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u8" (func $store (param i64 i32)))
  (import "extism:host/env" "input_load_u64" (func $input (param i64) (result i64)))
  (import "extism:host/user" "set_attribute" (func $attribute (param i64 i64 i64 i64)))
  (memory (export "memory") 1)
  (func (export "attributes") (result i32) (local $n i32) (local $at i64)
    (local.set $at (call $alloc (i64.const {len(_PAYLOAD)})))
    {_STORE_PAYLOAD}
    (local.set $n (i32.wrap_i64 (call $input (i64.const 0))))
    {loop("(call $attribute (i64.const 1) (i64.const 2) (i64.const 3) (local.get $at))")}
    (i32.const 0)))"""


class Extism:
    """An extism host function that takes the bytes of an attribute and does nothing with them.

    The guest writes them into extism's memory once, before its loop, so that only the call and the reading are measured.
    """

    def __init__(self, name: str, operations: int) -> None:
        import extism  # noqa: PLC0415  # may not be installed

        self.name = name
        self.operations = operations
        self._bytes_read = 0
        self._done = 0

        def set_attribute(plugin: Any, inputs: Any, *_rest: Any) -> None:
            self._bytes_read += len(plugin.input_bytes(inputs[3]))

        handle_and_bytes = [extism.ValType.I64] * 4
        function = extism.host_fn(name="set_attribute", signature=(handle_and_bytes, []))(set_attribute)
        self._plugin = extism.Plugin(bytes(wat2wasm(_EXTISM_GUEST)), functions=[function])

    def run(self, operations: int) -> None:
        """See Contender."""
        self._plugin.call("attributes", operations.to_bytes(8, "little"))
        self._done += operations

    def check(self) -> None:
        """See Contender."""
        require(self.name, {"bytes": self._bytes_read}, {"bytes": self._done * len(_PAYLOAD)})
