"""What a child is given is its own: a child that writes into it changes nothing for the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from bext_abi import AttrValue, SpanEvent, SpanHandle, SpanLink, SpanStart


def start_for_child(span: SpanStart, translate: Callable[[SpanHandle], SpanHandle]) -> SpanStart | None:
    """The start in the words of one child; None where it does not sample the parent, and so not the span.

    A remote parent is nobody's span here and passes as it is, as do links with a handle that is not known. Links to what the child
    did not sample are left out.
    """
    parent = span.parent
    if parent is not None and not span.parent_is_remote:
        parent = SpanHandle.INVALID if parent.is_invalid else translate(parent)
        if parent.is_invalid:
            return None
    return replace(span, parent=parent, attributes=copied(span.attributes), links=tuple(_links(span.links, translate)))


def _links(links: Iterable[SpanLink], translate: Callable[[SpanHandle], SpanHandle]) -> Iterable[SpanLink]:
    for link in links:
        handle = translate(link.handle)
        if not handle.is_invalid:
            yield replace(link, handle=handle, attributes=copied(link.attributes))


def event_for_child(event: SpanEvent) -> SpanEvent:
    """The event, with attributes of its own."""
    return replace(event, attributes=copied(event.attributes))


def copied(attributes: Mapping[str, AttrValue] | None) -> dict[str, AttrValue]:
    """A dict of its own; empty for None."""
    return dict(attributes or {})
