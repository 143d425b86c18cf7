"""The version of this product, from the one place where it is written: pyproject.toml."""

from __future__ import annotations

from importlib import metadata


def version() -> str:
    """The installed version; "unknown" where the sources are used without being installed."""
    try:
        return metadata.version("bext-tracer")
    except metadata.PackageNotFoundError:
        return "unknown"
