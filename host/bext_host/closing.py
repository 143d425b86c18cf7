"""The end of a `with` block whose object is closed there, and may have to report what it could not hand over."""

from __future__ import annotations

import logging
from collections.abc import Callable

from bext_abi import FlushError

from .logs import log_safely


def close_at_exit(close: Callable[[], object], error: BaseException | None, logger: logging.Logger) -> None:
    """What `__exit__` does: close. `error` is what the block raises, if anything.

    Raises FlushError where `close` does and the block ended well; else that is only logged, since what is under way matters more.
    """
    try:
        close()
    except FlushError as failed:
        if error is None:
            raise
        log_safely(logger, logging.ERROR, "flush failed: %s", failed)
