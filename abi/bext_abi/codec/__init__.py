"""The codec of the guest ABI: strict, bounded decoding of a guest's bytes, and the canonical encoding."""

from .decode import (
    DecodedSpanStart,
    decode_attribute,
    decode_span_event,
    decode_span_start,
    decode_span_status,
)
from .encode import encode_attribute, encode_span_event, encode_span_start, encode_span_status

__all__ = [
    "DecodedSpanStart",
    "decode_attribute",
    "decode_span_event",
    "decode_span_start",
    "decode_span_status",
    "encode_attribute",
    "encode_span_event",
    "encode_span_start",
    "encode_span_status",
]
