"""The C decoder against the golden vectors of `abi/vectors`: what it reads, what it drops, and what it refuses and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from bext_abi import MalformedPayload
from native.c_decoder import REJECTIONS, CDecoder
from support import vectors
from support.vectors import Vector

# By the struct of the vector: the payload's value, as the vectors write it.
DECODE: Mapping[str, Callable[[CDecoder, bytes], Mapping[str, Any]]] = {
    "span_start": lambda decoder, data: vectors.span_start_json(decoder.decode_span_start(data).span),
    "attribute": lambda decoder, data: attribute_json(*decoder.decode_attribute(data)),
    "span_status": lambda decoder, data: vectors.span_status_json(decoder.decode_span_status(data)),
    "span_event": lambda decoder, data: vectors.span_event_json(decoder.decode_span_event(data)),
    "handle": lambda decoder, data: vectors.handle_json(decoder.decode_span_start(data).span.parent),
}


def attribute_json(key: str, value: Any) -> Mapping[str, Any]:
    return {"key": key, "value": vectors.attr_json(value)}


def each(*sections: str, structs: tuple[str, ...] = tuple(DECODE)) -> pytest.MarkDecorator:
    """The vectors of these sections as the parameter `vector`, with readable ids."""
    return pytest.mark.parametrize("vector", [v for section in sections for v in vectors.load(section, *structs)], ids=str)


@each("canonical", "accepted")
def test_a_legal_payload_is_read_as_its_value(decoder: CDecoder, vector: Vector) -> None:
    """Dropped attributes are part of the value."""
    assert DECODE[vector.struct](decoder, vector.payload) == vector.row["value"]


@each("rejected")
def test_a_malformed_payload_is_rejected_with_its_reason(decoder: CDecoder, vector: Vector) -> None:
    with pytest.raises(MalformedPayload) as caught:
        DECODE[vector.struct](decoder, vector.payload)
    assert caught.value.why == vector.row["why"]


@each("canonical", "accepted", structs=("attribute",))
def test_the_view_of_an_attribute_names_its_bytes(decoder: CDecoder, vector: Vector) -> None:
    payload = vector.payload
    view = decoder.attribute_view(payload)
    header = {0x92: 1, 0xDC: 3, 0xDD: 5}[payload[0]]
    assert view.pair_bytes == len(payload) - header
    assert decoder.raw_value(view.value) == payload[-view.value.length :]
    assert decoder.decode_attribute(b"\x92\xa1k" + decoder.raw_value(view.value))[0] == "k"


@pytest.mark.parametrize("section", ["accepted", "rejected"])
def test_a_tracestate_is_valid_or_not(decoder: CDecoder, section: str) -> None:
    for vector in vectors.load(section, "tracestate"):
        assert decoder.is_trace_state(vector.row["text"].encode()) == (section == "accepted"), vector


@pytest.mark.parametrize("section", ["accepted", "rejected"])
def test_a_tracestate_is_kept_whole_or_counts_as_empty(decoder: CDecoder, section: str) -> None:
    for vector in vectors.load(section, "tracestate"):
        text = vector.row["text"].encode()
        payload = bytes.fromhex("82a46e616d65a173ab74726163655f7374617465da") + len(text).to_bytes(2, "big") + text
        expected = vector.row["text"] if section == "accepted" else ""
        assert decoder.decode_span_start(payload).span.trace_state == expected, vector


@each("utf8", structs=("text",))
def test_text_that_needs_repair_is_not_utf8_and_repaired_text_is(decoder: CDecoder, vector: Vector) -> None:
    raw, repaired = vector.bytes_of("hex"), vector.bytes_of("repaired_hex")
    assert decoder.is_utf8(repaired)
    assert decoder.is_utf8(raw) == (raw == repaired)


def test_the_vectors_meet_every_rejection_of_the_decoder(decoder: CDecoder) -> None:
    met = {vector.row["why"] for vector in vectors.load("rejected", *DECODE)}
    assert met == {word.value for word in REJECTIONS}
