"""HookSpan: the host's own span round one call into a plugin. It tells how the call ended, whatever tracer there is."""

from __future__ import annotations

from dataclasses import dataclass

from bext_abi import AttrValue, SpanEvent, SpanHandle, SpanStart, SpanStatus, StatusCode
from bext_abi.constants import PARENT_FLAGS_DEFAULT, TRACE_FLAG_SAMPLED
from bext_abi.traceparent import parse, valid_trace_state
from bext_host.boundary.contained import ContainedTracer

from .call_meter import CallMeter
from .errors import GuestEnded, PluginError

SCOPE_NAME = "bext_host"


@dataclass(frozen=True, slots=True)
class CallContext:
    """Where a call stands in a trace, in the words of SpanStart. By default it begins a trace of its own."""

    parent: SpanHandle | None = None
    parent_is_remote: bool = False
    parent_flags: int = PARENT_FLAGS_DEFAULT
    trace_state: str = ""

    @classmethod
    def of(cls, parent: SpanHandle | None, traceparent: str | None, tracestate: str) -> CallContext:
        """Below a span of the host's tracer; without one, where a request's W3C headers say. Raises TypeError for what is neither."""
        if parent is not None:
            if not isinstance(parent, SpanHandle):
                raise TypeError(f"parent must be a SpanHandle, not {type(parent).__name__}")
            return cls(parent)
        remote = None if traceparent is None else parse(traceparent)
        if remote is None:
            return cls()
        return cls(SpanHandle(remote.trace_id, remote.span_id), True, remote.flags, valid_trace_state(tracestate))

    @property
    def is_sampled(self) -> bool:
        """Whether there may be a span; the host's root sampler has its say as well."""
        if self.parent is not None and self.parent.is_invalid:
            return False
        return bool(self.parent_flags & TRACE_FLAG_SAMPLED)


class HookSpan:
    """Started with the call, ended with its outcome. Its handle is INVALID where it is not sampled.

    `start_time` is in nanoseconds since the Unix epoch, None for now.
    """

    def __init__(
        self, tracer: ContainedTracer, plugin: str, hook: str, context: CallContext, version: str, start_time: int | None = None
    ) -> None:
        self._tracer = tracer
        start = SpanStart(
            name=hook,
            parent=context.parent,
            parent_is_remote=context.parent_is_remote,
            parent_flags=context.parent_flags,
            trace_state=context.trace_state,
            attributes={"bext.plugin.name": plugin, "bext.plugin.hook": hook},
            start_time_unix_nanos=start_time,
            scope_name=SCOPE_NAME,
            scope_version=version,
        )
        # Decided here, so that every tracer agrees.
        self.handle = (tracer.start_span(start) if context.is_sampled else None) or SpanHandle.INVALID

    def end(self, error: BaseException | None, meter: CallMeter | None) -> None:
        """End the span with the outcome, an error's status and `exception` event, and with what the call cost where it got so far."""
        if self.handle.is_invalid:
            return
        attributes: dict[str, AttrValue] = {"bext.plugin.outcome": "ok" if error is None else outcome_of(error)}
        if meter is not None:
            attributes |= meter.attributes()
        if error is None:
            self._tracer.record_host(self.handle, attributes=attributes)
        else:
            event = SpanEvent("exception", _exception_attributes(error))
            status = SpanStatus(StatusCode.ERROR, message_of(error))
            self._tracer.record_host(self.handle, attributes=attributes, events=(event,), status=status)
        self._tracer.end_span(self.handle)


def outcome_of(error: BaseException) -> str:
    """The word for how a call ended that raised this."""
    return error.outcome if isinstance(error, PluginError) else "error"


def message_of(error: BaseException) -> str:
    """What happened, without the names of plugin and hook, which the span has already."""
    return error.what if isinstance(error, PluginError) else str(error) or type(error).__name__


def _exception_attributes(error: BaseException) -> dict[str, str]:
    attributes = {"exception.type": type(error).__name__, "exception.message": message_of(error)}
    if isinstance(error, GuestEnded) and error.backtrace:
        attributes["exception.stacktrace"] = error.backtrace
    return attributes
