"""The native engine's calls to a tracer in Python: what C has decoded becomes the plain data of TracerPlugin."""

from __future__ import annotations

import struct
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final

from bext_abi import AttrValue, SpanEvent, SpanHandle, SpanKind, SpanLink, SpanStart, SpanStatus, StatusCode
from bext_abi.constants import HANDLE_SIZE

from .contained import ContainedTracer, TracerMaker
from .native import FAILED, TAKEN, NativeCalls, callback, ffi, handle_of, lib
from .open_handles import OpenHandles
from .policy import ScopePolicy

_STR: Final = 1
_BOOL: Final = 2
_INT: Final = 3
_FLOAT: Final = 4

_PARTS: Final = struct.Struct("=3Q")
"""A handle as C has it."""


def _text(view: Any) -> str:
    text: str = ffi.buffer(view.bytes, view.length)[:].decode() if view.length else ""
    return text


def _scalar(view: Any) -> Any:
    kind = view.type
    if kind == _STR:
        return _text(view.scalar.text)
    if kind == _INT:
        return view.scalar.integer
    return view.scalar.boolean if kind == _BOOL else view.scalar.number


def _value(view: Any) -> AttrValue:
    if view.type <= _FLOAT:
        scalar: AttrValue = _scalar(view)
        return scalar
    items, item = ffi.new("bext_value_items *", lib.bext_value_items_of(ffi.addressof(view))), ffi.new("bext_value_view *")
    values = []
    while lib.bext_value_items_next(items, item):
        values.append(_scalar(item))
    return tuple(values)


def _attributes(kept: Any) -> dict[str, AttrValue]:
    items = kept.items
    return {_text(items[i].key): _value(items[i].value) for i in range(kept.count)}


def _links(kept: Any) -> tuple[SpanLink, ...]:
    return tuple(
        SpanLink(handle_of(link.handle), _attributes(link.attributes), _text(link.trace_state), link.attributes.dropped)
        for link in (kept.items[i] for i in range(kept.count))
    )


class TracerCalls(NativeCalls):
    """Host functions whose tracer is any TracerPlugin in Python."""

    def __init__(
        self, policy: ScopePolicy, open_handles: OpenHandles, make_tracer: TracerMaker, stop: Callable[[BaseException], None]
    ) -> None:
        self._policy = policy
        self._open_handles = open_handles
        self.handles: dict[bytes, SpanHandle] = {}  # of the spans that are open, by the bytes that C has of them
        super().__init__(policy, stop)
        self.tracer: ContainedTracer = make_tracer(self.count_tracer_error)

    def _new_guest(self, scope: Any, owner: Any) -> Any:
        return lib.bext_python_guest_new(scope, owner)

    def _hold(self, handle: SpanHandle) -> None:
        self._open_handles.hold(handle)

    def _release(self, handle: SpanHandle) -> None:
        self._open_handles.release(handle)

    def _given_up(self, handles: list[SpanHandle]) -> list[SpanHandle]:
        for handle in handles:
            self.handles.pop(handle.to_bytes(), None)
        return super()._given_up(handles)

    def _known(self, span: Any) -> SpanHandle:
        """The handle of a span: the object that the tracer gave, or a new one for a span that is not the guest's own."""
        return self.handles.get(ffi.buffer(span, HANDLE_SIZE)[:]) or handle_of(span)

    def current(self, data: bytes) -> SpanHandle:
        """The handle with these bytes, of a span that is not the guest's own."""
        return SpanHandle.from_parts(*_PARTS.unpack(data))

    # What C calls. Each gives True where the tracer took it.

    def start_span(self, span: Any, out: Any) -> bool:
        """Start a span, and claim its handle."""
        start = SpanStart(
            name=_text(span.name),
            kind=SpanKind(span.kind),
            parent=handle_of(span.parent) if span.has_parent else None,
            parent_is_remote=bool(span.parent_is_remote),
            parent_flags=span.parent_flags,
            trace_state=_text(span.trace_state),
            attributes=_attributes(span.attributes),
            links=_links(span.links),
            start_time_unix_nanos=span.start_time_unix_nanos or None,
            scope_name=self._policy.scope_name,
            scope_version=self._policy.scope_version,
            dropped_attributes_count=span.attributes.dropped,
            dropped_links_count=span.links.dropped,
        )
        handle = self.tracer.start_span(start)
        if handle is None:
            return False
        if not handle.is_invalid and not self._open_handles.claim(handle):
            self.tracer.failed("start_span", ValueError("start_span returned the handle of a span that is open already"))
            return False
        out.trace_id_hi, out.trace_id_lo, out.span_id = handle.to_parts()
        self.handles[ffi.buffer(out, HANDLE_SIZE)[:]] = handle
        return True

    def set_attribute(self, span: Any, attribute: Any) -> bool:
        """Add or overwrite an attribute."""
        return self.tracer.set_attribute(self._known(span), _text(attribute.key), _value(attribute.value))

    def set_status(self, span: Any, code: int, message: Any) -> bool:
        """Set the status."""
        return self.tracer.set_status(self._known(span), SpanStatus(StatusCode(code), _text(message)))

    def add_event(self, span: Any, event: Any) -> bool:
        """Add an event."""
        attributes = event.attributes
        found = SpanEvent(_text(event.name), _attributes(attributes), event.time_unix_nanos or None, attributes.dropped)
        return self.tracer.add_event(self._known(span), found)

    def end_span(self, span: Any, end_time_unix_nanos: int) -> bool:
        """End a span that has left the scope."""
        handle = self._known(span)
        self.handles.pop(ffi.buffer(span, HANDLE_SIZE)[:], None)
        self._open_handles.release(handle)
        return self.tracer.end_span(handle, end_time_unix_nanos or None)

    def add_dropped(self, span: Any, attributes: int, events: int) -> bool:
        """Count what was dropped of a span, where the tracer has a place for it."""
        self.tracer.add_dropped(handle_of(span), attributes=attributes, events=events)
        return True


_in_use: Final[Any] = NativeCalls.in_use
_unpack: Final = ffi.unpack


def _set_usual_attribute(address: int, flat: Any, key_end: int, value_end: int, kind: int, integer: int) -> int:
    """TracerCalls.set_attribute for a short text, an int or a bool: see python_engine.c.

    The call that tracers in Python get most, written out: each function that it called would cost as much as a tenth of it.
    """
    calls = _in_use[address]
    try:
        data = _unpack(flat, value_end)
        span = calls.handles.get(data[:HANDLE_SIZE]) or calls.current(data[:HANDLE_SIZE])
        value = data[key_end:].decode() if kind == _STR else integer if kind == _INT else integer != 0
        try:
            calls.tracer.tracer.set_attribute(span, data[HANDLE_SIZE:key_end].decode(), value)
        except BaseException as error:  # noqa: BLE001  # as in ContainedTracer
            calls.tracer.failed("set_attribute", error)
            return FAILED
    except BaseException as error:  # noqa: BLE001  # C has nobody to raise it to
        return int(calls.failed("set_attribute", error))
    return TAKEN


def _interrupted(_kind: type[BaseException], error: BaseException, traceback: TracebackType) -> int:
    """As in `callback`: a signal whose handler ran before the call's own first line."""
    return int(_in_use[traceback.tb_frame.f_locals["address"]].failed("set_attribute", error))


ffi.def_extern(name="bext_python_set_usual_attribute", error=FAILED, onerror=_interrupted)(_set_usual_attribute)

for _method in (
    TracerCalls.start_span,
    TracerCalls.set_attribute,
    TracerCalls.set_status,
    TracerCalls.add_event,
    TracerCalls.end_span,
    TracerCalls.add_dropped,
):
    callback(_method)
