"""The one error of the fixtures' build."""

from __future__ import annotations


class BuildError(Exception):
    """Something that the caller must mend; its text is all that is shown."""
