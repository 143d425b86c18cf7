"""The engine that plugins run on, one for the process, so that compiled modules are shared by all hosts."""

from __future__ import annotations

import os
import threading
from typing import Final

from wasmtime import Config, Engine

ENGINE_CONFIGURATION: Final = "epochs, fuel, no threads"
"""What of the configuration goes into compiled code: part of the key that it is cached under. Change it with `plugin_engine`."""

_lock = threading.Lock()
_engine: Engine | None = None


def plugin_engine() -> Engine:
    """The engine for plugins: calls can be ended, have fuel, and a forked child can still compile."""
    global _engine  # noqa: PLW0603  # made once
    with _lock:
        if _engine is None:
            config = Config()
            config.epoch_interruption = True
            config.consume_fuel = True
            config.parallel_compilation = False
            _engine = Engine(config)
        return _engine


def _renew_lock() -> None:
    global _lock  # noqa: PLW0603  # whoever held it is gone
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_renew_lock)
