"""The engines that contenders run on."""

from __future__ import annotations

import pytest

import bext_host


@pytest.fixture(params=["native", "reference"])
def engine(request: pytest.FixtureRequest) -> str:
    if request.param == "native" and bext_host.engine != "native":
        pytest.skip("this installation has no native engine")
    name: str = request.param
    return name
