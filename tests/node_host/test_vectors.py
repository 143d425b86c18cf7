"""The golden vectors on the Node host: every accepted one is its value, every rejected one is rejected for the same word."""

from __future__ import annotations

from typing import Any

import pytest

from node_host.node import Node
from support.vectors import Vector, load, paths

pytestmark = pytest.mark.toolchain  # npm

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
