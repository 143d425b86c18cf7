"""What flushes could not hand over, told once: the run's own flushes and those on the interval see the same failures."""

from __future__ import annotations

import re
import threading
from typing import Final

from bext_abi import FlushError
from bext_host.escape import escape

from .failure import FAULT, fail

_STDOUT: Final = re.compile(r"(^|/)stdout(-[0-9]+)?$")
"""StdoutExporter in a FlushError: alone, below a recorder beside other tracers, and as one of several."""


class FlushFailures:
    """Prints a line for the first failure of each kind of each exporter: the numbers in it change. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: set[tuple[str, str]] = set()

    def __bool__(self) -> bool:
        """Whether anything was told."""
        return bool(self._told)

    def tell(self, error: FlushError) -> bool:
        """Tell what is new; false where the output has no reader any more, which is nothing to tell."""
        gone = _without_reader(error)
        with self._lock:
            new = {name: text for name, text in error.failures.items() if name not in gone and (name, _kind(text)) not in self._told}
            self._told.update((name, _kind(text)) for name, text in new.items())
        if new:
            fail(escape(str(FlushError(new))), FAULT)
        return not gone


def _kind(failure: str) -> str:
    """The error's name, as exporters' failures begin with it; else the first words."""
    return re.split("[:,]", failure, maxsplit=1)[0]


def _without_reader(error: FlushError) -> set[str]:
    """Who wrote to an output that nobody reads, as with `| head`. A broken pipe of others that export to elsewhere is a failure."""
    broken = {name for name, text in error.failures.items() if text.startswith(BrokenPipeError.__name__)}
    return broken if len(error.failures) == 1 else {name for name in broken if _STDOUT.search(name)}
