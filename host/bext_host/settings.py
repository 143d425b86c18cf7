"""Every environment variable that bext-tracer reads, in one place."""

from typing import Final

ENGINE_VARIABLE: Final = "BEXT_TRACER_ENGINE"
"""`native`, `reference` or `auto`: which engine carries the host calls, where the code does not say (default `auto`)."""
