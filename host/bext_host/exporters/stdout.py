"""StdoutExporter: shows finished spans on a stream, as a tree for people or as lines of JSON for programs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, Protocol, TextIO, TypeAlias, get_args

from bext_abi import AttrValue
from bext_host.recorder.span import FinishedSpan

from .assembly import TraceAssembler, TraceTree
from .json_lines import span_to_line
from .otlp_json import request_to_line
from .resource import resource_attributes

StdoutFormat: TypeAlias = Literal["tree", "json", "otlp-json"]

FORMATS: Final[tuple[StdoutFormat, ...]] = get_args(StdoutFormat)
"""How spans can be shown."""


class StdoutExporter:
    """Writes finished spans to `stream`; without one to `sys.stdout` as it is at the time of writing.

    With format "tree" a trace is printed as a whole once its topmost span of this process has ended; what is still incomplete comes
    at `shutdown`. With format "json" every span is one line, written when it has finished. With "otlp-json" every batch is one line, an
    OTLP request with the `resource`: attributes of this process, over those of the environment (see `resource_attributes`). The other
    formats show none. Another format raises ValueError.

    It colours for terminals only, and respects NO_COLOR. On a terminal no line of a tree is longer than the terminal is wide, and what
    does not fit ends in an ellipsis; elsewhere a tree is laid out for 100 columns and nothing is cut. Nothing that a guest
    wrote reaches the stream as a control code. The stream is flushed after each batch, and never closed.

    What the stream raises, BrokenPipeError among it, `export` and `shutdown` raise. A write lasts as long as the stream makes it
    last: no deadline can end it.
    """

    name = "stdout"

    def __init__(
        self, format: StdoutFormat = "tree", stream: TextIO | None = None, *, resource: Mapping[str, AttrValue] | None = None
    ) -> None:
        self._stream = stream
        self._format = _format_of(format, resource)

    def export(self, batch: Sequence[FinishedSpan], deadline: float) -> None:
        """Write what the batch makes ready to be shown."""
        stream = self._current_stream()
        _write(stream, self._format.ready(batch, stream))

    def shutdown(self, deadline: float) -> None:
        """Write what was held back."""
        stream = self._current_stream()
        _write(stream, self._format.rest(stream))

    def _current_stream(self) -> TextIO:
        stream: TextIO | None = sys.stdout if self._stream is None else self._stream
        if stream is None:  # as in a process that was started without any standard streams
            raise OSError("there is no standard output to write to")
        return stream


class _Format(Protocol):
    def ready(self, batch: Sequence[FinishedSpan], stream: TextIO) -> Iterable[str]: ...

    def rest(self, stream: TextIO) -> Iterable[str]: ...


def _format_of(name: StdoutFormat, resource: Mapping[str, AttrValue] | None) -> _Format:
    if name == "tree":
        return _Tree()
    if name == "json":
        return _JsonLines()
    if name == "otlp-json":
        return _OtlpJson(resource_attributes(attributes=resource))
    raise ValueError(f'format must be "tree", "json" or "otlp-json", not {name!r}')


class _JsonLines:
    """Holds nothing back. A batch is one piece, so that lines of other writers come between batches, not within."""

    def ready(self, batch: Sequence[FinishedSpan], stream: TextIO) -> Iterable[str]:
        return ["".join(map(span_to_line, batch))] if batch else []

    def rest(self, stream: TextIO) -> Iterable[str]:
        return []


class _OtlpJson:
    """Holds nothing back. A batch is one line, as in a file."""

    def __init__(self, resource: Mapping[str, AttrValue]) -> None:
        self._resource = dict(resource)

    def ready(self, batch: Sequence[FinishedSpan], stream: TextIO) -> Iterable[str]:
        return [request_to_line(batch, self._resource)] if batch else []

    def rest(self, stream: TextIO) -> Iterable[str]:
        return []


class _Tree:
    """Holds a trace back until it is whole."""

    def __init__(self) -> None:
        # rich takes longer to import than all the rest, and only this format needs it.
        from .tree import render  # noqa: PLC0415 - as said above
        from .tree_surface import Surface  # noqa: PLC0415 - as said above

        self._render = render
        self._surface_of = Surface.of
        self._assembler = TraceAssembler()
        self._process = os.getpid()

    def ready(self, batch: Sequence[FinishedSpan], stream: TextIO) -> Iterator[str]:
        return self._rendered(self._assembler_of_this_process().add(batch), stream)

    def rest(self, stream: TextIO) -> Iterator[str]:
        return self._rendered(self._assembler_of_this_process().drain(), stream)

    def _assembler_of_this_process(self) -> TraceAssembler:
        """What the parent process holds back is the parent's to print: a forked child starts with nothing."""
        if self._process != os.getpid():
            self._assembler = TraceAssembler()
            self._process = os.getpid()
        return self._assembler

    def _rendered(self, trees: Iterable[TraceTree], stream: TextIO) -> Iterator[str]:
        surface = self._surface_of(stream)
        return (self._render(tree, surface) for tree in trees)


def _write(stream: TextIO, pieces: Iterable[str]) -> None:
    """Write and flush. A stream that was closed meanwhile is no error where there is nothing to write to it."""
    wrote = False
    for piece in pieces:
        stream.write(piece)
        wrote = True
    if wrote:
        stream.flush()
