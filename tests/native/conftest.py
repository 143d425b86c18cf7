"""Fixtures of the C decoder's tests."""

from __future__ import annotations

import pytest

from native.c_build import build_decoder_module
from native.c_decoder import CDecoder


@pytest.fixture(scope="session")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> CDecoder:
    """The C decoder, compiled once for the whole run."""
    return CDecoder(build_decoder_module(tmp_path_factory.mktemp("decoder")))
