"""Finished spans as the bytes of OTLP's ExportTraceServiceRequest: in C where the spans are there, else with OpenTelemetry's classes.

Both ways give the same bytes. Spans are grouped by their scope in one ResourceSpans; a range of a batch can be encoded alone, so that a
batch can be cut by its encoded size, and halved when a receiver refuses it. Nothing is sent here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bext_abi import AttrValue
from bext_host.exporters.guarded_keys import GuardedKeys
from bext_host.recorder.native_batch import NativeSpans
from bext_host.recorder.span import FinishedSpan

from .reference import encode_reference
from .resource import encode_resource


@dataclass(frozen=True, slots=True)
class Encoded:
    """The request of the spans number `start` to `stop` - 1 of a batch.

    `unencodable` of them are not in it, each of which was dropped alone. Where none is left `data` is empty: there is nothing to send.
    """

    data: bytes
    start: int
    stop: int
    unencodable: int = 0

    @property
    def spans(self) -> int:
        """How many spans are in the request."""
        return self.stop - self.start - self.unencodable


def encode_request(batch: Sequence[FinishedSpan], resource: Mapping[str, AttrValue]) -> bytes:
    """The request of a whole batch from a resource with these attributes. For what it raises see `encode_range` and `encode_resource`."""
    return encode_range(batch, 0, len(batch), encode_resource(resource)).data


def encode_range(batch: Sequence[FinishedSpan], start: int, stop: int, resource: bytes, guarded: GuardedKeys | None = None) -> Encoded:
    """The request of spans `start` to `stop` - 1, which are indices of the batch as `range` has them; `resource`: see `encode_resource`.

    Attributes of spans, events and links whose keys are `guarded` come under a name that commands nothing; the resource is the site's.
    Raises OverflowError where it would have more than protobuf's 2 GiB, MemoryError, and ModuleNotFoundError where the spans are Python's
    and `opentelemetry-proto` is not installed.
    """
    start = max(start, 0)
    stop = max(start, min(stop, len(batch)))
    if isinstance(batch, NativeSpans):
        from .native import encode_native  # noqa: PLC0415  # there is no such module without the extension

        return _encoded(encode_native(batch, start, stop, resource, guarded), start, stop)
    return _encoded(encode_reference(batch[start:stop], resource, guarded), start, stop)


def _encoded(written: tuple[bytes, int], start: int, stop: int) -> Encoded:
    data, unencodable = written
    return Encoded(data, start, stop, unencodable)


def encode_cut(batch: Sequence[FinishedSpan], start: int, stop: int, resource: bytes, at_most_bytes: int) -> Iterator[Encoded]:
    """Requests of at most so many bytes that together have the spans `start` to `stop` - 1, in their order.

    A span that is larger alone comes alone; the caller decides what becomes of it. One that no request can hold is unencodable.
    """
    waiting = [(start, min(stop, len(batch)))]
    while waiting:
        first, last = waiting.pop()
        encoded = _encoded_or_none(batch, first, last, resource)
        if encoded is not None and (len(encoded.data) <= at_most_bytes or last - first <= 1):
            yield encoded
        else:
            pieces = 2 if encoded is None else -(-len(encoded.data) // max(at_most_bytes, 1))
            waiting.extend(reversed(_cut(first, last, pieces)))


def _encoded_or_none(batch: Sequence[FinishedSpan], start: int, stop: int, resource: bytes) -> Encoded | None:
    """The range encoded; None where it is too large, and more than one span."""
    try:
        return encode_range(batch, start, stop, resource)
    except OverflowError:
        return None if stop - start > 1 else Encoded(b"", start, stop, unencodable=1)


def _cut(start: int, stop: int, pieces: int) -> list[tuple[int, int]]:
    """The range in at least two pieces of about the same number of spans, with one span each at least."""
    size = max((stop - start) // max(pieces, 2), 1)
    return [(first, min(first + size, stop)) for first in range(start, stop, size)]
