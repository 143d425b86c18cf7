"""Which engine carries the host calls. One forced that is missing is an error, never a silent slow path."""

from __future__ import annotations

from bext_host.extension import AUTO, NATIVE, REFERENCE, EngineUnavailable, NativeUnavailable, requested_engine

from .native_library import load


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
    wanted = requested_engine(requested)
    if wanted == NATIVE and engine != NATIVE:
        raise EngineUnavailable(f"the native engine was asked for, but {engine_reason}")
    return engine if wanted == AUTO else wanted
