"""Logging from where nothing may be raised: a handler that fails is the program's trouble, never the guest's."""

from __future__ import annotations

import contextlib
import logging


def log_safely(logger: logging.Logger, level: int, message: str, *arguments: object, error: BaseException | None = None) -> None:
    """Log a message, with the traceback of `error`; whatever a handler raises is swallowed."""
    with contextlib.suppress(Exception):
        logger.log(level, message, *arguments, exc_info=error)
