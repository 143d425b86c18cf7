"""Fixtures of the boundary's contract: everything runs once for each engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from support.raw_guest import ENGINES, RawGuest
from support.tracers import HostRecordingTracer


@pytest.fixture(params=ENGINES)
def make_guest(request: pytest.FixtureRequest) -> Callable[..., RawGuest]:
    """Makes a RawGuest; its tracer records everything unless another is given."""

    def make(tracer: Any = None, **options: Any) -> RawGuest:
        return RawGuest(HostRecordingTracer() if tracer is None else tracer, engine=request.param, **options)

    return make


@pytest.fixture
def guest(make_guest: Callable[..., RawGuest]) -> RawGuest:
    """A guest with the default limits."""
    return make_guest()
