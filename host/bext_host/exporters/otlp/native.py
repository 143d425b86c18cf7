"""The request written in C (host/native/otlp.h), for spans that are there already. The interpreter runs on meanwhile."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from bext_host.exporters.guarded_keys import RENAMED_PREFIX, GuardedKeys
from bext_host.extension import load_extension
from bext_host.recorder.native_batch import NativeSpans

_extension: Final = load_extension()
ffi: Final[Any] = _extension.ffi
lib: Final[Any] = _extension.lib


def encode_native(spans: NativeSpans, start: int, stop: int, resource: bytes, guarded: GuardedKeys | None = None) -> tuple[bytes, int]:
    """The request of spans `start` to `stop` - 1, and how many of them could not be encoded.

    Raises OverflowError where it would be larger than protobuf allows, MemoryError where there is no memory.
    """
    out = ffi.gc(ffi.new("bext_proto *"), lib.bext_proto_free)
    refused = ffi.new("uint64_t *")
    keys = ffi.NULL if guarded is None else _in_c(guarded)[0]
    error = lib.bext_otlp_encode(spans.batch, start, stop, resource, len(resource), keys, out, refused)
    if error == lib.BEXT_PROTO_TOO_LARGE:
        raise OverflowError("a request has at most 2 GiB")
    if error:
        raise MemoryError("no memory for a request")
    return bytes(ffi.buffer(out.bytes, out.used)) if out.used else b"", refused[0]


@cache
def _in_c(guarded: GuardedKeys) -> tuple[Any, ...]:
    """The bext_guarded_keys, and all that it points to, which must live as long. Exporters have few of them, each for good."""
    texts = [*sorted(guarded.keys), *guarded.prefixes, RENAMED_PREFIX]
    bytes_of = [ffi.from_buffer("uint8_t[]", text.encode()) for text in texts]
    views = [{"bytes": held, "length": len(held)} for held in bytes_of]
    prefixes_from = len(guarded.keys)
    keys = ffi.new("bext_guarded_key[]", [{"text": view, "is_prefix": at >= prefixes_from} for at, view in enumerate(views[:-1])])
    return ffi.new("bext_guarded_keys *", {"keys": keys, "count": len(keys), "put_before": views[-1]}), keys, bytes_of
