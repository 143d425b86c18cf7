"""What is used of OpenTelemetry's SDK (extra `otel`). The only module here that imports it, and only when it is first asked."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any, TypeVar

_T = TypeVar("_T")


@cache
def sdk() -> Any:
    """The SDK's classes. Raises ModuleNotFoundError, which says what to install, where they are missing."""
    try:
        from opentelemetry import attributes, trace  # noqa: PLC0415  # an extra
        from opentelemetry.sdk import resources, util  # noqa: PLC0415
        from opentelemetry.sdk import trace as sdk_trace  # noqa: PLC0415
        from opentelemetry.sdk.trace import export  # noqa: PLC0415
        from opentelemetry.sdk.util import instrumentation  # noqa: PLC0415
    except ModuleNotFoundError as missing:
        needs = "OpenTelemetry's exporters take the spans of opentelemetry-sdk: install bext-tracer[otel]"
        raise ModuleNotFoundError(f"{needs} ({missing})", name=missing.name) from None
    return SimpleNamespace(
        BoundedAttributes=attributes.BoundedAttributes,
        BoundedList=util.BoundedList,
        Event=sdk_trace.Event,
        InstrumentationScope=instrumentation.InstrumentationScope,
        Link=trace.Link,
        ReadableSpan=sdk_trace.ReadableSpan,
        Resource=resources.Resource,
        SpanContext=trace.SpanContext,
        SpanExportResult=export.SpanExportResult,
        SpanKind=trace.SpanKind,
        Status=trace.Status,
        StatusCode=trace.StatusCode,
        TraceFlags=trace.TraceFlags,
        TraceState=trace.TraceState,
    )


def uninstrumented(call: Callable[[], _T]) -> _T:
    """What `call()` returns; libraries that OpenTelemetry instruments record no span of what it does."""
    from opentelemetry import context  # noqa: PLC0415  # as above

    token = context.attach(context.set_value(context._SUPPRESS_INSTRUMENTATION_KEY, True))  # noqa: SLF001  # as the SDK's own processors do
    try:
        return call()
    finally:
        context.detach(token)
