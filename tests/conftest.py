"""Settings for the whole suite: hypothesis runs the same examples every time, and more of them in the profile `long`."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile("default", derandomize=True, database=None, deadline=None, max_examples=100)
settings.register_profile(
    "long", derandomize=False, database=None, deadline=None, max_examples=20_000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
