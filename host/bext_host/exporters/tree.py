"""Draws a trace as a tree with a waterfall, for people.

It never interprets what a guest wrote: texts are escaped and put into rich `Text` objects, not markup. It never recurses, and its
work grows with the number of spans alone, not with their depth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from typing import Final

from rich.console import Console
from rich.text import Text

from bext_abi import SpanKind, StatusCode
from bext_host.recorder.span import FinishedSpan

from .assembly import Content, Placeholder, Row, TraceTree
from .tree_details import details
from .tree_flow import cut, flow
from .tree_guides import Guides
from .tree_surface import Surface
from .tree_wording import duration, plural
from .waterfall import Waterfall

_GAP: Final = "  "
_NARROWEST_BAR: Final = 8
_WIDEST_BAR: Final = 72
_NAME_BEFORE_KIND: Final = 10


def render(tree: TraceTree, surface: Surface) -> str:
    """A tree as text that ends in an empty line: on a terminal in the colours it has, elsewhere without a single control code."""
    lines = [*draw(tree, surface), Text()]
    if not surface.is_terminal:
        return "".join(f"{line.plain}\n" for line in lines)
    output = StringIO()
    _console(output, surface.width).print(Text("\n").join(lines), soft_wrap=True)
    return output.getvalue()


def draw(tree: TraceTree, surface: Surface) -> Iterator[Text]:
    """The lines of a tree: one about the trace, and for each span one with its bar and those with its details."""
    drawing = _Drawing(tree, surface)
    for line in drawing.lines():
        yield cut(line, surface, surface.width)


@dataclass(frozen=True, slots=True)
class _Label:
    """A row with what stands before its name, its name, and what stands before the lines under it."""

    row: Row
    text: Text
    indent: str


class _Drawing:
    """One tree on one surface. All labels are made first, because the widest decides where the bars begin."""

    def __init__(self, tree: TraceTree, surface: Surface) -> None:
        self._tree = tree
        self._surface = surface
        self._spans = tree.spans
        self._waterfall = Waterfall(self._spans)
        self._duration_columns = max(len(self._duration(span)) for span in self._spans)
        room = max(surface.width - self._duration_columns - 2 * len(_GAP), 2)
        limit = _label_limit(room)
        self._labels = self._make_labels(limit)
        widths = (label.text.cell_len for label in self._labels)
        self._label_columns = max((width for width in widths if width <= limit), default=limit)
        bar = min(room - self._label_columns, _WIDEST_BAR)
        self._bar_columns = bar if bar >= _NARROWEST_BAR else 0

    def lines(self) -> Iterator[Text]:
        """The header, and the lines of every row from the top down."""
        yield from flow(self._header(), self._surface, self._surface.width)
        scopes: list[tuple[str, str] | None] = []
        for label in self._labels:
            content, depth = label.row.content, label.row.depth
            del scopes[depth:]
            if isinstance(content, Placeholder):
                scopes.append(None)
                yield label.text
                continue
            scopes.append((content.scope_name, content.scope_version))
            yield from self._span_lines(content, label, shows_scope=depth == 0 or scopes[-1] != scopes[-2])

    def _header(self) -> Iterator[Text]:
        errors = sum(span.status.code is StatusCode.ERROR for span in self._spans)
        yield Text().append("trace ", "dim").append(f"{self._tree.trace_id:032x}", "bold")
        yield Text(plural(len(self._spans), "span"))
        yield Text(duration(self._waterfall.nanos, self._surface), "cyan")
        if errors:
            yield Text(plural(errors, "error"), "bold red")
        if self._tree.is_incomplete:
            yield Text("incomplete", "yellow")

    def _make_labels(self, limit: int) -> list[_Label]:
        guides = Guides(self._tree.rows, self._surface.glyphs, columns=limit * 2 // 3)
        labels = []
        for row in self._tree.rows:
            before, indent = guides.enter(row)
            name = _name(row.content, self._surface, limit - len(before))
            labels.append(_Label(row, Text().append(before, "dim").append_text(name), indent))
        return labels

    def _span_lines(self, span: FinishedSpan, label: _Label, shows_scope: bool) -> Iterator[Text]:
        line = label.text
        if line.cell_len > self._label_columns:  # it stays whole, and the bar keeps its column
            yield line
            line = Text(label.indent, "dim")
        line.append(" " * (self._label_columns - line.cell_len))
        line.append(_GAP + self._duration(span).rjust(self._duration_columns), "cyan")
        bar = self._waterfall.bar(span, self._bar_columns, self._surface.glyphs)
        yield line.append(_GAP + bar if bar else "", "red" if span.status.code is StatusCode.ERROR else "green")
        for detail in details(span, shows_scope, self._surface, self._surface.width - len(label.indent)):
            yield Text().append(label.indent, "dim").append_text(detail)

    def _duration(self, span: FinishedSpan) -> str:
        return duration(span.end_time_unix_nanos - span.start_time_unix_nanos, self._surface)


def _label_limit(room: int) -> int:
    """The columns that names may take of those that names and bars share: all, where too few would be left for a bar."""
    limit = room * 6 // 10
    return limit if room - limit >= _NARROWEST_BAR else room


def _name(content: Content, surface: Surface, room: int) -> Text:
    """What a row is called. On a terminal the name is shortened; its mark always stays, its kind where enough is left of the name."""
    if isinstance(content, Placeholder):
        return cut(Text(f"({content.absence.value}) {content.handle.span_id_hex}", "italic yellow"), surface, room)
    style = "bold red" if content.status.code is StatusCode.ERROR else "bold"
    name = Text().append(surface.safe(content.name) or "(no name)", style)
    mark, kind = _mark(content, surface), _kind(content)
    room -= mark.cell_len
    if surface.is_terminal and room - kind.cell_len < min(name.cell_len, _NAME_BEFORE_KIND):
        kind = Text()
    return cut(name, surface, room - kind.cell_len).append_text(mark).append_text(kind)


def _mark(span: FinishedSpan, surface: Surface) -> Text:
    if span.status.code is StatusCode.OK:
        return Text(f" {surface.glyphs.ok}", "green")
    if span.status.code is StatusCode.ERROR:
        return Text(f" {surface.glyphs.error}", "bold red")
    return Text()


def _kind(span: FinishedSpan) -> Text:
    return Text() if span.kind is SpanKind.INTERNAL else Text(f"  {span.kind.name.lower()}", "dim")


def _console(output: StringIO, width: int) -> Console:
    """A rich console that interprets nothing and knows of the terminal only its colours: TERM, COLORTERM and NO_COLOR decide."""
    return Console(
        file=output, width=width, force_terminal=True, force_interactive=False, force_jupyter=False, legacy_windows=False,
        markup=False, emoji=False, highlight=False,
    )  # fmt: skip
