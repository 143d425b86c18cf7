"""Starting the threads that are started once and then there for good."""

from __future__ import annotations

import threading


def start_if_needed(thread: threading.Thread) -> None:
    """Start a thread that has not started yet: one that is new, or whose first start failed, as where the system had no room for it.

    A signal's handler that raised between the making and the start is the other reason. Raises RuntimeError where it fails again.
    """
    if thread.ident is None:
        thread.start()
