"""SpanTable: which spans an instance may touch, which handles it may name as a parent, and what its open spans weigh.

Calls come from one thread at a time, the instance's, but `drain` may come from another; each method is one step under the lock.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from bext_abi import DropReason, SpanHandle
from bext_host.limits import Limits

from .drops import Dropped
from .open_handles import OpenHandles


class TrackedSpan:
    """A span that the guest may change, with what it weighs in payload bytes (ABI.md, "Limits")."""

    __slots__ = ("attribute_bytes", "event_count", "handle", "payload_bytes", "started_millis", "status_bytes")

    def __init__(self, handle: SpanHandle, payload_bytes: int = 0, attribute_bytes: dict[str, int] | None = None) -> None:
        self.handle = handle
        self.payload_bytes = payload_bytes
        self.attribute_bytes = attribute_bytes if attribute_bytes is not None else {}
        self.event_count = 0
        self.status_bytes = 0
        self.started_millis = 0


class SpanTable:
    """The spans of one scope."""

    def __init__(self, limits: Limits, open_handles: OpenHandles) -> None:
        self._limits = limits
        self._open_handles = open_handles
        self._lock = threading.Lock()
        self._open: dict[SpanHandle, TrackedSpan] = {}
        self._ended: OrderedDict[SpanHandle, None] = OrderedDict()
        self._granted: OrderedDict[SpanHandle, None] = OrderedDict()
        self._current: list[TrackedSpan] = []
        self._payload_bytes = 0
        self.closed = False
        self.now_millis = 0

    @property
    def current(self) -> SpanHandle | None:
        """What `current_span` answers: the innermost host span round the running call."""
        current = self._current
        return current[-1].handle if current else None

    @property
    def open_spans(self) -> int:
        """How many spans of this scope are open."""
        return len(self._open)

    def is_known_parent(self, handle: SpanHandle) -> bool:
        """Whether a guest may name this handle as a local parent."""
        return handle in self._open or handle in self._ended or handle in self._granted or handle == self.current

    def touchable(self, handle: SpanHandle) -> TrackedSpan:
        """The span that the guest may change: one of its own that is open, or the current one. Else `unknown_handle`."""
        with self._lock:
            tracked = self._open.get(handle)
            if tracked is None and self._current and self._current[-1].handle == handle:
                tracked = self._current[-1]
        if tracked is None:
            raise Dropped(DropReason.UNKNOWN_HANDLE)
        return tracked

    def check_room(self, payload_bytes: int) -> None:
        """Raise Dropped unless one more span of this size may start."""
        with self._lock:
            if len(self._open) >= self._limits.scope_open_spans:
                raise Dropped(DropReason.OPEN_SPAN_LIMIT)
            over_span = payload_bytes > self._limits.span_bytes
            if over_span or self._payload_bytes + payload_bytes > self._limits.scope_bytes:
                raise Dropped(DropReason.MEMORY_LIMIT)

    def claim(self, handle: SpanHandle) -> bool:
        """Take a handle from the tracer; False where it is that of a span that is open in this process."""
        return self._open_handles.claim(handle)

    def add(self, tracked: TrackedSpan) -> None:
        """Take over a span that has just started, its handle claimed. Raises Dropped where the scope was closed meanwhile."""
        with self._lock:
            if not self.closed:
                tracked.started_millis = self.now_millis
                self._open[tracked.handle] = tracked
                self._payload_bytes += tracked.payload_bytes
                return
        self._open_handles.release(tracked.handle)
        raise Dropped(DropReason.SCOPE_CLOSED)

    def end(self, handle: SpanHandle) -> None:
        """Let go of an open span of the guest's own; it stays known as a parent for a while. Else `unknown_handle`."""
        with self._lock:
            tracked = self._open.pop(handle, None)
            if tracked is None:
                raise Dropped(DropReason.UNKNOWN_HANDLE)
            self._payload_bytes -= tracked.payload_bytes
            _remember(self._ended, handle, self._limits.scope_ended_parents)
        self._open_handles.release(handle)

    def charge_attribute(self, tracked: TrackedSpan, key: str, payload_bytes: int) -> None:
        """Make room for an attribute; one with the same key gives its bytes back."""
        with self._lock:
            old = tracked.attribute_bytes.get(key)
            if old is None and len(tracked.attribute_bytes) >= self._limits.span_attributes:
                raise Dropped(DropReason.ATTRIBUTE_LIMIT)
            self._charge(tracked, payload_bytes - (old or 0))
            tracked.attribute_bytes[key] = payload_bytes

    def charge_event(self, tracked: TrackedSpan, payload_bytes: int) -> None:
        """Make room for an event."""
        with self._lock:
            if tracked.event_count >= self._limits.span_events:
                raise Dropped(DropReason.EVENT_LIMIT)
            self._charge(tracked, payload_bytes)
            tracked.event_count += 1

    def charge_status(self, tracked: TrackedSpan, payload_bytes: int) -> None:
        """Make room for a status; the one before gives its bytes back."""
        with self._lock:
            self._charge(tracked, payload_bytes - tracked.status_bytes)
            tracked.status_bytes = payload_bytes

    def _charge(self, tracked: TrackedSpan, more: int) -> None:
        over_span = tracked.payload_bytes + more > self._limits.span_bytes
        if more > 0 and (over_span or self._payload_bytes + more > self._limits.scope_bytes):
            raise Dropped(DropReason.MEMORY_LIMIT)
        tracked.payload_bytes += more
        self._payload_bytes += more

    def push_current(self, handle: SpanHandle) -> None:
        """From now on `current_span` answers `handle`."""
        if not handle.is_invalid:
            self._open_handles.hold(handle)
        with self._lock:
            self._current.append(TrackedSpan(handle))

    def pop_current(self) -> None:
        """Undo the last `push_current`, and give back what the guest recorded on that span."""
        with self._lock:
            tracked = self._current.pop()
            self._payload_bytes -= tracked.payload_bytes
        if not tracked.handle.is_invalid:
            self._open_handles.release(tracked.handle)

    def grant(self, handle: SpanHandle) -> None:
        """Make a handle a known parent; the last grants are kept."""
        with self._lock:
            _remember(self._granted, handle, self._limits.scope_ended_parents)

    def take_started_before(self, millis: int) -> list[SpanHandle]:
        """Let go of the open spans that started before that time, innermost first; they stay known as parents for a while."""
        with self._lock:
            old = [tracked for tracked in reversed(self._open.values()) if tracked.started_millis < millis]
            for tracked in old:
                del self._open[tracked.handle]
                self._payload_bytes -= tracked.payload_bytes
                _remember(self._ended, tracked.handle, self._limits.scope_ended_parents)
        for tracked in old:
            self._open_handles.release(tracked.handle)
        return [tracked.handle for tracked in old]

    def drain(self) -> list[SpanHandle]:
        """Close the table; what was open, innermost (last started) first."""
        with self._lock:
            self.closed = True
            handles = list(reversed(self._open))
            self._open.clear()
            self._ended.clear()
            self._granted.clear()
            self._payload_bytes = sum(tracked.payload_bytes for tracked in self._current)
        for handle in handles:
            self._open_handles.release(handle)
        return handles


def _remember(recent: OrderedDict[SpanHandle, None], handle: SpanHandle, at_most: int) -> None:
    recent[handle] = None
    recent.move_to_end(handle)
    while len(recent) > at_most:
        recent.popitem(last=False)
