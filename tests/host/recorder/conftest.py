"""Every rule of the recorder is tested on all cores that this installation has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bext_host.settings import ENGINE_VARIABLE
from support.raw_guest import ENGINES


@pytest.fixture(scope="module", params=ENGINES, autouse=True)
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    """Of a module's tests, since Hypothesis runs each many times with one fixture."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ENGINE_VARIABLE, request.param)
        yield request.param
