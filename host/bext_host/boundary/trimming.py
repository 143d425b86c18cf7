"""Cutting what a guest sent to what it may send: reserved keys, and counts beyond the limits (ABI.md, "Order of checks")."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from bext_abi import AttrValue, DropReason, SpanEvent, SpanLink, SpanStart
from bext_abi.constants import RESERVED_KEY_PREFIX
from bext_host.limits import Limits


class Trimmed:
    """What was dropped from one call, part by part."""

    def __init__(self) -> None:
        self.drops: Counter[DropReason] = Counter()

    def attributes(self, attributes: Mapping[str, AttrValue], at_most: int) -> dict[str, AttrValue]:
        """The attributes that a guest may set: no key of the host's, the first `at_most` of the others."""
        kept: dict[str, AttrValue] = {}
        for key, value in attributes.items():
            if key.startswith(RESERVED_KEY_PREFIX):
                self.drops[DropReason.RESERVED_KEY] += 1
            elif len(kept) >= at_most:
                self.drops[DropReason.ATTRIBUTE_LIMIT] += 1
            else:
                kept[key] = value
        return kept

    def event(self, event: SpanEvent, limits: Limits) -> SpanEvent:
        """The event with the attributes that it may have."""
        self.drops[DropReason.MALFORMED] += event.dropped_attributes_count
        kept = self.attributes(event.attributes, limits.event_attributes)
        dropped = event.dropped_attributes_count + len(event.attributes) - len(kept)
        return replace(event, attributes=kept, dropped_attributes_count=dropped)

    def start(self, span: SpanStart, limits: Limits) -> SpanStart:
        """The SpanStart with the attributes and links that it may have."""
        self.drops[DropReason.MALFORMED] += span.dropped_attributes_count
        attributes = self.attributes(span.attributes, limits.span_attributes)
        kept = span.links[: limits.span_links]
        dropped_links = len(span.links) - len(kept)
        self.drops[DropReason.LINK_LIMIT] += dropped_links
        return replace(
            span,
            attributes=attributes,
            links=tuple(self._link(link, limits) for link in kept),
            dropped_attributes_count=span.dropped_attributes_count + len(span.attributes) - len(attributes),
            dropped_links_count=dropped_links,
        )

    def _link(self, link: SpanLink, limits: Limits) -> SpanLink:
        self.drops[DropReason.MALFORMED] += link.dropped_attributes_count
        kept = self.attributes(link.attributes, limits.link_attributes)
        dropped = link.dropped_attributes_count + len(link.attributes) - len(kept)
        return replace(link, attributes=kept, dropped_attributes_count=dropped)
