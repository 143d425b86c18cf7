"""What OTLP receivers say, read from protobuf: two messages of two fields each, so no protobuf package is needed.

    ExportTraceServiceResponse   1 partial_success: ExportTracePartialSuccess {1 rejected_spans: int64, 2 error_message: string}
    google.rpc.Status            1 code: int32, 2 message: string

What is malformed reads as empty: a strange answer to a request that succeeded, or failed, changes neither.
"""

from __future__ import annotations

from typing import Final

from bext_host.exporters.http import Answer
from bext_host.exporters.http.answer import PartialSuccess, text_message

from .wire import fields

CONTENT_TYPE: Final = "application/x-protobuf"


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
        for number, value in fields(message):
            if number == wanted:
                found = value
    except (ValueError, IndexError):
        return None
    return found
