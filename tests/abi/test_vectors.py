"""The codec against the golden vectors of `abi/vectors`: what it reads, what it writes, and what it refuses and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bext_abi import MalformedPayload, Rejection, SpanHandle, codec, traceparent
from bext_abi.constants import HANDLE_SIZE
from support import vectors
from support.vectors import Vector

PAYLOADS = ("span_start", "attribute", "span_status", "span_event", "handle")
SECTIONS = {"text": ("utf8", "utf16")}
ROW_KEYS = {
    "canonical": {"name", "hex", "hex_parts", "text", "value", "memory_hex", "i64"},
    "accepted": {"name", "hex", "hex_parts", "text", "value", "canonical_hex", "canonical_hex_parts"},
    "rejected": {"name", "hex", "hex_parts", "text", "why"},
    "utf8": {"name", "hex", "repaired_hex"},
    "utf16": {"name", "utf16", "repaired_hex"},
}


class Struct(NamedTuple):
    """How the project reads and writes one struct, and how a vector writes what was read."""

    decode: Callable[[bytes], Any]
    encode: Callable[[Any], bytes]
    to_json: Callable[[Any], Mapping[str, Any]]
    from_json: Callable[[Mapping[str, Any]], Any]


STRUCTS = {
    "span_start": Struct(
        lambda data: codec.decode_span_start(data).span, codec.encode_span_start, vectors.span_start_json, vectors.span_start
    ),
    "attribute": Struct(
        codec.decode_attribute,
        lambda pair: codec.encode_attribute(*pair),
        lambda pair: {"key": pair[0], "value": vectors.attr_json(pair[1])},
        lambda value: (value["key"], vectors.attr_value(value["value"])),
    ),
    "span_status": Struct(codec.decode_span_status, codec.encode_span_status, vectors.span_status_json, vectors.span_status),
    "span_event": Struct(codec.decode_span_event, codec.encode_span_event, vectors.span_event_json, vectors.span_event),
    "handle": Struct(
        lambda data: codec.decode_span_start(data).span,
        lambda span: codec.encode_span_start(span).removeprefix(vectors.HANDLE_AS_PARENT),
        lambda span: vectors.handle_json(span.parent),
        lambda value: vectors.span_start({"name": "s", "parent": value}),
    ),
}


def each(section: str, *structs: str) -> pytest.MarkDecorator:
    """The vectors of a section as the parameter `vector`, with readable ids."""
    return pytest.mark.parametrize("vector", vectors.load(section, *structs), ids=str)


@each("canonical", *PAYLOADS)
def test_a_canonical_payload_is_read_as_its_value(vector: Vector) -> None:
    struct = STRUCTS[vector.struct]
    assert struct.to_json(struct.decode(vector.payload)) == vector.row["value"]


@each("canonical", *PAYLOADS)
def test_a_value_is_written_as_its_canonical_payload(vector: Vector) -> None:
    struct = STRUCTS[vector.struct]
    assert struct.encode(struct.from_json(vector.row["value"])) == vector.bytes_of("hex")


@each("accepted", *PAYLOADS)
def test_any_legal_encoding_is_read_as_its_value(vector: Vector) -> None:
    struct = STRUCTS[vector.struct]
    assert struct.to_json(struct.decode(vector.payload)) == vector.row["value"]


@each("accepted", *PAYLOADS)
def test_what_was_read_is_written_in_its_canonical_form(vector: Vector) -> None:
    struct = STRUCTS[vector.struct]
    assert struct.encode(struct.decode(vector.payload)) == vector.bytes_of("canonical_hex")


@each("rejected", *PAYLOADS)
def test_a_malformed_payload_is_rejected_with_its_reason(vector: Vector) -> None:
    with pytest.raises(MalformedPayload) as caught:
        STRUCTS[vector.struct].decode(vector.payload)
    assert caught.value.why == vector.row["why"]


@each("canonical", "handle")
def test_a_handle_has_one_form_in_memory_and_one_as_three_i64(vector: Vector) -> None:
    value, memory = vectors.handle(vector.row["value"]), vector.bytes_of("memory_hex")
    assert len(memory) == HANDLE_SIZE
    assert (value.to_bytes(), SpanHandle.from_bytes(memory)) == (memory, value)
    assert [part % 2**64 for part in map(int, vector.row["i64"])] == list(value.to_parts())


@pytest.mark.parametrize("section", ["canonical", "accepted"])
def test_a_valid_traceparent_is_parsed(section: str) -> None:
    for vector in vectors.load(section, "traceparent"):
        value, text = vector.row["value"], vector.row["text"]
        assert SpanHandle.from_traceparent(text) == vectors.handle(value), vector
        parsed = traceparent.parse(text)
        assert parsed is not None, vector
        assert parsed.flags == value["flags"], vector


@each("canonical", "traceparent")
def test_a_handle_is_formatted_as_a_traceparent(vector: Vector) -> None:
    value = vector.row["value"]
    assert vectors.handle(value).to_traceparent(sampled=bool(value["flags"] & 1)) == vector.row["text"]


@each("rejected", "traceparent")
def test_an_invalid_traceparent_names_no_span(vector: Vector) -> None:
    assert SpanHandle.from_traceparent(vector.row["text"]) is None


@pytest.mark.parametrize("section", ["accepted", "rejected"])
def test_a_tracestate_is_kept_whole_or_counts_as_empty(section: str) -> None:
    for vector in vectors.load(section, "tracestate"):
        text = vector.row["text"]
        raw = text.encode()
        payload = bytes.fromhex("82a46e616d65a173ab74726163655f7374617465da") + len(raw).to_bytes(2, "big") + raw
        expected = text if section == "accepted" else ""
        assert codec.decode_span_start(payload).span.trace_state == expected, vector


@each("utf16", "text")
def test_ill_formed_text_is_repaired_where_it_is_written(vector: Vector) -> None:
    units = b"".join(bytes.fromhex(unit) for unit in vector.row["utf16"])
    text, repaired = units.decode("utf-16-be", "surrogatepass"), vector.bytes_of("repaired_hex")
    assert codec.decode_attribute(codec.encode_attribute("k", text)) == ("k", repaired.decode())
    assert codec.encode_attribute("k", text).endswith(repaired)


@each("utf8", "text")
def test_repair_replaces_each_maximal_ill_formed_subsequence(vector: Vector) -> None:
    """Python's own decoder follows the same practice, so that it can vouch for the vectors."""
    assert vector.bytes_of("hex").decode("utf-8", "replace").encode() == vector.bytes_of("repaired_hex")


@pytest.mark.parametrize("path", vectors.paths(), ids=lambda path: path.stem)
def test_a_vector_file_has_the_format_of_the_readme(path: Path) -> None:
    file = vectors.read(path)
    sections = SECTIONS.get(file["struct"], ("canonical", "accepted", "rejected"))
    assert list(file) == ["topic", "struct", "about", *sections]
    assert path.stem[3:] == file["topic"]
    for section in sections:
        names = [row["name"] for row in file[section]]
        assert len(set(names)) == len(names), section
        assert not {key for row in file[section] for key in row} - ROW_KEYS[section], section
    lines = path.read_text(encoding="ascii").splitlines()
    assert sum(line.startswith('    {"name": ') for line in lines) == sum(len(file[section]) for section in sections)


def test_no_payload_is_in_two_sections_of_a_file() -> None:
    """A payload with two verdicts would make every implementation fail one of them."""
    for path in vectors.paths():
        topic = path.stem[3:]
        payloads = [
            v.payload for section in ("canonical", "accepted", "rejected") for v in vectors.load(section, *PAYLOADS) if v.topic == topic
        ]
        assert len(set(payloads)) == len(payloads), topic


def test_every_rejection_has_a_vector_and_is_a_known_word() -> None:
    assert {vector.row["why"] for vector in vectors.load("rejected", *PAYLOADS)} == {reason.value for reason in Rejection}
