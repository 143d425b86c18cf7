"""What the host and its plugins log while a command runs, as lines on standard error. It never raises, and leaves logging as it was."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import Final

from bext_host.escape import escape

from .failure import say

_HOST: Final = "bext_host"
_PLUGINS: Final = "bext.plugin"
"""The loggers of the host, and of what guests print and log."""


@contextlib.contextmanager
def shown_logs() -> Iterator[None]:
    """While inside, show the host's warnings and errors, and what plugins print and log, but for levels below "info"."""
    host, plugins = logging.getLogger(_HOST), logging.getLogger(_PLUGINS)
    handler, level = _Lines(), plugins.level
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

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(OSError, ValueError):  # nobody reads standard error any more
            say(_line(record))


def _line(record: logging.LogRecord) -> str:
    message = escape(record.getMessage())
    if record.name == _PLUGINS:
        return message
    error = record.exc_info[1] if record.exc_info else None
    cause = "" if error is None else f": {type(error).__name__}: {escape(str(error))}"
    return f"bext-tracer: {message}{cause}"
