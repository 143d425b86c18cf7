"""The golden vectors on the Node host: every accepted one is its value, every rejected one is rejected for the same word.

Payloads drawn at random are read alike by both hosts, to the word.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bext_abi import MalformedPayload, codec
from node_host.node import Node
from node_host.scripts import Writer
from support.vectors import Vector, attr_json, load, paths, span_event_json, span_start_json, span_status_json

pytestmark = pytest.mark.toolchain  # npm

PAYLOADS_DRAWN = 1_500
SECTIONS = ("canonical", "accepted", "rejected")
PAYLOADS = ("span_start", "attribute", "span_status", "span_event", "handle")
STRUCTS = (*PAYLOADS, "traceparent", "tracestate")


@pytest.fixture(scope="module")
def decoded(node: Node) -> dict[str, Any]:
    """By vector: `value` or `why`."""
    by_file = node.vectors(paths())
    return {
        f"{file.split('-', 1)[1].removesuffix('.json')}:{section}:{row['name']}": row
        for file, sections in by_file.items()
        for section, rows in sections.items()
        for row in rows
    }


def expected(vector: Vector) -> dict[str, Any]:
    """What the Node host should say of a vector."""
    row = vector.row
    if vector.struct == "tracestate":
        return {"value": "" if vector.section == "rejected" else row["text"]}
    if vector.section == "rejected":
        return {"why": row["why"]} if vector.struct in PAYLOADS else {"value": None}
    return {"value": row["value"]}


def memory_hex(vector: Vector) -> str:
    """The 24 bytes of a `handle` vector's value."""
    trace_id, span_id = (bytes.fromhex(vector.row["value"][key]) for key in ("trace_id", "span_id"))
    return "".join(part[::-1].hex() for part in (trace_id[:8], trace_id[8:], span_id))


def test_every_vector(decoded: dict[str, Any]):
    vectors = [vector for section in SECTIONS for vector in load(section, *STRUCTS)]
    assert len(decoded) == len(vectors) > 1000
    wrong = []
    for vector in vectors:
        found = {key: value for key, value in decoded[str(vector)].items() if key != "name"}
        if vector.struct == "handle" and "value" in found:
            assert found["value"].pop("memory") == vector.row.get("memory_hex", memory_hex(vector))
        if found != expected(vector):
            wrong.append((str(vector), found, expected(vector)))
    assert wrong == []


def _attribute_json(payload: bytes) -> dict[str, Any]:
    key, value = codec.decode_attribute(payload)
    return {"key": key, "value": attr_json(value)}


DECODERS: dict[str, Callable[[bytes], dict[str, Any]]] = {
    "span_start": lambda payload: span_start_json(codec.decode_span_start(payload).span),
    "attribute": _attribute_json,
    "span_status": lambda payload: span_status_json(codec.decode_span_status(payload)),
    "span_event": lambda payload: span_event_json(codec.decode_span_event(payload)),
}


def decoded_by_ours(struct: str, payload: bytes) -> dict[str, Any]:
    """`value` or `why`, as our codec has it."""
    try:
        return {"value": DECODERS[struct](payload)}
    except MalformedPayload as error:
        return {"why": str(error.why)}


@pytest.mark.parametrize("struct", DECODERS)
def test_payloads_drawn_at_random(node: Node, struct: str, tmp_path: Path):
    writer = Writer(len(struct))
    payloads = [writer.payload(struct) for _ in range(PAYLOADS_DRAWN)]
    rows = [{"name": str(number), "hex": payload.hex()} for number, payload in enumerate(payloads)]
    path = tmp_path / "drawn.json"
    path.write_text(json.dumps({"struct": struct, "canonical": [], "accepted": rows, "rejected": []}))
    theirs = node.vectors([path])[path.name]["accepted"]
    ours = [{"name": row["name"], **decoded_by_ours(struct, payload)} for row, payload in zip(rows, payloads, strict=True)]
    assert [(a, b, payload.hex()) for a, b, payload in zip(theirs, ours, payloads, strict=True) if a != b] == []
    assert len({row.get("why") for row in ours}) > 7, "the payloads are hardly damaged"
