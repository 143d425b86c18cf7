"""A FinishedSpan as the SDK's ReadableSpan: every field of ours has one there.

Exporters take counts of what was dropped from the SDK's own collections, so these carry ours. What no exporter can be trusted with (an id
of zero, a text without a UTF-8 form, ...) is refused here, since one bad span costs them the whole batch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bext_abi import AttrValue, SpanEvent, SpanHandle, SpanLink, SpanStatus, StatusCode
from bext_abi.values import checked_key, checked_value, well_formed
from bext_host.recorder.span import FinishedSpan

from .sdk import sdk

_U32: Final = 2**32 - 1
_U64: Final = 2**64 - 1
_U128: Final = 2**128 - 1


class SpanMapping:
    """Maps spans of one process.

    `resource` are its attributes. Raises TypeError or ValueError where one has no value that an attribute can have, and ModuleNotFoundError
    where the SDK is missing.
    """

    def __init__(self, resource: Mapping[str, AttrValue]) -> None:
        self._of = sdk()
        self._resource = self._of.Resource(_checked(resource))
        self._no_state = self._of.TraceState()
        self._sampled = self._of.TraceFlags(self._of.TraceFlags.SAMPLED)
        self._unknown = self._of.TraceFlags(self._of.TraceFlags.DEFAULT)

    def spans(self, batch: Sequence[FinishedSpan]) -> tuple[list[Any], dict[str, int]]:
        """The SDK's spans, and how many spans of the batch could not be mapped, by reason."""
        mapped: list[Any] = []
        scopes: dict[tuple[str, str], Any] = {}
        refused: Counter[str] = Counter()
        for span in batch:
            try:
                mapped.append(self._span(span, scopes))
            except Exception as error:  # noqa: BLE001  # whatever is wrong with a span, the others go on
                refused[f"has no form in OpenTelemetry: {error}"] += 1
        return mapped, dict(refused)

    def _span(self, span: FinishedSpan, scopes: dict[tuple[str, str], Any]) -> Any:
        start, end = _time(span.start_time_unix_nanos), _time(span.end_time_unix_nanos)
        if end < start:
            raise ValueError("a span ends before it starts")
        state = self._trace_state(span.trace_state)
        parent = span.parent
        return self._of.ReadableSpan(
            name=well_formed(span.name),
            context=self._context(span.handle, self._sampled, state),
            parent=None if parent is None else self._context(parent, self._sampled, state, is_remote=span.parent_is_remote),
            resource=self._resource,
            attributes=self._attributes(span.attributes, span.dropped_attributes_count),
            events=self._list(tuple(map(self._event, span.events)), span.dropped_events_count),
            links=self._list(tuple(map(self._link, span.links)), span.dropped_links_count),
            kind=self._of.SpanKind(span.kind),
            status=self._status(span.status),
            start_time=start,
            end_time=end,
            instrumentation_scope=self._scope(span, scopes),
        )

    def _scope(self, span: FinishedSpan, scopes: dict[tuple[str, str], Any]) -> Any:
        """The scope of a span; one object for all that have the same."""
        key = (span.scope_name, span.scope_version)
        if key not in scopes:
            scopes[key] = self._of.InstrumentationScope(well_formed(span.scope_name), well_formed(span.scope_version))
        return scopes[key]

    def _context(self, handle: SpanHandle, flags: Any, state: Any, *, is_remote: bool = False) -> Any:
        """A context. Only what is sampled gets here, and so its parent was; a span has the trace state of its parent."""
        if not (0 < handle.trace_id <= _U128 and 0 < handle.span_id <= _U64):
            raise ValueError("an id is zero or out of range")
        return self._of.SpanContext(handle.trace_id, handle.span_id, bool(is_remote), flags, state)

    def _trace_state(self, text: str) -> Any:
        return self._no_state if text == "" else self._of.TraceState.from_header([text])

    def _event(self, event: SpanEvent) -> Any:
        attributes = self._attributes(event.attributes, event.dropped_attributes_count)
        return self._of.Event(well_formed(event.name), attributes, _time(event.time_unix_nanos))

    def _link(self, link: SpanLink) -> Any:
        """Only the host's links to a remote parent have a trace state; of the others nobody knows whether they are remote, or sampled."""
        state = self._trace_state(link.trace_state)
        context = self._context(link.handle, self._unknown, state, is_remote=bool(link.trace_state))
        return self._of.Link(context, self._attributes(link.attributes, link.dropped_attributes_count))

    def _status(self, status: SpanStatus) -> Any:
        """A status; OpenTelemetry knows a message only of an error."""
        message = well_formed(status.message) if status.code == StatusCode.ERROR else ""
        return self._of.Status(self._of.StatusCode(status.code), message or None)

    def _attributes(self, attributes: Mapping[str, AttrValue], dropped: int) -> Any:
        bounded = self._of.BoundedAttributes(attributes=_checked(attributes), immutable=True)
        bounded.dropped = _count(dropped)
        return bounded

    def _list(self, items: tuple[Any, ...], dropped: int) -> Any:
        if not dropped:
            return items
        bounded = self._of.BoundedList.from_seq(None, items)
        bounded.dropped = _count(dropped)
        return bounded


def _checked(attributes: Mapping[str, AttrValue]) -> dict[str, AttrValue]:
    """The attributes. Raises ValueError or TypeError for a key or a value that none can have, instead of the SDK's leaving it out."""
    return {checked_key(key): checked_value(value) for key, value in attributes.items()}


def _time(nanos: int | None) -> int:
    if nanos is None or not 0 <= nanos <= _U64:
        raise ValueError("a time is missing or out of range")
    return int(nanos)


def _count(count: int) -> int:
    """A count, as large as OTLP's can be."""
    if count < 0:
        raise ValueError("a count is below zero")
    return int(min(count, _U32))
