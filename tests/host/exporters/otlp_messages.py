"""OTLP messages by the generated classes of `opentelemetry-proto`: what lines are read with, and what they are held against."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status, TracesData

from bext_abi import AttrValue, SpanHandle
from bext_host import FinishedSpan

IDS = {"traceId", "spanId", "parentSpanId"}


def strict(line: str) -> Any:
    """A line of JSON without the constants that only Python reads."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(line, parse_constant=refuse)


def with_ids(value: Any, convert: Callable[[str], str]) -> Any:
    """The same JSON with all ids converted."""
    if isinstance(value, dict):
        return {key: convert(item) if key in IDS else with_ids(item, convert) for key, item in value.items()}
    return [with_ids(item, convert) for item in value] if isinstance(value, list) else value


def to_base64(text: str) -> str:
    return base64.b64encode(bytes.fromhex(text)).decode()


def to_hex(text: str) -> str:
    return base64.b64decode(text).hex()


def read(line: str) -> TracesData:
    """The message in a line; proto3's reader takes ids in base64, OTLP writes them in hex."""
    return json_format.ParseDict(with_ids(strict(line), to_base64), TracesData())


def as_json(message: TracesData) -> Any:
    """A message as protobuf's own writer would have it, with OTLP's ids, and the values of arrays even where there are none."""
    written = json_format.MessageToJson(message, use_integers_for_enums=True, indent=None)
    return with_ids(json.loads(written.replace('"arrayValue": {}', '"arrayValue": {"values": []}')), to_hex)


def spans_of(lines: Iterable[str]) -> list[Span]:
    return [span for line in lines for one in read(line).resource_spans for scope in one.scope_spans for span in scope.spans]


def any_value(value: AttrValue) -> AnyValue:
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    return AnyValue(array_value=ArrayValue(values=[any_value(item) for item in value]))


def key_values(attributes: Mapping[str, AttrValue]) -> list[KeyValue]:
    return [KeyValue(key=key, value=any_value(value)) for key, value in attributes.items()]


def trace_bytes(handle: SpanHandle) -> bytes:
    return handle.trace_id.to_bytes(16, "big")


def span_bytes(handle: SpanHandle | None) -> bytes:
    return b"" if handle is None else handle.span_id.to_bytes(8, "big")


def message_of(span: FinishedSpan) -> Span:
    """What OTLP makes of a span, said once more and in other words than the exporter says it."""
    return Span(
        trace_id=trace_bytes(span.handle),
        span_id=span_bytes(span.handle),
        trace_state=span.trace_state,
        parent_span_id=span_bytes(span.parent),
        flags=0x301 if span.parent_is_remote else 0x101,
        name=span.name,
        kind=Span.SpanKind.Value(f"SPAN_KIND_{span.kind.name}"),
        start_time_unix_nano=span.start_time_unix_nanos,
        end_time_unix_nano=span.end_time_unix_nanos,
        attributes=key_values(span.attributes),
        dropped_attributes_count=span.dropped_attributes_count,
        events=[
            Span.Event(
                time_unix_nano=event.time_unix_nanos,
                name=event.name,
                attributes=key_values(event.attributes),
                dropped_attributes_count=event.dropped_attributes_count,
            )
            for event in span.events
        ],
        dropped_events_count=span.dropped_events_count,
        links=[
            Span.Link(
                trace_id=trace_bytes(link.handle),
                span_id=span_bytes(link.handle),
                trace_state=link.trace_state,
                attributes=key_values(link.attributes),
                dropped_attributes_count=link.dropped_attributes_count,
                flags=0x300 if link.trace_state else 0,
            )
            for link in span.links
        ],
        dropped_links_count=span.dropped_links_count,
        status=status_of(span),
    )


def status_of(span: FinishedSpan) -> Status | None:
    code = Status.StatusCode.Value(f"STATUS_CODE_{span.status.code.name}")
    return Status(code=code, message=span.status.message) if code or span.status.message else None


def request_of(batch: Sequence[FinishedSpan], resource: Mapping[str, AttrValue]) -> TracesData:
    """The message that a batch should be."""
    scopes = list(dict.fromkeys((span.scope_name, span.scope_version) for span in batch))
    groups = [
        ScopeSpans(
            scope=InstrumentationScope(name=name, version=version) if name or version else None,
            spans=[message_of(span) for span in batch if (span.scope_name, span.scope_version) == (name, version)],
        )
        for name, version in scopes
    ]
    of_resource = Resource(attributes=key_values(resource)) if resource else None
    return TracesData(resource_spans=[ResourceSpans(resource=of_resource, scope_spans=groups)])
