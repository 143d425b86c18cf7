"""What stands under a span's name in a tree: its error, scope, what the host says, attributes, events, links, and what was dropped.

Lines without guides; `tree` puts them in place. Every text of a guest is made safe before it becomes part of a line, and lines are
rich `Text`, never markup.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final

from rich.cells import cell_len
from rich.text import Text

from bext_abi import AttrValue, SpanEvent, SpanLink, StatusCode
from bext_host.recorder.span import FinishedSpan

from .tree_flow import HANGING, cut, flow
from .tree_host_facts import host_facts
from .tree_surface import Surface
from .tree_wording import offset, pairs, plural, text_value

MAX_MESSAGE_LINES: Final = 6
"""On a terminal, the message of an error is wrapped to at most so many lines."""


def details(span: FinishedSpan, shows_scope: bool, surface: Surface, width: int) -> Iterator[Text]:
    """The lines under a span's name, laid out for `width` columns."""
    yield from _message(span, surface, width)
    if shows_scope and span.scope_name:
        yield cut(Text(surface.safe(f"in {span.scope_name} {span.scope_version}".rstrip()), "magenta"), surface, width)
    yield from flow(_remote_parent(span, surface), surface, width)
    facts, attributes = host_facts(span, surface)
    yield from flow(facts, surface, width)
    yield from flow(_attributes(attributes, surface), surface, width)
    yield from _events(span, surface, width)
    for link in span.links:
        yield from flow(_link(link, span, surface), surface, width, hanging=HANGING)
    dropped = {"attribute": span.dropped_attributes_count, "event": span.dropped_events_count, "link": span.dropped_links_count}
    yield from flow(_dropped(dropped), surface, width)


def _message(span: FinishedSpan, surface: Surface, width: int) -> Iterator[Text]:
    if span.status.code is not StatusCode.ERROR or not span.status.message:
        return
    message = f"error: {surface.safe(span.status.message)}"
    if not surface.is_terminal:
        yield Text(message, "red")
        return
    words = (Text(word, "red") for word in message.split(" "))
    lines = list(islice(flow(words, surface, width, gap=" "), MAX_MESSAGE_LINES + 1))
    if len(lines) > MAX_MESSAGE_LINES:
        lines[MAX_MESSAGE_LINES - 1 :] = [cut(lines[MAX_MESSAGE_LINES - 1].append(surface.glyphs.ellipsis), surface, width)]
    yield from lines


def _remote_parent(span: FinishedSpan, surface: Surface) -> Iterator[Text]:
    if span.parent is not None and span.parent_is_remote:
        yield Text(f"remote parent {span.parent.span_id_hex}", "dim")
    if span.trace_state:
        yield _trace_state(span.trace_state, surface)


def _trace_state(trace_state: str, surface: Surface) -> Text:
    return Text(f"tracestate {text_value(trace_state, surface)}", "dim")


def _attributes(attributes: Mapping[str, AttrValue], surface: Surface) -> Iterator[Text]:
    for key, value in pairs(attributes, surface):
        yield Text().append(f"{key}=", "dim").append(value)


def _events(span: FinishedSpan, surface: Surface, width: int) -> Iterator[Text]:
    offsets = [_event_offset(event, span, surface) for event in span.events]
    column = max(map(cell_len, offsets), default=0)
    for event, when in zip(span.events, offsets, strict=True):
        yield from flow(_event(event, when.rjust(column), surface), surface, width, hanging=HANGING)


def _event_offset(event: SpanEvent, span: FinishedSpan, surface: Surface) -> str:
    if event.time_unix_nanos is None:
        return ""
    return offset(event.time_unix_nanos - span.start_time_unix_nanos, surface)


def _event(event: SpanEvent, when: str, surface: Surface) -> Iterator[Text]:
    name = surface.safe(event.name) or "(no name)"
    yield Text().append(when, "cyan").append("  " if when else "").append(name, "blue")
    yield from _attributes(event.attributes, surface)
    yield from _dropped({"attribute": event.dropped_attributes_count})


def _link(link: SpanLink, span: FinishedSpan, surface: Surface) -> Iterator[Text]:
    elsewhere = "" if link.handle.trace_id == span.handle.trace_id else f" of trace {link.handle.trace_id_hex}"
    yield Text(f"{surface.glyphs.link} span {link.handle.span_id_hex}{elsewhere}", "blue")
    if link.trace_state:
        yield _trace_state(link.trace_state, surface)
    yield from _attributes(link.attributes, surface)
    yield from _dropped({"attribute": link.dropped_attributes_count})


def _dropped(counts: Mapping[str, int]) -> Iterator[Text]:
    named = [plural(count, noun) for noun, count in counts.items() if count]
    if named:
        yield Text(f"dropped {', '.join(named)}", "yellow")
