"""Which engine carries the host calls. One forced that is missing is an error, never a silent slow path."""

from __future__ import annotations

import os
from typing import Final

from bext_abi import BextTracerError
from bext_host.settings import ENGINE_VARIABLE

from .native_library import NativeUnavailable, load

NATIVE: Final = "native"
REFERENCE: Final = "reference"
AUTO: Final = "auto"


class EngineUnavailable(BextTracerError, RuntimeError):
    """An engine was forced that this installation does not have."""


def _best() -> tuple[str, str]:
    try:
        load()
    except NativeUnavailable as missing:
        return REFERENCE, f"the native engine is not available: {missing}"
    return NATIVE, "the native engine is built and fits this wasmtime"


engine, engine_reason = _best()
"""The engine that `auto` takes in this installation, "native" or "reference", and why, in words."""


def choose_engine(requested: str | None = None) -> str:
    """The engine to use: `requested`, else the variable BEXT_TRACER_ENGINE, else the best there is.

    Raises ValueError for an unknown name, EngineUnavailable for one that cannot be had.
    """
    wanted = requested if requested is not None else os.environ.get(ENGINE_VARIABLE) or AUTO
    if wanted not in (NATIVE, REFERENCE, AUTO):
        raise ValueError(f"unknown engine {wanted!r}: choose {NATIVE!r}, {REFERENCE!r} or {AUTO!r}")
    if wanted == NATIVE and engine != NATIVE:
        raise EngineUnavailable(f"the native engine was asked for, but {engine_reason}")
    return engine if wanted == AUTO else wanted
