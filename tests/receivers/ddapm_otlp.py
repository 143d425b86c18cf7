"""Spans as the OTLP intake of Datadog's test agent read them, and the spans that were recorded, told in the same way."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable
from typing import Any, NamedTuple

from bext_abi import AttrValue
from bext_host import FinishedSpan


class Told(NamedTuple):
    """A span, told alike whether it came or was recorded. Events are name, time and attributes, links are both ids and attributes."""

    name: str
    kind: str
    trace_id: int
    span_id: int
    parent_id: int
    start: int
    end: int
    flags: int
    trace_state: str
    attributes: list[tuple[str, AttrValue]]
    events: list[tuple[str, int, list[tuple[str, AttrValue]]]]
    links: list[tuple[int, int, list[tuple[str, AttrValue]]]]
    status: str | None
    message: str
    scope: tuple[str, str]


def value(found: dict[str, Any]) -> AttrValue:
    """An AnyValue; its 64-bit integers are texts."""
    [(kind, content)] = found.items()
    if kind == "array_value":
        return tuple(value(each) for each in content.get("values", ()))  # type: ignore[return-value]  # of one type, as it was sent
    return int(content) if kind == "int_value" else content


def number(text: str) -> int:
    return int.from_bytes(b64decode(text), "big")


def services(requests: Iterable[dict[str, Any]]) -> set[AttrValue]:
    """The names of the services that the requests come from."""
    attributes = [each for request in requests for one in request["resource_spans"] for each in one["resource"]["attributes"]]
    return {value(each["value"]) for each in attributes if each["key"] == "service.name"}


def spans_read(requests: Iterable[dict[str, Any]]) -> list[Told]:
    """All spans of these requests, as the receiver read them, in order."""
    groups = [group for request in requests for one in request["resource_spans"] for group in one["scope_spans"]]
    return sorted(_read(group.get("scope", {}), span) for group in groups for span in group["spans"])


def _attributes(holder: dict[str, Any]) -> list[tuple[str, AttrValue]]:
    return [(each["key"], value(each["value"])) for each in holder.get("attributes", [])]


def _read(scope: dict[str, str], span: dict[str, Any]) -> Told:
    return Told(
        span["name"], span["kind"], number(span["trace_id"]), number(span["span_id"]), number(span.get("parent_span_id", "")),
        int(span["start_time_unix_nano"]), int(span["end_time_unix_nano"]),
        span["flags"], span.get("trace_state", ""), _attributes(span),
        [(each["name"], int(each["time_unix_nano"]), _attributes(each)) for each in span.get("events", [])],
        [(number(each["trace_id"]), number(each["span_id"]), _attributes(each)) for each in span.get("links", [])],
        span.get("status", {}).get("code"), span.get("status", {}).get("message", ""),
        (scope.get("name", ""), scope.get("version", "")),
    )  # fmt: skip


def spans_recorded(spans: Iterable[FinishedSpan]) -> list[Told]:
    """All these spans, told as `spans_read` tells those that came."""
    return sorted(_recorded(span) for span in spans)


def _recorded(span: FinishedSpan) -> Told:
    return Told(
        span.name, f"SPAN_KIND_{span.kind.name}", span.handle.trace_id, span.handle.span_id, span.parent.span_id if span.parent else 0,
        span.start_time_unix_nanos, span.end_time_unix_nanos,
        0x301 if span.parent_is_remote else 0x101, span.trace_state, list(span.attributes.items()),
        [(event.name, event.time_unix_nanos, list(event.attributes.items())) for event in span.events],
        [(link.handle.trace_id, link.handle.span_id, list(link.attributes.items())) for link in span.links],
        f"STATUS_CODE_{span.status.code.name}" if span.status.code else None, span.status.message,
        (span.scope_name, span.scope_version),
    )  # fmt: skip
