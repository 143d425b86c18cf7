"""Logging from where nothing may be raised: a handler that fails is the program's trouble, never the guest's."""

from __future__ import annotations

import logging
from collections.abc import Mapping


def log_safely(
    logger: logging.Logger,
    level: int,
    message: str,
    *arguments: object,
    error: BaseException | None = None,
    extra: Mapping[str, object] | None = None,
) -> None:
    """Log a message, with the traceback of `error` and the fields `extra` on the record.

    Whatever a handler raises is swallowed, except what must stop the program: KeyboardInterrupt and SystemExit.
    """
    try:
        logger.log(level, message, *arguments, exc_info=error, extra=extra)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # noqa: BLE001, S110  # nowhere is left to tell it
        pass
