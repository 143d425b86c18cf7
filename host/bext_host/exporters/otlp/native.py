"""The request written in C (host/native/otlp.h), for spans that are there already. The interpreter runs on meanwhile."""

from __future__ import annotations

from typing import Any, Final

from bext_host.extension import load_extension
from bext_host.recorder.native_batch import NativeSpans

_extension: Final = load_extension()
ffi: Final[Any] = _extension.ffi
lib: Final[Any] = _extension.lib


def encode_native(spans: NativeSpans, start: int, stop: int, resource: bytes) -> tuple[bytes, int]:
    """The request of spans `start` to `stop` - 1, and how many of them could not be encoded.

    Raises OverflowError where it would be larger than protobuf allows, MemoryError where there is no memory.
    """
    out = ffi.gc(ffi.new("bext_proto *"), lib.bext_proto_free)
    refused = ffi.new("uint64_t *")
    error = lib.bext_otlp_encode(spans.batch, start, stop, resource, len(resource), out, refused)
    if error == lib.BEXT_PROTO_TOO_LARGE:
        raise OverflowError("a request has at most 2 GiB")
    if error:
        raise MemoryError("no memory for a request")
    return bytes(ffi.buffer(out.bytes, out.used)) if out.used else b"", refused[0]
