"""What the host and its plugins log while a command runs, as lines on standard error. It never raises, and leaves logging as it was."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Final

from bext_abi import FlushError
from bext_host.escape import escape

from .failure import say

_HOST: Final = "bext_host"
_PLUGINS: Final = "bext.plugin"
"""The loggers of the host, and of what guests print and log."""


@contextlib.contextmanager
def shown_logs(tell_flush_failed: Callable[[FlushError], object]) -> Iterator[None]:
    """While inside, show the host's warnings and errors, and what plugins print and log, but for levels below "info".

    What is logged of a flush that failed is told by `tell_flush_failed`, which the command's own flushes have, too.
    """
    host, plugins = logging.getLogger(_HOST), logging.getLogger(_PLUGINS)
    handler, level = _Lines(tell_flush_failed), plugins.level
    for logger in (host, plugins):
        logger.addHandler(handler)
    plugins.setLevel(logging.INFO)
    try:
        yield
    finally:
        plugins.setLevel(level)
        for logger in (host, plugins):
            logger.removeHandler(handler)


class _Lines(logging.Handler):
    """One line for each record. A plugin's begins with its name, the host's like all of the command's."""

    def __init__(self, tell_flush_failed: Callable[[FlushError], object]) -> None:
        super().__init__()
        self._tell_flush_failed = tell_flush_failed

    def emit(self, record: logging.LogRecord) -> None:
        failed = next((argument for argument in record.args or () if isinstance(argument, FlushError)), None)
        with contextlib.suppress(OSError, ValueError):  # nobody reads standard error any more
            if failed is None:
                say(_line(record))
            else:
                self._tell_flush_failed(failed)


def _line(record: logging.LogRecord) -> str:
    message = escape(record.getMessage())
    if record.name == _PLUGINS:
        return message
    error = record.exc_info[1] if record.exc_info else None
    cause = "" if error is None else f": {type(error).__name__}: {escape(str(error))}"
    return f"bext-tracer: {message}{cause}"
