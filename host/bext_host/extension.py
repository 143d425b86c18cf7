"""The C extension of the native engine and the native recorder, and which of the two ways of working is asked for.

It is optional: where it could not be built, everything works on Python alone, and whoever forces it is told why it is missing.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any, Final

from bext_abi import TRACER_ABI_VERSION, BextTracerError

from .settings import ENGINE_VARIABLE

NATIVE: Final = "native"
REFERENCE: Final = "reference"
AUTO: Final = "auto"

_EXTENSION: Final = "bext_host._native"


class NativeUnavailable(Exception):
    """Why native code cannot be used here. Never reaches a user."""


class EngineUnavailable(BextTracerError, RuntimeError):
    """An engine was forced that this installation does not have."""


def load_extension() -> Any:
    """The extension module. Raises NativeUnavailable with the reason."""
    try:
        _native = import_module(_EXTENSION)  # may not have been built
    except ImportError as error:
        raise NativeUnavailable(_why_missing(error)) from None
    if TRACER_ABI_VERSION != _native.lib.BEXT_TRACER_ABI_VERSION:
        raise NativeUnavailable("its extension module was built from another version of the sources")
    return _native


def _why_missing(error: ImportError) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name == _EXTENSION:
        return "its extension module was not built: installing bext-tracer builds it where a C compiler and Python's headers are at hand"
    return f"its extension module cannot be loaded ({error})"


def requested_engine(requested: str | None = None) -> str:
    """The engine that is asked for: `requested`, else the variable BEXT_TRACER_ENGINE, else "auto". Raises ValueError for another name."""
    wanted = requested if requested is not None else os.environ.get(ENGINE_VARIABLE) or AUTO
    if wanted not in (NATIVE, REFERENCE, AUTO):
        raise ValueError(f"unknown engine {wanted!r}: choose {NATIVE!r}, {REFERENCE!r} or {AUTO!r}")
    return wanted
