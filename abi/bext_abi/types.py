"""The plain structs of the contract (ABI.md, "Structs"), as a TracerPlugin receives them. No OpenTelemetry type among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeAlias

from .constants import PARENT_FLAGS_DEFAULT
from .handle import SpanHandle

AttrValue: TypeAlias = str | bool | int | float | Sequence[str] | Sequence[bool] | Sequence[int] | Sequence[float]
"""str, bool, int (signed 64-bit), float, or a homogeneous sequence of one of these. The host hands out tuples."""


class SpanKind(IntEnum):
    """The role of a span, numbered as on the wire (one less than in OTLP, where 0 is "unspecified")."""

    INTERNAL = 0
    SERVER = 1
    CLIENT = 2
    PRODUCER = 3
    CONSUMER = 4


class StatusCode(IntEnum):
    """The outcome of a span, numbered as on the wire and in OTLP."""

    UNSET = 0
    OK = 1
    ERROR = 2


@dataclass(frozen=True, slots=True)
class SpanStatus:
    """A status; `message` has a meaning only with `StatusCode.ERROR`."""

    code: StatusCode = StatusCode.UNSET
    message: str = ""


@dataclass(frozen=True, slots=True)
class SpanLink:
    """A link to another span.

    `trace_state` and `dropped_attributes_count` are the host's and never on the wire: the W3C tracestate of a remote parent that
    became a link, and how many attributes of the link were dropped on the way.
    """

    handle: SpanHandle
    attributes: Mapping[str, AttrValue] = field(default_factory=dict)
    trace_state: str = ""
    dropped_attributes_count: int = 0


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """Something that happened at one point in time; without a time the tracer stamps its own clock.

    `dropped_attributes_count` is the host's and never on the wire.
    """

    name: str
    attributes: Mapping[str, AttrValue] = field(default_factory=dict)
    time_unix_nanos: int | None = None
    dropped_attributes_count: int = 0


@dataclass(frozen=True, slots=True)
class SpanStart:
    """All that is known of a span when it starts.

    `parent` None makes a new root; an invalid one means that the parent was not sampled. `parent_flags` (W3C trace-flags) and
    `trace_state` belong to a remote parent. Times are nanoseconds since the Unix epoch.

    The fields from `scope_name` on are the host's and never on the wire: which plugin the span comes from, and how many of its
    attributes and links were dropped before they reached the tracer.
    """

    name: str
    kind: SpanKind = SpanKind.INTERNAL
    parent: SpanHandle | None = None
    parent_is_remote: bool = False
    parent_flags: int = PARENT_FLAGS_DEFAULT
    trace_state: str = ""
    attributes: Mapping[str, AttrValue] = field(default_factory=dict)
    links: tuple[SpanLink, ...] = ()
    start_time_unix_nanos: int | None = None
    scope_name: str = ""
    scope_version: str = ""
    dropped_attributes_count: int = 0
    dropped_links_count: int = 0
