"""Settings for the whole suite: hypothesis runs the same examples every time, and more of them in the profile `long`."""

from __future__ import annotations

import os
import signal

from hypothesis import HealthCheck, settings

settings.register_profile("default", derandomize=True, database=None, deadline=None, max_examples=100)
settings.register_profile(
    "long", derandomize=False, database=None, deadline=None, max_examples=20_000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_configure() -> None:
    """A shell starts what it runs in the background with Ctrl-C ignored; the tests of Ctrl-C are to run there, too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
