"""RequestSpan: the span of one HTTP request in an ASGI server, with OpenTelemetry's semantic conventions (HTTP, server side).

It knows nothing of plugins but what they are told of a request. It records, and changes nothing of request or response.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final, TypeAlias

from bext_abi import AttrValue, SpanEvent, SpanHandle, SpanKind, SpanStart, SpanStatus, StatusCode, TracerPlugin
from bext_abi.traceparent import parse, valid_trace_state

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

METHODS: Final = {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}
"""Any other is `_OTHER`, so that a client cannot fill a trace view with names of its own."""


class RequestSpan:
    """Starts with the request, as part of the caller's trace. `answered` and then `end` are to be called, whatever happens.

    Between the two it is open, and its end is set already: so what begins below it later, like the plugins' calls, still finds the
    clock and the tracestate of its trace, and a viewer of traces gets the whole trace together.
    """

    def __init__(self, tracer: TracerPlugin, scope: Scope, route: str | None) -> None:
        self._tracer = tracer
        self._scope = scope
        self._status: int | None = None
        self._encoding = "identity"
        self._error_type: str | None = None
        self._nanos: int | None = None
        self._start_time = time.time_ns()
        self._started = time.monotonic_ns()
        self.handle = tracer.start_span(_span_start(scope, route, self._start_time))

    def watching(self, send: Send) -> Send:
        """`send`, from which the span learns how the request was answered."""

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._status = message["status"]
                self._encoding = ", ".join(_header(message.get("headers", ()), b"content-encoding")) or "identity"
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                self._nanos = time.monotonic_ns() - self._started

        return watched

    def raised(self, error: BaseException) -> None:
        """The application raised this, before the response was complete or after it."""
        self._error_type = type(error).__qualname__
        details = {
            "exception.type": self._error_type,
            "exception.message": str(error),
            "exception.stacktrace": "".join(traceback.format_exception(type(error), error, error.__traceback__)),
        }
        self._tracer.add_event(self.handle, SpanEvent("exception", details))

    def answered(self) -> None:
        """The application returned or raised: all is known of the answer."""
        if self._nanos is None:
            self._nanos = time.monotonic_ns() - self._started
            self._tracer.add_event(self.handle, SpanEvent("response incomplete"))  # as where the client went away
        if self._status is None:
            self._status = 500  # what a server answers where the application does not
        if self._status >= 500 and self._error_type is None:
            self._error_type = str(self._status)
        self._tracer.set_attribute(self.handle, "http.response.status_code", self._status)
        if self._error_type is not None:
            self._tracer.set_attribute(self.handle, "error.type", self._error_type)
            self._tracer.set_status(self.handle, SpanStatus(StatusCode.ERROR))

    def event(self) -> dict[str, object]:
        """What on_request_complete is told. What the application alone knows, it has put into the request's state."""
        state = self._scope.get("state", {})
        return {
            "path": self._scope["path"],
            "method": self._scope["method"],
            "status": self._status,
            "cache_status": str(state.get("cache_status", "BYPASS")),
            "render_time_us": (self._nanos or 0) // 1000,
            "tenant_id": str(state.get("tenant_id", "")),
            "site_id": str(state.get("site_id", "")),
            "encoding": self._encoding,
            "is_bot": "bot" in "".join(_header(self._scope["headers"], b"user-agent")).lower(),
        }

    def end(self) -> None:
        """End the span with the time at which the response was sent. Ending again does nothing."""
        self._tracer.end_span(self.handle, self._start_time + (self._nanos or 0))


def _span_start(scope: Scope, route: str | None, time_unix_nanos: int) -> SpanStart:
    method = scope["method"] if scope["method"] in METHODS else "_OTHER"
    named = "HTTP" if method == "_OTHER" else method
    parents = _header(scope["headers"], b"traceparent")
    caller = parse(parents[0]) if len(parents) == 1 else None  # what is not valid is ignored, and the trace begins here
    return SpanStart(
        name=named if route is None else f"{named} {route}",
        kind=SpanKind.SERVER,
        parent=None if caller is None else SpanHandle(caller.trace_id, caller.span_id),
        parent_is_remote=caller is not None,
        parent_flags=1 if caller is None else caller.flags,
        trace_state="" if caller is None else valid_trace_state(",".join(_header(scope["headers"], b"tracestate"))),
        attributes={"http.request.method": method, **_attributes(scope, route)},
        start_time_unix_nanos=time_unix_nanos,
        scope_name=__name__,
    )


def _attributes(scope: Scope, route: str | None) -> dict[str, AttrValue]:
    """The query is left out: it is where clients put what is nobody's business."""
    attributes: dict[str, AttrValue] = {
        "url.path": scope["path"],
        "url.scheme": scope.get("scheme", "http"),
        "network.protocol.version": scope["http_version"],
    }
    if route is not None:
        attributes["http.route"] = route
    for key in ("server", "client"):
        address, port = scope.get(key) or (None, None)
        if address is not None:
            attributes[f"{key}.address"] = address
        if port is not None:
            attributes[f"{key}.port"] = port
    for user_agent in _header(scope["headers"], b"user-agent"):
        attributes["user_agent.original"] = user_agent
    return attributes


def _header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> list[str]:
    """The values of a header; ASGI gives names in lower case, applications may not."""
    return [value.decode("latin-1") for key, value in headers if key.lower() == name]
