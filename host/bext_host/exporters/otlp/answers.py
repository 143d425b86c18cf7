"""What OTLP receivers say, read from protobuf: two messages of two fields each, so no protobuf package is needed.

    ExportTraceServiceResponse   1 partial_success: ExportTracePartialSuccess {1 rejected_spans: int64, 2 error_message: string}
    google.rpc.Status            1 code: int32, 2 message: string

What is malformed reads as empty: a strange answer to a request that succeeded, or failed, changes neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bext_host.exporters.http import Answer
from bext_host.exporters.http.answer import PartialSuccess, text_message

CONTENT_TYPE: Final = "application/x-protobuf"

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED: Final = {_FIXED64: 8, _FIXED32: 4}


def partial_success(answer: Answer) -> PartialSuccess:
    """The partial success in an answer to an export."""
    if not _is_protobuf(answer):
        return PartialSuccess()
    inner = _field(answer.body, 1)
    if not isinstance(inner, bytes):
        return PartialSuccess()
    rejected, message = _field(inner, 1), _field(inner, 2)
    count = rejected if isinstance(rejected, int) and rejected < 1 << 63 else 0  # a negative int64 is no count
    return PartialSuccess(count, _text(message))


def status_message(answer: Answer) -> str:
    """The message in an answer that refused: of a google.rpc.Status, or the text that a proxy wrote."""
    if not _is_protobuf(answer):
        return text_message(answer)
    return _text(_field(answer.body, 2))


def _is_protobuf(answer: Answer) -> bool:
    return answer.headers.get("content-type", "").partition(";")[0].strip().lower() in {CONTENT_TYPE, "application/protobuf"}


def _text(value: int | bytes | None) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


def _field(message: bytes, wanted: int) -> int | bytes | None:
    """The last value of a field, as protobuf has it; None where it is not there or the message ends too early or wrongly."""
    found: int | bytes | None = None
    try:
        for number, value in _fields(message):
            if number == wanted:
                found = value
    except (ValueError, IndexError):
        return None
    return found


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields in order. Raises ValueError or IndexError for what is no protobuf."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if kind == _BYTES:
            size, at = _varint(message, at)
        elif kind in _FIXED:
            size = _FIXED[kind]
        else:
            raise ValueError(f"wire type {kind}")
        if size > len(message) - at:
            raise ValueError("the message ends in a field")
        yield number, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & (1 << 64) - 1, at
    raise ValueError("a varint of more than ten bytes")
