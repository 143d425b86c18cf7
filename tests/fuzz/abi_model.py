"""The boundary before a recorder, small and slow, written from ABI.md: what a host call writes, what it counts, and what it leaves behind.

It shares no code with either engine but the codec, which is held against others of its own (codec_property). Handles are the recorder's
to choose: a call that starts a span is told which was given, and the model says whether that can be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bext_abi import MalformedPayload, SpanEvent, SpanHandle, SpanLink, SpanStart, SpanStatus, StatusCode, codec
from bext_host import Limits

HANDLE_BYTES = 24
LAST_TIME = 2**63 - 1


class Dropped(Exception):
    """A call that is dropped, and the word for it."""


@dataclass
class Recorded:
    """What the recorder holds of one span. Times that nobody gave are None: the clock's."""

    start: SpanStart
    trace_state: str
    attributes: dict[str, Any]
    events: list[SpanEvent] = field(default_factory=list)
    status: SpanStatus = field(default_factory=SpanStatus)
    has_verdict: bool = False
    dropped_attributes: int = 0
    dropped_events: int = 0
    is_ended: bool = False
    is_abandoned: bool = False
    end_time: int | None = None


class RecorderModel:
    """Every span that was ever started, by its handle. What happens to one that has ended changes nothing."""

    def __init__(self, *, samples_roots: bool) -> None:
        self.spans: dict[SpanHandle, Recorded] = {}
        self.samples_roots = samples_roots

    def samples(self, span: SpanStart) -> bool:
        """A child of a local parent is sampled as its parent is; all others are for the root sampler."""
        return self.samples_roots or (span.parent is not None and not span.parent_is_remote)

    def start(self, span: SpanStart, handle: SpanHandle) -> None:
        """A span was started and given this handle, which must be new, and in its parent's trace where it has one."""
        assert not handle.is_invalid
        assert handle not in self.spans
        if span.parent is not None:
            assert handle.trace_id == span.parent.trace_id
        else:
            assert all(handle.trace_id != other.trace_id for other in self.spans)
        parent = None if span.parent is None or span.parent_is_remote else self.open_span(span.parent)
        trace_state = span.trace_state if parent is None else parent.trace_state
        self.spans[handle] = Recorded(span, trace_state, dict(span.attributes), dropped_attributes=span.dropped_attributes_count)

    def open_span(self, handle: SpanHandle) -> Recorded | None:
        """The span, while it is open."""
        span = self.spans.get(handle)
        return None if span is None or span.is_ended else span

    def set_attribute(self, handle: SpanHandle, key: str, value: Any) -> None:
        """An overwritten attribute keeps its position."""
        span = self.open_span(handle)
        if span is not None:
            span.attributes[key] = value

    def add_event(self, handle: SpanHandle, event: SpanEvent) -> None:
        """Events keep the order in which they were added."""
        span = self.open_span(handle)
        if span is not None:
            span.events.append(event)

    def set_status(self, handle: SpanHandle, status: SpanStatus) -> None:
        """OpenTelemetry's rules (ABI.md, "Status")."""
        span = self.open_span(handle)
        if span is None or span.has_verdict or span.status.code is StatusCode.OK or status.code is StatusCode.UNSET:
            return
        span.status = status if status.code is StatusCode.ERROR else SpanStatus(status.code)

    def end(self, handle: SpanHandle, time: int | None) -> None:
        """The span ends, once."""
        span = self.open_span(handle)
        if span is not None:
            span.is_ended, span.end_time = True, time

    def abandon(self, handle: SpanHandle, reason: str) -> None:
        """The host ends a span that its instance left open (ABI.md, "The end of an instance")."""
        span = self.open_span(handle)
        if span is not None:
            span.attributes["bext.abandoned"] = reason
            span.has_verdict = span.is_abandoned = True
        self.end(handle, None)

    def drop(self, handle: SpanHandle, operation: str) -> None:
        """Something of the span was dropped for which it has a field."""
        span = self.open_span(handle)
        if span is not None:
            span.dropped_attributes += operation == "set_attribute"
            span.dropped_events += operation == "add_event"


@dataclass
class Weight:
    """What a scope counts of a span that it may touch."""

    payload_bytes: int = 0
    attribute_bytes: dict[str, int] = field(default_factory=dict)
    events: int = 0
    status_bytes: int = 0


class Recent:
    """The last few handles; one that comes again counts as the newest."""

    def __init__(self, at_most: int) -> None:
        self.at_most = at_most
        self.handles: list[SpanHandle] = []

    def add(self, handle: SpanHandle) -> None:
        """Remember this one, and forget the oldest where there are too many."""
        kept = [other for other in self.handles if other != handle] + [handle]
        self.handles = kept[max(0, len(kept) - self.at_most) :]


@dataclass(frozen=True)
class HostCall:
    """A call as the guest makes it: from which store, with which memory before it. Numbers are unsigned."""

    store: int
    memory: bytes

    def has(self, pointer: int, length: int) -> bool:
        """Whether the range is good (ABI.md, "Memory")."""
        return pointer + length <= len(self.memory)

    def with_handle(self, out: int, handle: SpanHandle) -> bytes:
        """The memory with a handle written to it."""
        return self.memory[:out] + handle.to_bytes() + self.memory[out + HANDLE_BYTES :]


class ScopeModel:
    """One instance: its counters and its tables."""

    def __init__(self, recorder: RecorderModel, limits: Limits, policy: str, name: str) -> None:
        self.recorder = recorder
        self.limits = limits
        self.policy = policy
        self.name = name
        self.calls: Counter[str] = Counter()
        self.recorded: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.unsampled = self.ignored = self.abandoned = self.payload_bytes = 0
        self.open: dict[SpanHandle, Weight] = {}
        self.ended = Recent(limits.scope_ended_parents)
        self.granted = Recent(limits.scope_ended_parents)
        self.current: list[tuple[SpanHandle, Weight]] = []
        self.is_closed = False
        self.store: int | None = None

    # --- The six imports ---

    def start_span(self, call: HostCall, pointer: int, length: int, out: int, given: SpanHandle | None) -> bytes:
        """The memory after the call; `given` is what the call wrote to `out`, where that is in memory."""
        self._begin(call, "start_span", length)
        if not call.has(out, HANDLE_BYTES):
            self.dropped["out_of_bounds"] += 1
            return call.memory
        assert given is not None
        started = self._counted(lambda: self._start(call, pointer, length, given))
        return call.with_handle(out, given if started else SpanHandle.INVALID)

    def record(self, call: HostCall, operation: str, handle: SpanHandle, pointer: int, length: int) -> None:
        """set_attribute, set_status or add_event."""
        self._begin(call, operation, length)
        if handle.is_invalid:
            self.ignored += 1
        else:
            self._counted(lambda: self._record(call, operation, handle, pointer, length))

    def end_span(self, call: HostCall, handle: SpanHandle, time: int) -> None:
        """The span ends at this time; 0 and what is no time are the clock's."""
        self._begin(call, "end_span", 0)
        if handle.is_invalid:
            self.ignored += 1
        else:
            self._counted(lambda: self._end(call, handle, time if 0 < time <= LAST_TIME else None))

    def current_span(self, call: HostCall, out: int) -> tuple[int, bytes]:
        """What the call returns, and the memory after it."""
        self._begin(call, "current_span", 0)
        if not call.has(out, HANDLE_BYTES):
            self.dropped["out_of_bounds"] += 1
            return 0, call.memory
        if not self._counted(lambda: self._told(call)) or not self.current:
            return 0, call.memory
        return 1, call.with_handle(out, self.current[-1][0])

    # --- What the host does ---

    def push(self, handle: SpanHandle) -> None:
        """A host span surrounds the calls from now on."""
        self.current.append((handle, Weight()))

    def pop(self) -> None:
        """It does no more, and what was recorded on it is given back."""
        self.current.pop()

    def expire(self) -> None:
        """All that is open has been for too long."""
        for handle in reversed(list(self.open)):
            self._abandon(handle, "max_age")
            self.ended.add(handle)

    def close(self, reason: str) -> None:
        """The instance goes."""
        for handle in reversed(list(self.open)):
            self._abandon(handle, reason)
        self.is_closed = True

    def _abandon(self, handle: SpanHandle, reason: str) -> None:
        del self.open[handle]
        self.abandoned += 1
        self.recorder.abandon(handle, reason)

    # --- Section 5: the order of checks ---

    def _begin(self, call: HostCall, operation: str, length: int) -> None:
        self.calls[operation] += 1
        self.payload_bytes += length if length <= self.limits.payload_bytes else 0
        if self.store is None:
            self.store = call.store

    def _counted(self, act: Callable[[], bool]) -> bool:
        try:
            return act()
        except Dropped as dropped:
            self.dropped[str(dropped)] += 1
            return False

    def _check_scope(self, call: HostCall) -> None:
        if self.is_closed:
            raise Dropped("scope_closed")
        if call.store != self.store:
            raise Dropped("wrong_store")

    def _payload(self, call: HostCall, pointer: int, length: int) -> bytes:
        if length > self.limits.payload_bytes:
            raise Dropped("too_large")
        if not call.has(pointer, length):
            raise Dropped("out_of_bounds")
        return call.memory[pointer : pointer + length]

    # --- start_span ---

    def _start(self, call: HostCall, pointer: int, length: int, given: SpanHandle) -> bool:
        self._check_scope(call)
        payload = self._payload(call, pointer, length)
        decoded = _decoded(codec.decode_span_start, payload)
        span = self._with_parent(decoded.span)
        if span is None:
            self.unsampled += 1
            return False
        if len(self.open) >= self.limits.scope_open_spans:
            raise Dropped("open_span_limit")
        self._require_room(Weight(), length)
        span = self._trimmed_start(span)
        if not self.recorder.samples(span):
            self.unsampled += 1
            return False
        self.recorder.start(span, given)
        self.open[given] = Weight(length, {key: decoded.attribute_bytes[key] for key in span.attributes})
        self.recorded["start_span"] += 1
        return True

    def _with_parent(self, span: SpanStart) -> SpanStart | None:
        """The two tables of ABI.md, "Meaning"; None: not sampled."""
        root = replace(span, parent=None, parent_is_remote=False, parent_flags=1, trace_state="")
        parent = span.parent
        if parent is not None and not span.parent_is_remote:
            known = replace(root, parent=parent if self._knows(parent) else None)
            return None if parent.is_invalid else known
        if parent is None or parent.is_invalid or self.policy == "ignore":
            return root
        if span.parent_flags % 2 == 0:
            return None
        if self.policy == "link":
            return replace(root, links=(SpanLink(parent, trace_state=span.trace_state), *span.links))
        return span

    def _knows(self, handle: SpanHandle) -> bool:
        is_current = bool(self.current) and self.current[-1][0] == handle
        return is_current or handle in self.open or handle in self.ended.handles or handle in self.granted.handles

    def _trimmed_start(self, span: SpanStart) -> SpanStart:
        attributes, dropped = self._trimmed(span.attributes, span.dropped_attributes_count, self.limits.span_attributes)
        links = []
        for link in span.links[: self.limits.span_links]:
            kept, lost = self._trimmed(link.attributes, link.dropped_attributes_count, self.limits.link_attributes)
            links.append(replace(link, attributes=kept, dropped_attributes_count=lost))
        beyond = len(span.links) - len(links)
        self.dropped["link_limit"] += beyond
        return replace(
            span,
            attributes=attributes,
            dropped_attributes_count=dropped,
            links=tuple(links),
            dropped_links_count=beyond,
            scope_name=self.name,
        )

    def _trimmed(self, attributes: Any, malformed: int, at_most: int) -> tuple[dict[str, Any], int]:
        """What stays of attributes, and how many do not."""
        own = {key: value for key, value in attributes.items() if not key.startswith("bext.")}
        kept = dict(list(own.items())[:at_most])
        self.dropped["malformed"] += malformed
        self.dropped["reserved_key"] += len(attributes) - len(own)
        self.dropped["attribute_limit"] += len(own) - len(kept)
        return kept, malformed + len(attributes) - len(kept)

    # --- The calls on a span ---

    def _record(self, call: HostCall, operation: str, handle: SpanHandle, pointer: int, length: int) -> bool:
        self._check_scope(call)
        weight = self._touchable(handle)
        try:
            payload = self._payload(call, pointer, length)
            getattr(self, f"_{operation}")(handle, weight, payload)
        except Dropped:
            self.recorder.drop(handle, operation)
            raise
        self.recorded[operation] += 1
        return True

    def _touchable(self, handle: SpanHandle) -> Weight:
        if handle in self.open:
            return self.open[handle]
        if self.current and self.current[-1][0] == handle:
            return self.current[-1][1]
        raise Dropped("unknown_handle")

    def _set_attribute(self, handle: SpanHandle, weight: Weight, payload: bytes) -> None:
        key, value = _decoded(codec.decode_attribute, payload)
        if key.startswith("bext."):
            raise Dropped("reserved_key")
        if key not in weight.attribute_bytes and len(weight.attribute_bytes) >= self.limits.span_attributes:
            raise Dropped("attribute_limit")
        self._charge(weight, len(payload) - weight.attribute_bytes.get(key, 0))
        weight.attribute_bytes[key] = len(payload)
        self.recorder.set_attribute(handle, key, value)

    def _set_status(self, handle: SpanHandle, weight: Weight, payload: bytes) -> None:
        status = _decoded(codec.decode_span_status, payload)
        self._charge(weight, len(payload) - weight.status_bytes)
        weight.status_bytes = len(payload)
        self.recorder.set_status(handle, status)

    def _add_event(self, handle: SpanHandle, weight: Weight, payload: bytes) -> None:
        event = _decoded(codec.decode_span_event, payload)
        if weight.events >= self.limits.span_events:
            raise Dropped("event_limit")
        self._charge(weight, len(payload))
        weight.events += 1
        kept, lost = self._trimmed(event.attributes, event.dropped_attributes_count, self.limits.event_attributes)
        self.recorder.add_event(handle, replace(event, attributes=kept, dropped_attributes_count=lost))

    def _end(self, call: HostCall, handle: SpanHandle, time: int | None) -> bool:
        self._check_scope(call)
        if handle not in self.open:
            raise Dropped("unknown_handle")
        del self.open[handle]
        self.ended.add(handle)
        self.recorder.end(handle, time)
        self.recorded["end_span"] += 1
        return True

    def _told(self, call: HostCall) -> bool:
        self._check_scope(call)
        self.recorded["current_span"] += 1
        return True

    # --- Charges ---

    def _charge(self, weight: Weight, more: int) -> None:
        self._require_room(weight, more)
        weight.payload_bytes += more

    def _require_room(self, weight: Weight, more: int) -> None:
        held = sum(one.payload_bytes for one in self._weights())
        if more > 0 and (weight.payload_bytes + more > self.limits.span_bytes or held + more > self.limits.scope_bytes):
            raise Dropped("memory_limit")

    def _weights(self) -> Sequence[Weight]:
        return [*self.open.values(), *(weight for _, weight in self.current)]


def _decoded(decode: Callable[[bytes], Any], payload: bytes) -> Any:
    try:
        return decode(payload)
    except MalformedPayload:
        raise Dropped("malformed") from None
