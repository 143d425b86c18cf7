"""The tracers that come with bext-tracer, by name.

A factory here imports what its back-end needs when it is called, so that none of it is imported, or has to be installed, for another
tracer. Its keyword arguments are the options, its docstring's first line is what `bext-tracer tracers` says of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

from bext_host.exporters import FileExporter, StdoutExporter
from bext_host.exporters.file import DEFAULT_BYTES, DEFAULT_FILES
from bext_host.exporters.stdout import StdoutFormat
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


def _file(*, path: str, max_bytes: int = DEFAULT_BYTES, max_files: int = DEFAULT_FILES) -> SpanExporter:
    """Writes OTLP/JSON lines to a file, which is rotated by size."""
    if not isinstance(path, str) or not path:
        raise ValueError(f"path must be the name of a file, not {path!r}")
    return FileExporter(path, max_bytes=max_bytes, max_files=max_files)


def _stdout(*, format: StdoutFormat = "tree") -> SpanExporter:
    """Prints traces: as trees for people, or as JSON or OTLP/JSON lines for programs."""
    return StdoutExporter(format)


OURS: Final[dict[str, TracerFactory]] = {
    "tracer-file": _file,
    "tracer-stdout": _stdout,
}
"""By the alphabet, a line each."""
