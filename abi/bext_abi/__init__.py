"""The contract of bext-tracer: plain types, the TracerPlugin protocol, and the strict codec of the guest ABI.

`abi/ABI.md` is the normative text. This package imports neither wasmtime nor OpenTelemetry.
"""

from . import codec
from .constants import TRACER_ABI_MARKER, TRACER_ABI_VERSION, TRACER_IMPORT_MODULE
from .errors import BextTracerError, FlushError, MalformedPayload
from .handle import SpanHandle
from .reasons import DropReason, Rejection
from .tracer import HostTracerPlugin, TracerPlugin
from .types import AttrValue, SpanEvent, SpanKind, SpanLink, SpanStart, SpanStatus, StatusCode

__all__ = [
    "TRACER_ABI_MARKER",
    "TRACER_ABI_VERSION",
    "TRACER_IMPORT_MODULE",
    "AttrValue",
    "BextTracerError",
    "DropReason",
    "FlushError",
    "HostTracerPlugin",
    "MalformedPayload",
    "Rejection",
    "SpanEvent",
    "SpanHandle",
    "SpanKind",
    "SpanLink",
    "SpanStart",
    "SpanStatus",
    "StatusCode",
    "TracerPlugin",
    "codec",
]
