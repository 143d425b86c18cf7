"""The tracers that come with bext-tracer, by name.

A factory here imports what its back-end needs when it is called, so that none of it is imported, or has to be installed, for another
tracer. Its keyword arguments are the options, its docstring's first line is what `bext-tracer tracers` says of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal, TypeAlias

from bext_host.exporters import StdoutExporter
from bext_host.recorder import SpanExporter

TracerFactory: TypeAlias = Callable[..., Any]
"""Takes the options of `[tracer.options]`, gives a SpanExporter or a TracerPlugin."""


@contextlib.contextmanager
def from_extra(extra: str) -> Iterator[None]:
    """Import in here what comes with an extra: where it is missing, ModuleNotFoundError says how to install it."""
    try:
        yield
    except ModuleNotFoundError as error:
        what = f"{error.name or 'a package'} is not installed: pip install 'bext-tracer[{extra}]'"
        raise ModuleNotFoundError(what, name=error.name) from error


def _stdout(*, format: Literal["tree", "json"] = "tree") -> SpanExporter:
    """Prints traces: as trees for people, or as JSON for programs, a line for each span."""
    return StdoutExporter(format)


OURS: Final[dict[str, TracerFactory]] = {
    "tracer-stdout": _stdout,
}
"""By the alphabet, a line each."""
