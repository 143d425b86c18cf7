"""The native engine: host calls in C (host/native/), of which only what a tracer must know comes to Python, already checked.

Importing this module needs the extension; `engine_choice` says whether it is there.
"""

from __future__ import annotations

import ctypes
import logging
import os
import threading
from collections.abc import Callable
from typing import Any, Final

from wasmtime import Linker

from bext_abi import AttrValue, DropReason, SpanEvent, SpanHandle, SpanKind, SpanLink, SpanStart, SpanStatus, StatusCode
from bext_abi.constants import HANDLE_SIZE
from bext_host.logs import log_safely

from .contained import STOPS_THE_PROGRAM, ContainedTracer, TracerMaker
from .native_library import load
from .open_handles import OpenHandles
from .parents import RemoteParents
from .policy import ScopePolicy
from .signatures import IMPORTS
from .stats import OPERATIONS, ScopeStats

logger = logging.getLogger("bext_host.boundary")

_native: Final = load()
ffi: Final[Any] = _native.ffi
lib: Final[Any] = _native.lib

_POLICIES: Final = {RemoteParents.LINK: 0, RemoteParents.CONTINUE: 1, RemoteParents.IGNORE: 2}
_REASONS: Final = dict(enumerate(DropReason, 1))
_NUMBERS: Final = {reason: number for number, reason in _REASONS.items()}
_STR, _BOOL, _INT, _FLOAT = 1, 2, 3, 4
_U64: Final = 2**64 - 1


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


def _handle(parts: Any) -> SpanHandle:
    return SpanHandle.from_parts(parts.trace_id_hi, parts.trace_id_lo, parts.span_id)


def _parts(handle: SpanHandle) -> tuple[int, int, int]:
    return handle.to_parts()


def _links(kept: Any) -> tuple[SpanLink, ...]:
    return tuple(
        SpanLink(_handle(link.handle), _attributes(link.attributes), _text(link.trace_state), link.attributes.dropped)
        for link in (kept.items[i] for i in range(kept.count))
    )


class NativeCalls:
    """The host functions of one scope, in C, and their tracer in Python.

    C holds a handle to this object for as long as a linker or a store has the functions; `_in_use` keeps it alive for that time.
    """

    _in_use: Final[set[NativeCalls]] = set()
    _in_use_lock: Final = threading.Lock()

    def __init__(
        self, policy: ScopePolicy, open_handles: OpenHandles, make_tracer: TracerMaker, stop: Callable[[BaseException], None]
    ) -> None:
        self._policy = policy
        self._open_handles = open_handles
        self._stop = stop
        limits = {name: min(getattr(policy.limits, name), _U64 >> 1) for name, _ in ffi.typeof("bext_limits").fields}
        scope = lib.bext_scope_new(ffi.new("bext_limits *", limits), _POLICIES[policy.remote_parents])
        if scope == ffi.NULL:
            raise MemoryError("no memory for a scope")
        self._scope = ffi.gc(scope, lib.bext_scope_release)
        self._self = ffi.new_handle(self)
        guest = lib.bext_python_guest_new(self._scope, self._self)
        if guest == ffi.NULL:
            raise MemoryError("no memory for a scope")
        self._guest = ffi.gc(guest, lib.bext_guest_release)
        self._tracer: ContainedTracer = make_tracer(self.count_tracer_error)
        self._handles: dict[bytes, SpanHandle] = {}  # of the spans that are open, by the bytes that C has of them

    def define_in(self, linker: Linker) -> None:
        """Define the six imports in `linker`."""
        with self._in_use_lock:  # scopes whose linkers and stores are gone are let go here, so that none is kept for long
            self._in_use.difference_update([calls for calls in self._in_use if calls.is_unused()])
            self._in_use.add(self)
        pointer = ffi.cast("void *", ctypes.cast(linker.ptr(), ctypes.c_void_p).value)
        for operation, signature in enumerate(IMPORTS.values()):
            func_type = signature.func_type()
            address = ctypes.cast(func_type.ptr(), ctypes.c_void_p).value
            error = lib.bext_guest_define(self._guest, pointer, operation, ffi.cast("void *", address))
            assert error == ffi.NULL  # the linker was found free of them

    def stats(self) -> ScopeStats:
        """The counters as they stand."""
        counters = ffi.new("bext_counters *")
        lib.bext_scope_counters(self._scope, counters)
        stats = ScopeStats(unsampled=counters.unsampled, ignored=counters.ignored)
        for number, name in enumerate(OPERATIONS):
            stats.calls[name] = counters.calls[number]
            stats.recorded[name] = counters.recorded[number]
        for number, reason in _REASONS.items():
            stats.dropped[reason.value] = counters.dropped[number]
        return stats

    def count_tracer_error(self) -> None:
        """Count a call of the tracer that failed."""
        lib.bext_scope_count_drop(self._scope, _NUMBERS[DropReason.TRACER_ERROR])

    @property
    def closed(self) -> bool:
        """Whether host calls are dropped as `scope_closed`."""
        return bool(lib.bext_scope_is_closed(self._scope))

    @property
    def open_spans(self) -> int:
        """How many spans of the guest's own are open."""
        return int(lib.bext_scope_open_spans(self._scope))

    def push_current(self, handle: SpanHandle) -> None:
        """From now on `current_span` answers `handle`."""
        if not lib.bext_scope_push_current(self._scope, _parts(handle)):
            raise MemoryError("no memory for the current span")
        if not handle.is_invalid:
            self._open_handles.hold(handle)

    def pop_current(self) -> None:
        """Undo the last `push_current`."""
        current = ffi.new("bext_handle_parts *")
        lib.bext_scope_current(self._scope, current)
        lib.bext_scope_pop_current(self._scope)
        handle = _handle(current)
        if not handle.is_invalid:
            self._open_handles.release(handle)

    def grant(self, handle: SpanHandle) -> None:
        """Make a handle a known parent."""
        lib.bext_scope_grant(self._scope, _parts(handle))

    def drain(self) -> list[SpanHandle]:
        """Close, and give up what was open, the last started first."""
        lib.bext_scope_close(self._scope)
        handles = []
        parts = ffi.new("bext_handle_parts *")
        while lib.bext_scope_take_last(self._scope, parts):
            handles.append(_handle(parts))
        self._handles.clear()
        for handle in handles:
            self._open_handles.release(handle)
        return handles

    def _known(self, span: Any) -> SpanHandle:
        """The handle of a span: the object that the tracer gave, or a new one for a span that is not the guest's own."""
        return self._handles.get(ffi.buffer(span, HANDLE_SIZE)[:]) or _handle(span)

    # What C calls. Each gives True where the tracer took it.

    def start_span(self, span: Any, out: Any) -> bool:
        """Start a span, and claim its handle."""
        start = SpanStart(
            name=_text(span.name),
            kind=SpanKind(span.kind),
            parent=_handle(span.parent) if span.has_parent else None,
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
        handle = self._tracer.start_span(start)
        if handle is None:
            return False
        if not handle.is_invalid and not self._open_handles.claim(handle):
            self._tracer.failed("start_span", ValueError("start_span returned the handle of a span that is open already"))
            return False
        out.trace_id_hi, out.trace_id_lo, out.span_id = _parts(handle)
        self._handles[ffi.buffer(out, HANDLE_SIZE)[:]] = handle
        return True

    def set_attribute(self, span: Any, attribute: Any) -> bool:
        """Add or overwrite an attribute."""
        return self._tracer.set_attribute(self._known(span), _text(attribute.key), _value(attribute.value))

    def set_status(self, span: Any, code: int, message: Any) -> bool:
        """Set the status."""
        return self._tracer.set_status(self._known(span), SpanStatus(StatusCode(code), _text(message)))

    def add_event(self, span: Any, event: Any) -> bool:
        """Add an event."""
        attributes = event.attributes
        found = SpanEvent(_text(event.name), _attributes(attributes), event.time_unix_nanos or None, attributes.dropped)
        return self._tracer.add_event(self._known(span), found)

    def end_span(self, span: Any, end_time_unix_nanos: int) -> bool:
        """End a span that has left the scope."""
        handle = self._known(span)
        self._handles.pop(ffi.buffer(span, HANDLE_SIZE)[:], None)
        self._open_handles.release(handle)
        return self._tracer.end_span(handle, end_time_unix_nanos or None)

    def add_dropped(self, span: Any, attributes: int, events: int) -> bool:
        """Count what was dropped of a span, where the tracer has a place for it."""
        self._tracer.add_dropped(_handle(span), attributes=attributes, events=events)
        return True

    def wrong_store(self) -> bool:
        """Warn of it, once."""
        message = "a scope was called from a second store; its calls are dropped: one scope for each instance"
        log_safely(logger, logging.WARNING, message)
        return True

    def answer(self, method: Callable[..., bool], arguments: tuple[Any, ...]) -> int:
        """Run one of the above for C; nothing is raised into it."""
        try:
            return int(lib.BEXT_ANSWER_TAKEN if method(self, *arguments) else lib.BEXT_ANSWER_FAILED)
        except STOPS_THE_PROGRAM as error:
            self._stop(error)
            return int(lib.BEXT_ANSWER_STOP)
        except BaseException as error:  # noqa: BLE001  # a defect of ours, or no memory left: never the guest's trouble
            self.count_tracer_error()
            log_safely(logger, logging.ERROR, "host call %s failed", method.__name__, error=error)
            return int(lib.BEXT_ANSWER_FAILED)

    @classmethod
    def hold_for_fork(cls) -> None:
        """Hold every lock there is, so that a forked child gets tables that nobody was changing."""
        cls._in_use_lock.acquire()
        for calls in cls._in_use:
            lib.bext_scope_hold_for_fork(calls._scope)  # noqa: SLF001  # its own class

    @classmethod
    def let_go_after_fork(cls) -> None:
        """Undo `hold_for_fork`, in the parent and in the child."""
        for calls in cls._in_use:
            lib.bext_scope_let_go_after_fork(calls._scope)  # noqa: SLF001  # its own class
        cls._in_use_lock.release()

    def is_unused(self) -> bool:
        """Whether no linker and no store has the functions any more."""
        return int(lib.bext_guest_references(self._guest)) == 1


def _callback(name: str) -> None:
    method = getattr(NativeCalls, name)

    def called(self: Any, *arguments: Any) -> int:
        calls: NativeCalls = ffi.from_handle(self)
        return calls.answer(method, arguments)

    ffi.def_extern(name=f"bext_python_{name}", error=lib.BEXT_ANSWER_FAILED)(called)


for _name in ("start_span", "set_attribute", "set_status", "add_event", "end_span", "add_dropped", "wrong_store"):
    _callback(_name)

os.register_at_fork(
    before=NativeCalls.hold_for_fork, after_in_parent=NativeCalls.let_go_after_fork, after_in_child=NativeCalls.let_go_after_fork
)
