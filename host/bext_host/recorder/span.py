"""FinishedSpan: what the recorder hands to exporters. Plain data; every time is set, every value checked."""

from __future__ import annotations

from dataclasses import dataclass

from bext_abi import AttrValue, SpanEvent, SpanHandle, SpanKind, SpanLink, SpanStatus


@dataclass(frozen=True, slots=True)
class FinishedSpan:
    """A span that has ended.

    Times are nanoseconds since the Unix epoch, `end_time_unix_nanos` never before `start_time_unix_nanos`; every event has a time.
    `parent` is None for a root; with `parent_is_remote` it belongs to another process. `scope_name` and `scope_version` are OTLP's
    instrumentation scope: the plugin that recorded the span, or the host. The dropped counts are OTLP's; those of an event's
    or a link's attributes are on the event or link.
    """

    name: str
    kind: SpanKind
    handle: SpanHandle
    parent: SpanHandle | None
    parent_is_remote: bool
    trace_state: str
    start_time_unix_nanos: int
    end_time_unix_nanos: int
    attributes: dict[str, AttrValue]
    events: tuple[SpanEvent, ...]
    links: tuple[SpanLink, ...]
    status: SpanStatus
    dropped_attributes_count: int = 0
    dropped_events_count: int = 0
    dropped_links_count: int = 0
    scope_name: str = ""
    scope_version: str = ""

    @property
    def is_local_root(self) -> bool:
        """True for the topmost span of a trace in this process: a root, or one whose parent is remote."""
        return self.parent is None or self.parent_is_remote
