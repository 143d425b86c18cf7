"""Reads the golden vectors (`abi/vectors`, format in its README) and turns their values into bext_abi's types and back.

Python values are compared as the vectors' JSON, never with `==`: there 1, 1.0 and True are equal, and a NaN is not itself.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bext_abi import AttrValue, SpanEvent, SpanHandle, SpanKind, SpanLink, SpanStart, SpanStatus, StatusCode

VECTORS = Path(__file__).resolve().parents[2] / "abi" / "vectors"
NAN_HEX = "7ff8000000000000"

# What stands before a `handle` vector to make it the parent of a SpanStart named "s".
HANDLE_AS_PARENT = bytes.fromhex("82a46e616d65a173a6706172656e74")


@dataclass(frozen=True)
class Vector:
    """One line of a vector file. `row` is its JSON, with long texts and arrays written out."""

    topic: str
    struct: str
    section: str
    row: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.topic}:{self.section}:{self.row['name']}"

    def bytes_of(self, key: str) -> bytes:
        """The bytes of `hex`, `canonical_hex` and the like, however they are written."""
        if key in self.row:
            return bytes.fromhex(self.row[key])
        return b"".join(bytes.fromhex(part) * count for part, count in self.row[f"{key}_parts"])

    @property
    def payload(self) -> bytes:
        """`hex`, as the payload of a host call."""
        return (HANDLE_AS_PARENT if self.struct == "handle" else b"") + self.bytes_of("hex")


def paths() -> list[Path]:
    """All vector files, in order."""
    return sorted(VECTORS.glob("*.json"))


@cache
def read(path: Path) -> dict[str, Any]:
    """The JSON of one file, as it stands."""
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="ascii"))
    return loaded


def load(section: str, *structs: str) -> list[Vector]:
    """The vectors of one section, of the structs named."""
    return [
        Vector(file["topic"], file["struct"], section, _written_out(row))
        for file in map(read, paths())
        if file["struct"] in structs
        for row in file[section]
    ]


def _written_out(node: Any) -> Any:
    if isinstance(node, list):
        return [_written_out(item) for item in node]
    if not isinstance(node, dict):
        return node
    for key in ("repeat_text", "repeat_item"):
        if key in node:
            item, count = node[key]
            return item * count if key == "repeat_text" else [item] * count
    return {key: _written_out(value) for key, value in node.items()}


# --- From the vectors' JSON to Python ---------------------------------------------------------------------------------


def _float(text: str) -> float:
    value: float = struct.unpack(">d", bytes.fromhex(text))[0]
    return value


_SCALARS: dict[str, Callable[[Any], Any]] = {"str": str, "bool": bool, "i64": int, "f64": _float}


def attr_value(json_value: Mapping[str, Any]) -> AttrValue:
    """The AttrValue of `{"i64": "1"}` and the like."""
    ((kind, value),) = json_value.items()
    if not isinstance(value, list):
        scalar: AttrValue = _SCALARS[kind](value)
        return scalar
    return tuple(_SCALARS[kind.removesuffix("_array")](item) for item in value)


def _attributes(json_value: Mapping[str, Any]) -> dict[str, AttrValue]:
    return {key: attr_value(value) for key, value in json_value.get("attributes", [])}


def handle(json_value: Mapping[str, str]) -> SpanHandle:
    """The SpanHandle of `{"trace_id": ..., "span_id": ...}`."""
    return SpanHandle(int(json_value["trace_id"], 16), int(json_value["span_id"], 16))


def _time(json_value: Mapping[str, Any], key: str) -> int | None:
    return int(json_value[key]) if key in json_value else None


def span_start(json_value: Mapping[str, Any]) -> SpanStart:
    """The SpanStart of a vector's value."""
    return SpanStart(
        name=json_value["name"],
        kind=SpanKind(json_value.get("kind", 0)),
        parent=handle(json_value["parent"]) if "parent" in json_value else None,
        parent_is_remote=json_value.get("parent_is_remote", False),
        parent_flags=int(json_value.get("parent_flags", 1)),
        trace_state=json_value.get("trace_state", ""),
        attributes=_attributes(json_value),
        links=tuple(SpanLink(handle(link["handle"]), _attributes(link)) for link in json_value.get("links", [])),
        start_time_unix_nanos=_time(json_value, "start_time_unix_nanos"),
    )


def span_status(json_value: Mapping[str, Any]) -> SpanStatus:
    """The SpanStatus of a vector's value."""
    return SpanStatus(StatusCode(json_value["code"]), json_value.get("message", ""))


def span_event(json_value: Mapping[str, Any]) -> SpanEvent:
    """The SpanEvent of a vector's value."""
    return SpanEvent(json_value["name"], _attributes(json_value), _time(json_value, "time_unix_nanos"))


# --- From Python to the vectors' JSON ---------------------------------------------------------------------------------


def _scalar_json(value: object) -> tuple[str, object]:
    match value:
        case bool():
            return "bool", value
        case str():
            return "str", value
        case int():
            return "i64", str(value)
        case float():
            return "f64", NAN_HEX if math.isnan(value) else struct.pack(">d", value).hex()
    raise TypeError(f"no AttrValue: {value!r}")


def attr_json(value: AttrValue) -> dict[str, object]:
    """`value` as a vector writes it."""
    if not isinstance(value, tuple):
        return dict([_scalar_json(value)])
    if not value:
        return {"empty_array": []}
    kinds, items = zip(*map(_scalar_json, value), strict=True)
    assert len(set(kinds)) == 1, f"not homogeneous: {value!r}"
    return {f"{kinds[0]}_array": list(items)}


def handle_json(value: SpanHandle) -> dict[str, str]:
    """`value` as a vector writes it."""
    return {"trace_id": value.trace_id_hex, "span_id": value.span_id_hex}


def _given(**fields: object) -> dict[str, object]:
    """The fields that are not at their default, where that is empty, zero or None."""
    return {key: value for key, value in fields.items() if value}


def _attributes_json(carrier: SpanStart | SpanLink | SpanEvent) -> dict[str, object]:
    return _given(
        attributes=[[key, attr_json(value)] for key, value in carrier.attributes.items()],
        dropped_attributes=carrier.dropped_attributes_count,
    )


def _time_json(key: str, value: int | None) -> dict[str, str]:
    return {} if value is None else {key: str(value)}


def _link_json(link: SpanLink) -> dict[str, object]:
    return {"handle": handle_json(link.handle), **_attributes_json(link)}


def span_start_json(span: SpanStart) -> dict[str, object]:
    """`span` as a vector writes it."""
    return {
        "name": span.name,
        **_given(
            kind=int(span.kind),
            parent=handle_json(span.parent) if span.parent is not None else None,
            parent_is_remote=span.parent_is_remote,
            parent_flags=str(span.parent_flags) if span.parent_flags != 1 else None,
            trace_state=span.trace_state,
            links=[_link_json(link) for link in span.links],
        ),
        **_attributes_json(span),
        **_time_json("start_time_unix_nanos", span.start_time_unix_nanos),
    }


def span_status_json(status: SpanStatus) -> dict[str, object]:
    """`status` as a vector writes it."""
    return {"code": int(status.code), **_given(message=status.message)}


def span_event_json(event: SpanEvent) -> dict[str, object]:
    """`event` as a vector writes it."""
    return {"name": event.name, **_attributes_json(event), **_time_json("time_unix_nanos", event.time_unix_nanos)}
