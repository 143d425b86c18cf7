"""GuardedKeys: the keys that a back-end takes as commands, and what becomes of a guest's attribute of that name.

Nothing is thrown away: the attribute keeps its value under a name that commands nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

RENAMED_PREFIX: Final = "guest."
"""What is put before the name of a guest's attribute that would command something."""


@dataclass(frozen=True, slots=True)
class GuardedKeys:
    """Keys, and how keys start, as they are written: case counts."""

    keys: frozenset[str]
    prefixes: tuple[str, ...] = ()

    def harmless(self, key: str) -> str:
        """The name under which a guest's attribute is sent: its own, or one with `guest.` before it."""
        return RENAMED_PREFIX + key if key in self.keys or key.startswith(self.prefixes) else key
