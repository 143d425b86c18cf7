"""What must hold of any payload: the codec in Python, the decoder in C and msgpack with ABI.md in hand make the same of it.

For all four structs: the same value, or the same word of rejection. What msgpack rejects is rejected by the framing; of what it accepts the
framing rejects only what is nested too deep. What was accepted is encoded and read back as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bext_abi import MalformedPayload, Rejection, SpanStart, codec
from bext_abi.codec import DecodedSpanStart
from fuzz import msgpack_peer
from native.c_decoder import CDecoder

FRAMING = {
    Rejection.TRUNCATED,
    Rejection.RESERVED_BYTE,
    Rejection.TOO_DEEP,
    Rejection.COUNT_EXCEEDS_BYTES,
    Rejection.TRAILING_BYTES,
}


def _encode_pair(pair: tuple[str, Any]) -> bytes:
    return codec.encode_attribute(*pair)


STRUCTS: dict[str, tuple[Callable[[bytes], Any], Callable[[Any], bytes]]] = {
    "span_start": (codec.decode_span_start, codec.encode_span_start),
    "attribute": (codec.decode_attribute, _encode_pair),
    "span_status": (codec.decode_span_status, codec.encode_span_status),
    "span_event": (codec.decode_span_event, codec.encode_span_event),
}
DEEPEST = 8


class Disagreement(AssertionError):
    """Two of them make something else of the same bytes."""


def outcome(decode: Callable[[bytes], Any], data: bytes) -> tuple[Any, Rejection | None]:
    """What a decoder makes of the bytes, and why it rejects them."""
    try:
        return decode(data), None
    except MalformedPayload as malformed:
        return None, malformed.why


def told(value: Any, why: Rejection | None) -> str:
    """An outcome as text, where 1, 1.0 and True differ, every NaN is one, and maps show their order."""
    return repr(value) if why is None else f"rejected: {why}"


def _agree(what: str, struct: str, data: bytes, ours: str, theirs: str) -> None:
    if ours != theirs:
        raise Disagreement(f"{struct} of {data.hex()}: {ours} in Python, {theirs} {what}")


def _check_c(decoder: CDecoder, struct: str, data: bytes, ours: str) -> None:
    _agree("in C", struct, data, ours, told(*outcome(getattr(decoder, f"decode_{struct}"), data)))


def _check_msgpack(struct: str, data: bytes, value: Any, why: Rejection | None) -> None:
    try:
        tree = msgpack_peer.unpack(data)
    except msgpack_peer.NoOpinion:
        return
    except ValueError:
        if why not in FRAMING:
            raise Disagreement(f"{struct} of {data.hex()}: {told(value, why)}, but msgpack rejects it") from None
        return
    if msgpack_peer.is_deeper(tree, DEEPEST):
        _agree("by depth", struct, data, told(value, why), told(None, Rejection.TOO_DEEP))
        return
    try:
        theirs = told(msgpack_peer.READERS[struct](tree), None)
    except msgpack_peer.Refused as refused:
        theirs = told(None, refused.why)
    _agree("by msgpack", struct, data, told(value, why), theirs)


def _without_drops(value: Any) -> Any:
    """The value as its encoding carries it: how much was dropped of it is not on the wire."""
    if isinstance(value, SpanStart):
        links = tuple(replace(link, dropped_attributes_count=0) for link in value.links)
        return replace(value, links=links, dropped_attributes_count=0)
    return replace(value, dropped_attributes_count=0) if hasattr(value, "dropped_attributes_count") else value


def _check_encoding(struct: str, value: Any) -> None:
    decode, encode = STRUCTS[struct]
    data = encode(value)
    back = decode(data)
    plain = back.span if isinstance(back, DecodedSpanStart) else back
    _agree("when encoded", struct, data, repr(_without_drops(value)), repr(plain))


def check(decoder: CDecoder, data: bytes) -> int:
    """Raise Disagreement where the property does not hold. How many of the structs the bytes are."""
    accepted = 0
    for struct, (decode, _) in STRUCTS.items():
        decoded, why = outcome(decode, data)
        _check_c(decoder, struct, data, told(decoded, why))
        value = decoded.span if isinstance(decoded, DecodedSpanStart) else decoded
        _check_msgpack(struct, data, value, why)
        if why is None:
            accepted += 1
            _check_encoding(struct, value)
    return accepted
