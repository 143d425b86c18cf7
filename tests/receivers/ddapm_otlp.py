"""Spans as the OTLP intake of Datadog's test agent read them, and the spans that were recorded, told in the same way."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable
from typing import Any

from bext_abi import AttrValue
from bext_host import FinishedSpan


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


def spans_read(requests: Iterable[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """All spans of these requests, as the receiver read them, in order."""
    groups = [group for request in requests for one in request["resource_spans"] for group in one["scope_spans"]]
    return sorted(_read(group.get("scope", {}), span) for group in groups for span in group["spans"])


def _read(scope: dict[str, str], span: dict[str, Any]) -> tuple[Any, ...]:
    return (
        span["name"], span["kind"], number(span["trace_id"]), number(span["span_id"]), number(span.get("parent_span_id", "")),
        int(span["start_time_unix_nano"]), int(span["end_time_unix_nano"]),
        [(each["key"], value(each["value"])) for each in span.get("attributes", [])],
        [(each["name"], int(each["time_unix_nano"])) for each in span.get("events", [])],
        span.get("status", {}).get("code"), span.get("status", {}).get("message", ""),
        (scope.get("name", ""), scope.get("version", "")),
    )  # fmt: skip


def spans_recorded(spans: Iterable[FinishedSpan]) -> list[tuple[Any, ...]]:
    """All these spans, told as `spans_read` tells those that came."""
    return sorted(_recorded(span) for span in spans)


def _recorded(span: FinishedSpan) -> tuple[Any, ...]:
    return (
        span.name, f"SPAN_KIND_{span.kind.name}", span.handle.trace_id, span.handle.span_id, span.parent.span_id if span.parent else 0,
        span.start_time_unix_nanos, span.end_time_unix_nanos,
        list(span.attributes.items()),
        [(event.name, event.time_unix_nanos) for event in span.events],
        f"STATUS_CODE_{span.status.code.name}" if span.status.code else None, span.status.message,
        (span.scope_name, span.scope_version),
    )  # fmt: skip
