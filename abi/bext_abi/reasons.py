"""The words for what was dropped (ABI.md, "Drop reasons") and why a payload is malformed (ABI.md, "Decoding")."""

from enum import Enum


class DropReason(str, Enum):
    """Why a host call, a part of one, or a finished span was dropped. The value is the word used in statistics."""

    OUT_OF_BOUNDS = "out_of_bounds"
    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    UNKNOWN_HANDLE = "unknown_handle"
    RESERVED_KEY = "reserved_key"
    OPEN_SPAN_LIMIT = "open_span_limit"
    ATTRIBUTE_LIMIT = "attribute_limit"
    EVENT_LIMIT = "event_limit"
    LINK_LIMIT = "link_limit"
    MEMORY_LIMIT = "memory_limit"
    WRONG_STORE = "wrong_store"
    SCOPE_CLOSED = "scope_closed"
    TRACER_ERROR = "tracer_error"
    QUEUE_FULL = "queue_full"
    UNENCODABLE = "unencodable"
    EXPORT_FAILED = "export_failed"

    def __str__(self) -> str:
        return self.value


class Rejection(str, Enum):
    """Why a payload, or one attribute in it, is malformed. All of them count as `DropReason.MALFORMED`."""

    TRUNCATED = "truncated"
    RESERVED_BYTE = "reserved_byte"
    TOO_DEEP = "too_deep"
    COUNT_EXCEEDS_BYTES = "count_exceeds_bytes"
    TRAILING_BYTES = "trailing_bytes"
    WRONG_TYPE = "wrong_type"
    WRONG_LENGTH = "wrong_length"
    MISSING_FIELD = "missing_field"
    NOT_UTF8 = "not_utf8"
    OUT_OF_RANGE = "out_of_range"
    MIXED_ARRAY = "mixed_array"
    EMPTY_KEY = "empty_key"

    def __str__(self) -> str:
        return self.value
