"""Limits: every number that bounds what a guest can make the host keep. The defaults are the ABI header's."""

from __future__ import annotations

from dataclasses import dataclass, fields

from bext_abi import constants


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept, inclusive (ABI.md, "Limits"). What goes beyond is dropped and counted.

    Bytes are counted in accepted payload bytes; an overwritten value gives its own back. Raises ValueError for a limit below zero.
    """

    payload_bytes: int = constants.LIMIT_PAYLOAD_BYTES
    span_attributes: int = constants.LIMIT_SPAN_ATTRIBUTES
    span_events: int = constants.LIMIT_SPAN_EVENTS
    span_links: int = constants.LIMIT_SPAN_LINKS
    event_attributes: int = constants.LIMIT_EVENT_ATTRIBUTES
    link_attributes: int = constants.LIMIT_LINK_ATTRIBUTES
    span_bytes: int = constants.LIMIT_SPAN_BYTES
    scope_open_spans: int = constants.LIMIT_SCOPE_OPEN_SPANS
    scope_bytes: int = constants.LIMIT_SCOPE_BYTES
    scope_ended_parents: int = constants.LIMIT_SCOPE_ENDED_PARENTS
    queue_spans: int = constants.LIMIT_QUEUE_SPANS
    queue_bytes: int = constants.LIMIT_QUEUE_BYTES
    batch_spans: int = constants.LIMIT_BATCH_SPANS
    batch_bytes: int = constants.LIMIT_BATCH_BYTES

    def __post_init__(self) -> None:
        for limit in fields(self):
            value = getattr(self, limit.name)
            if type(value) is not int or value < 0:
                raise ValueError(f"limit {limit.name} must be an int of 0 or more, not {value!r}")
