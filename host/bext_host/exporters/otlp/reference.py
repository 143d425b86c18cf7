"""The request built with the generated classes of `opentelemetry-proto` (extra `otlp`), for spans that Python recorded.

It is what the bytes of the native encoder are held against, and says which of our fields is which of OTLP's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from types import SimpleNamespace
from typing import Any, Final, TypeAlias

from bext_abi import AttrValue, SpanEvent, SpanLink
from bext_host.exporters.guarded_keys import GuardedKeys
from bext_host.recorder.span import FinishedSpan

SAMPLED: Final = 0x1
HAS_IS_REMOTE: Final = 0x100
IS_REMOTE: Final = 0x200

_U32: Final = 2**32 - 1

_UNGUARDED: Final = GuardedKeys(frozenset())


NameOf: TypeAlias = Callable[[str], str]


@cache
def messages() -> Any:
    """The generated classes. Raises ModuleNotFoundError, which says what to install, where they are missing."""
    try:
        from opentelemetry.proto.collector.trace.v1 import trace_service_pb2  # noqa: PLC0415  # an extra
        from opentelemetry.proto.common.v1 import common_pb2  # noqa: PLC0415
        from opentelemetry.proto.trace.v1 import trace_pb2  # noqa: PLC0415
    except ModuleNotFoundError as missing:
        needs = "spans that Python recorded become OTLP through opentelemetry-proto: install bext-tracer[otlp]"
        raise ModuleNotFoundError(f"{needs} ({missing})", name=missing.name) from None
    return SimpleNamespace(
        ExportTraceServiceRequest=trace_service_pb2.ExportTraceServiceRequest,
        AnyValue=common_pb2.AnyValue,
        ArrayValue=common_pb2.ArrayValue,
        KeyValue=common_pb2.KeyValue,
        ResourceSpans=trace_pb2.ResourceSpans,
        ScopeSpans=trace_pb2.ScopeSpans,
        Span=trace_pb2.Span,
        Status=trace_pb2.Status,
    )


def encode_reference(spans: Iterable[FinishedSpan], resource: bytes, guarded: GuardedKeys | None = None) -> tuple[bytes, int]:
    """The request of these spans, and how many of them could not be encoded."""
    name_of = (guarded or _UNGUARDED).harmless
    of = messages()
    resource_spans = of.ResourceSpans()
    resource_spans.resource.ParseFromString(resource)
    refused = 0
    scopes: dict[tuple[str, str], Any] = {}
    for span in spans:
        try:
            encoded = span_message(span, name_of)
            scope = (span.scope_name, span.scope_version)
            if scope not in scopes:
                scopes[scope] = _scope_spans(of, *scope)
        except (ValueError, TypeError):
            refused += 1
            continue
        scopes[scope].spans.append(encoded)
    if not scopes:
        return b"", refused
    resource_spans.scope_spans.extend(scopes.values())
    request = of.ExportTraceServiceRequest(resource_spans=[resource_spans])
    return bytes(request.SerializeToString(deterministic=True)), refused


def _scope_spans(of: Any, name: str, version: str) -> Any:
    scope_spans = of.ScopeSpans()
    scope_spans.scope.SetInParent()
    scope_spans.scope.name, scope_spans.scope.version = name, version
    return scope_spans


def span_message(span: FinishedSpan, name_of: NameOf) -> Any:
    """OTLP's Span, its attributes under the names that `name_of` gives their keys. A status that was never set is left out."""
    of = messages()
    message = of.Span(
        trace_id=_trace_id(span.handle.trace_id),
        span_id=_span_id(span.handle.span_id),
        trace_state=span.trace_state,
        parent_span_id=b"" if span.parent is None else _span_id(span.parent.span_id),
        name=span.name,
        kind=span.kind + 1,  # OTLP's 0 is "unspecified"
        start_time_unix_nano=span.start_time_unix_nanos,
        end_time_unix_nano=span.end_time_unix_nanos,
        attributes=_attributes(of, span.attributes, name_of),
        dropped_attributes_count=_count(span.dropped_attributes_count),
        events=[_event(of, event, name_of) for event in span.events],
        dropped_events_count=_count(span.dropped_events_count),
        links=[_link(of, link, name_of) for link in span.links],
        dropped_links_count=_count(span.dropped_links_count),
        flags=SAMPLED | HAS_IS_REMOTE | (IS_REMOTE if span.parent_is_remote else 0),
    )
    if span.status.code or span.status.message:
        message.status.CopyFrom(of.Status(code=span.status.code, message=span.status.message))
    return message


def _event(of: Any, event: SpanEvent, name_of: NameOf) -> Any:
    return of.Span.Event(
        time_unix_nano=event.time_unix_nanos,
        name=event.name,
        attributes=_attributes(of, event.attributes, name_of),
        dropped_attributes_count=_count(event.dropped_attributes_count),
    )


def _link(of: Any, link: SpanLink, name_of: NameOf) -> Any:
    """Only the host's links to a remote parent have a trace state; of the others nobody knows whether they are remote."""
    return of.Span.Link(
        trace_id=_trace_id(link.handle.trace_id),
        span_id=_span_id(link.handle.span_id),
        trace_state=link.trace_state,
        attributes=_attributes(of, link.attributes, name_of),
        dropped_attributes_count=_count(link.dropped_attributes_count),
        flags=HAS_IS_REMOTE | IS_REMOTE if link.trace_state else 0,
    )


def _trace_id(trace_id: int) -> bytes:
    return trace_id.to_bytes(16, "big")


def _span_id(span_id: int) -> bytes:
    return span_id.to_bytes(8, "big")


def _count(count: int) -> int:
    return min(count, _U32)


def _attributes(of: Any, attributes: Mapping[str, AttrValue], name_of: NameOf = _UNGUARDED.harmless) -> list[Any]:
    return [of.KeyValue(key=name_of(key), value=_any_value(of, value)) for key, value in attributes.items()]


def _any_value(of: Any, value: AttrValue) -> Any:
    """An AnyValue. One of an empty text, of 0 or of False has it set all the same."""
    for kind, build in _SCALARS.items():
        if isinstance(value, kind):
            return build(of, value)
    assert isinstance(value, (tuple, list))
    return of.AnyValue(array_value=of.ArrayValue(values=[_any_value(of, item) for item in value]))


_SCALARS: Final[dict[type, Callable[[Any, Any], Any]]] = {
    str: lambda of, value: of.AnyValue(string_value=value),
    bool: lambda of, value: of.AnyValue(bool_value=value),  # before int, of which it is a kind
    int: lambda of, value: of.AnyValue(int_value=value),
    float: lambda of, value: of.AnyValue(double_value=value),
}
