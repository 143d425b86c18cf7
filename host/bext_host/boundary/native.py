"""The native engine: host calls in C (host/native/), of which only what a tracer must know comes to Python, already checked.

Importing this module needs the extension; `engine_choice` says whether it is there.
"""

from __future__ import annotations

import ctypes
import logging
import os
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, ClassVar, Final

from wasmtime import Linker

from bext_abi import DropReason, SpanHandle
from bext_abi.values import well_formed
from bext_host.logs import log_safely

from .contained import STOPS_THE_PROGRAM
from .native_library import load
from .parents import RemoteParents
from .policy import ScopePolicy
from .signatures import IMPORTS
from .stats import OPERATIONS, ScopeStats, Traffic

logger = logging.getLogger("bext_host.boundary")

_native: Final = load()
ffi: Final[Any] = _native.ffi
lib: Final[Any] = _native.lib

_POLICIES: Final = {RemoteParents.LINK: 0, RemoteParents.CONTINUE: 1, RemoteParents.IGNORE: 2}
_REASONS: Final = dict(enumerate(DropReason, 1))
_NUMBERS: Final = {reason: number for number, reason in _REASONS.items()}
_U64: Final = 2**64 - 1

TAKEN: Final = int(lib.BEXT_ANSWER_TAKEN)
FAILED: Final = int(lib.BEXT_ANSWER_FAILED)
"""What C is answered."""


def handle_of(parts: Any) -> SpanHandle:
    """The handle that C passes."""
    return SpanHandle.from_parts(parts.trace_id_hi, parts.trace_id_lo, parts.span_id)


class NativeCalls:
    """The host functions of one scope, in C. Its subclasses say who the tracer is.

    C holds a handle to this object for as long as a linker or a store has the functions; `in_use`, by the handle's address, keeps it
    alive for that time.
    """

    in_use: Final[dict[int, NativeCalls]] = {}
    _in_use_lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, policy: ScopePolicy, stop: Callable[[BaseException], None]) -> None:
        self._stop = stop
        limits = {name: min(getattr(policy.limits, name), _U64 >> 1) for name, _ in ffi.typeof("bext_limits").fields}
        scope = lib.bext_scope_new(ffi.new("bext_limits *", limits), _POLICIES[policy.remote_parents])
        if scope == ffi.NULL:
            raise MemoryError("no memory for a scope")
        self._scope = ffi.gc(scope, lib.bext_scope_release)
        self._owner = ffi.new_handle(self)
        guest = self._new_guest(self._scope, self._owner)
        if guest == ffi.NULL:
            raise MemoryError("no memory for a scope")
        self._guest = ffi.gc(guest, lib.bext_guest_release)
        self._is_timed = policy.measure_host_time
        if self._is_timed:
            lib.bext_guest_measure_time(self._guest)

    def _new_guest(self, scope: Any, owner: Any) -> Any:
        """The guest in C, NULL where there is no memory. `owner` is what C knows this object by."""
        raise NotImplementedError

    def _hold(self, handle: SpanHandle) -> None:
        """Called when a span of the host's becomes the current one."""

    def _release(self, handle: SpanHandle) -> None:
        """Called when it is so no longer, and for each span that is open when the scope closes."""

    def define_in(self, linker: Linker) -> None:
        """Define the six imports in `linker`."""
        with self._in_use_lock:
            self._forget_unused()
            self.in_use[int(ffi.cast("intptr_t", self._owner))] = self
            self._define(linker)  # still with the lock: until C has a reference, another thread would take this one for unused

    @classmethod
    def _forget_unused(cls) -> None:
        """Let go of the scopes whose linkers and stores are gone: done at each definition, so that none is kept for long."""
        for address in [address for address, calls in cls.in_use.items() if calls.is_unused()]:
            del cls.in_use[address]

    def _define(self, linker: Linker) -> None:
        pointer = ffi.cast("void *", ctypes.cast(linker.ptr(), ctypes.c_void_p).value)
        for operation, signature in enumerate(IMPORTS.values()):
            func_type = signature.func_type()
            type_pointer = ffi.cast("void *", ctypes.cast(func_type.ptr(), ctypes.c_void_p).value)
            error = lib.bext_guest_define(self._guest, pointer, operation, type_pointer)
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

    def traffic(self) -> Traffic:
        """How much crossed the boundary so far."""
        traffic = ffi.new("bext_traffic *")
        lib.bext_scope_traffic(self._scope, traffic)
        return Traffic(traffic.calls, traffic.payload_bytes, traffic.nanos if self._is_timed else None)

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
        if not lib.bext_scope_push_current(self._scope, [handle.to_parts()]):
            raise MemoryError("no memory for the current span")
        if not handle.is_invalid:
            self._hold(handle)

    def pop_current(self) -> None:
        """Undo the last `push_current`."""
        current = ffi.new("bext_handle_parts *")
        lib.bext_scope_current(self._scope, current)
        lib.bext_scope_pop_current(self._scope)
        handle = handle_of(current)
        if not handle.is_invalid:
            self._release(handle)

    def grant(self, handle: SpanHandle) -> None:
        """Make a handle a known parent."""
        lib.bext_scope_grant(self._scope, [handle.to_parts()])

    def mark_time(self, now_millis: int) -> None:
        """The time from now on at which spans start."""
        lib.bext_scope_mark_time(self._scope, now_millis)

    def take_started_before(self, millis: int) -> list[SpanHandle]:
        """Give up the open spans that started before that time, the last started first."""
        parts = ffi.new("bext_handle_parts *")
        handles = []
        while millis > 0 and lib.bext_scope_take_last_before(self._scope, millis, parts):
            handles.append(handle_of(parts))
        return self._given_up(handles)

    def drain(self) -> list[SpanHandle]:
        """Close, and give up what was open, the last started first."""
        lib.bext_scope_close(self._scope)
        handles = []
        parts = ffi.new("bext_handle_parts *")
        while lib.bext_scope_take_last(self._scope, parts):
            handles.append(handle_of(parts))
        return self._given_up(handles)

    def _given_up(self, handles: list[SpanHandle]) -> list[SpanHandle]:
        for handle in handles:
            self._release(handle)
        return handles

    def wrong_store(self) -> bool:
        """Warn of it, once."""
        message = "a scope was called from a second store; its calls are dropped: one scope for each instance"
        log_safely(logger, logging.WARNING, message)
        return True

    def answer(self, method: Callable[..., bool], arguments: tuple[Any, ...]) -> int:
        """Run one of the above for C; nothing is raised into it."""
        try:
            return TAKEN if method(self, *arguments) else FAILED
        except BaseException as error:  # noqa: BLE001  # C has nobody to raise it to
            return self.failed(method.__name__, error)

    def failed(self, operation: str, error: BaseException) -> int:
        """The answer to C where a call ended so: the guest is stopped where the program must stop."""
        if isinstance(error, STOPS_THE_PROGRAM):
            self._stop(error)
            return int(lib.BEXT_ANSWER_STOP)
        self.count_tracer_error()  # a defect of ours, or no memory left: never the guest's trouble
        log_safely(logger, logging.ERROR, "host call %s failed", operation, error=error)
        return FAILED

    @classmethod
    def renew_lock(cls) -> None:
        """In a forked child: no thread is left that could let go of it. C's own locks are free there (host/native/forks.h)."""
        cls._in_use_lock = threading.Lock()

    def is_unused(self) -> bool:
        """Whether no linker and no store has the functions any more."""
        return int(lib.bext_guest_references(self._guest)) == 1


def callback(method: Callable[..., bool]) -> None:
    """Make a method of NativeCalls, or of a class of these, what C calls as bext_python_NAME."""

    def called(self: Any, *arguments: Any) -> int:
        calls: NativeCalls = ffi.from_handle(self)
        return calls.answer(method, arguments)

    def interrupted(_kind: type[BaseException], error: BaseException, traceback: TracebackType) -> int:
        # A signal that came while the guest ran has its handler run as soon as Python does: at the start of `called`, mostly.
        calls: NativeCalls = ffi.from_handle(traceback.tb_frame.f_locals["self"])
        return calls.failed(method.__name__, error)

    ffi.def_extern(name=f"bext_python_{method.__name__}", error=FAILED, onerror=interrupted)(called)


callback(NativeCalls.wrong_store)


def recorder_in_c(tracer: object) -> Any:
    """What C may call instead of this tracer: SpanRecorder says so with its method `native_recorder`. None for any other tracer."""
    method = getattr(tracer, "native_recorder", None)
    recorder = method() if callable(method) else None
    return recorder if isinstance(recorder, ffi.CData) and ffi.typeof(recorder) is ffi.typeof("bext_recorder *") else None


class RecorderCalls(NativeCalls):
    """Host functions whose tracer is a SpanRecorder in C: they never enter the interpreter. Its ids are its own, nobody else has them."""

    def __init__(self, policy: ScopePolicy, recorder: Any, stop: Callable[[BaseException], None]) -> None:
        self._recorder = recorder
        self._texts = well_formed(policy.scope_name).encode(), well_formed(policy.scope_version).encode()
        super().__init__(policy, stop)

    def _new_guest(self, scope: Any, owner: Any) -> Any:
        name, version = self._texts
        return lib.bext_recorder_guest_new(scope, owner, self._recorder, name, len(name), version, len(version))


os.register_at_fork(after_in_child=NativeCalls.renew_lock)
