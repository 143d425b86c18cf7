"""The reference engine: the six imports in pure Python on wasmtime's public API, the executable specification of the boundary.

Nothing a guest passes traps it or raises. What must stop the program stops the guest, and waits in the scope.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, Final

from wasmtime import Caller, Linker

from bext_abi import TRACER_IMPORT_MODULE, DropReason, SpanHandle
from bext_abi.constants import FUEL_PER_CALL, HANDLE_SIZE, MAX_TIME_UNIX_NANOS
from bext_host.logs import log_safely

from .contained import STOPS_THE_PROGRAM, TracerMaker
from .define import define_function
from .drops import Dropped
from .guest_caller import GuestCaller, StoreIdentity
from .open_handles import OpenHandles
from .policy import ScopePolicy
from .rules import CallRules
from .signatures import IMPORTS
from .span_table import SpanTable, TrackedSpan
from .stats import ScopeStats, Traffic

logger = logging.getLogger("bext_host.boundary")

_U32: Final = 2**32 - 1
_U64: Final = 2**64 - 1


class ReferenceCalls:
    """The host functions of one scope."""

    def __init__(
        self, policy: ScopePolicy, open_handles: OpenHandles, make_tracer: TracerMaker, stop: Callable[[BaseException], None]
    ) -> None:
        self._limits = policy.limits
        self._stats = ScopeStats()
        self._table = SpanTable(policy.limits, open_handles)
        self._rules = CallRules(make_tracer(self.count_tracer_error), self._table, self._stats, policy)
        self._stop = stop
        self._store: StoreIdentity | None = None
        self._fuel_is_on = False
        self._warned_of_store = False
        self._payload_bytes = 0
        self._nanos: int | None = 0 if policy.measure_host_time else None

    def define_in(self, linker: Linker) -> None:
        """Define the six imports in `linker`."""
        operations: dict[str, Callable[..., int | None]] = {
            "start_span": self._start_span,
            "set_attribute": self._recording("set_attribute", self._rules.set_attribute),
            "set_status": self._recording("set_status", self._rules.set_status),
            "add_event": self._recording("add_event", self._rules.add_event),
            "end_span": self._end_span,
            "current_span": self._current_span,
        }
        for name, signature in IMPORTS.items():
            function = self._guarded(name, operations[name], 0 if signature.results else None)
            timed = function if self._nanos is None else self._timed(function)
            define_function(linker, TRACER_IMPORT_MODULE, name, signature.func_type(), timed, self._stop, access_caller=True)

    def stats(self) -> ScopeStats:
        """The counters themselves."""
        return self._stats

    def traffic(self) -> Traffic:
        """How much crossed the boundary so far."""
        return Traffic(self._stats.calls.total(), self._payload_bytes, self._nanos)

    def count_tracer_error(self) -> None:
        """Count a call of the tracer that failed."""
        self._stats.drop(DropReason.TRACER_ERROR)

    @property
    def closed(self) -> bool:
        """Whether host calls are dropped as `scope_closed`."""
        return self._table.closed

    @property
    def open_spans(self) -> int:
        """How many spans of the guest's own are open."""
        return self._table.open_spans

    def push_current(self, handle: SpanHandle) -> None:
        """From now on `current_span` answers `handle`."""
        self._table.push_current(handle)

    def pop_current(self) -> None:
        """Undo the last `push_current`."""
        self._table.pop_current()

    def grant(self, handle: SpanHandle) -> None:
        """Make a handle a known parent."""
        self._table.grant(handle)

    def mark_time(self, now_millis: int) -> None:
        """The time from now on at which spans start."""
        self._table.now_millis = now_millis

    def take_started_before(self, millis: int) -> list[SpanHandle]:
        """Give up the open spans that started before that time, the last started first."""
        return self._table.take_started_before(millis)

    def drain(self) -> list[SpanHandle]:
        """Close, and give up what was open, the last started first."""
        return self._table.drain()

    def _guarded(self, name: str, operation: Callable[..., int | None], dropped_result: int | None) -> Callable[..., int | None]:
        """`operation` as a host function: a drop is counted, and nothing is raised but what must stop the program."""

        def host_call(caller: Caller, *arguments: int) -> int | None:
            try:
                self._stats.calls[name] += 1
                return operation(GuestCaller(caller), *arguments)
            except Dropped as dropped:
                self._stats.drop(dropped.reason)
            except STOPS_THE_PROGRAM:
                raise
            except BaseException as error:  # noqa: BLE001  # a defect of ours, or no memory left: never the guest's trouble
                self._stats.drop(DropReason.TRACER_ERROR)
                log_safely(logger, logging.ERROR, "host call %s failed", name, error=error)
            return dropped_result

        return host_call

    def _timed(self, host_call: Callable[..., int | None]) -> Callable[..., int | None]:
        """The same, with the time that it takes added up."""

        def timed(*arguments: Any) -> int | None:
            begun = time.monotonic_ns()
            try:
                return host_call(*arguments)
            finally:
                self._nanos = (self._nanos or 0) + time.monotonic_ns() - begun

        return timed

    def _start_span(self, guest: GuestCaller, span_ptr: int, span_len: int, handle_out: int) -> None:
        span_ptr, span_len, handle_out = span_ptr & _U32, span_len & _U32, handle_out & _U32
        self._charge_fuel(guest, span_len)
        guest.require(handle_out, HANDLE_SIZE)
        handle = SpanHandle.INVALID
        try:
            self._check_scope(guest)
            handle = self._rules.start_span(self._read_payload(guest, span_ptr, span_len))
        finally:
            guest.write_handle(handle_out, handle)

    def _recording(self, name: str, record: Callable[[TrackedSpan, bytes], None]) -> Callable[..., None]:
        """The host function of an operation that records a payload on a span."""

        def operation(guest: GuestCaller, hi: int, lo: int, span_id: int, ptr: int, length: int) -> None:
            length &= _U32
            self._charge_fuel(guest, length)
            handle = self._handle(hi, lo, span_id)
            if handle is None:
                return
            self._check_scope(guest)
            tracked = self._table.touchable(handle)
            try:
                record(tracked, self._read_payload(guest, ptr & _U32, length))
            except Dropped as dropped:
                self._stats.drop(dropped.reason)
                self._rules.note_dropped(tracked, name)

        return operation

    def _end_span(self, guest: GuestCaller, hi: int, lo: int, span_id: int, end_time: int) -> None:
        self._charge_fuel(guest, 0)
        handle = self._handle(hi, lo, span_id)
        if handle is None:
            return
        self._check_scope(guest)
        end_time &= _U64
        self._rules.end_span(handle, end_time if 0 < end_time <= MAX_TIME_UNIX_NANOS else None)

    def _current_span(self, guest: GuestCaller, handle_out: int) -> int:
        handle_out &= _U32
        self._charge_fuel(guest, 0)
        guest.require(handle_out, HANDLE_SIZE)
        self._check_scope(guest)
        current = self._table.current
        self._stats.recorded["current_span"] += 1
        if current is None:
            return 0
        guest.write_handle(handle_out, current)
        return 1

    def _handle(self, hi: int, lo: int, span_id: int) -> SpanHandle | None:
        """The handle of three i64, which arrive signed; None, counted as ignored, for an invalid one."""
        handle = SpanHandle.from_parts(hi & _U64, lo & _U64, span_id & _U64)
        if handle.is_invalid:
            self._stats.ignored += 1
            return None
        return handle

    def _read_payload(self, guest: GuestCaller, ptr: int, length: int) -> bytes:
        if length > self._limits.payload_bytes:
            raise Dropped(DropReason.TOO_LARGE)
        return guest.read(ptr, length)

    def _check_scope(self, guest: GuestCaller) -> None:
        if self._table.closed:
            raise Dropped(DropReason.SCOPE_CLOSED)
        if self._bound_store(guest).is_same(guest.store()):
            return
        if not self._warned_of_store:
            self._warned_of_store = True
            message = "a scope was called from a second store; its calls are dropped: one scope for each instance"
            log_safely(logger, logging.WARNING, message)
        raise Dropped(DropReason.WRONG_STORE)

    def _bound_store(self, guest: GuestCaller) -> StoreIdentity:
        """The store that this scope belongs to: that of its first call."""
        if self._store is None:
            self._store = guest.store()
            self._fuel_is_on = guest.has_fuel()
        return self._store

    def _charge_fuel(self, guest: GuestCaller, payload_bytes: int) -> None:
        """Take the call's price from the guest's fuel, where fuel is on; a guest that cannot pay traps at its next check."""
        self._bound_store(guest)
        if payload_bytes <= self._limits.payload_bytes:
            self._payload_bytes += payload_bytes
        if self._fuel_is_on:
            guest.charge_fuel(FUEL_PER_CALL + payload_bytes)
