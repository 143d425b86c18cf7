"""What a setting may be, and the words for it in an error. PluginLimits and the configuration file judge by these same rules.

A rule yields faults: lines that name the key, what was expected and what was found. A fault never raises and is safe to show.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Final, Protocol, TypeGuard

from bext_host.escape import escape

MAX_WHOLE: Final = 2**63 - 1
"""The greatest whole number that TOML promises to carry. wasmtime's bindings wrap what is longer, silently."""

MAX_SECONDS: Final = 1_000_000_000
"""About 31 years. Python cannot wait for ever with a timeout, and no limit of time is meant to be none."""

_SHOWN_CHARACTERS: Final = 60
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")


class Rule(Protocol):
    """Judges a value that stands at a key."""

    def faults(self, value: object, at: str) -> Iterator[str]:
        """What is wrong with `value`, a line each; `at` is its key as `key_path` writes it."""
        ...


@dataclass(frozen=True, slots=True)
class Expected:
    """A value for which `holds` is true; `words` say what that is."""

    words: str
    holds: Callable[[object], bool]

    def faults(self, value: object, at: str) -> Iterator[str]:
        """One fault where the value is something else."""
        if not self.holds(value):
            yield f"{at}: expected {self.words}, found {shown(value)}"


@dataclass(frozen=True, slots=True)
class Table:
    """A table with these keys. `required` are those that must be there, with the words for what is expected."""

    rules: Mapping[str, Rule]
    required: Mapping[str, str] = field(default_factory=dict)

    def faults(self, value: object, at: str) -> Iterator[str]:
        """Those of its values and its unknown keys as they come, then the keys that are missing."""
        if not isinstance(value, Mapping):
            yield f"{at}: expected a table, found {shown(value)}"
            return
        for key, item in value.items():
            if key in self.rules:
                yield from self.rules[key].faults(item, key_path(at, key))
            else:
                yield f"{key_path(at, key)}: {unknown('key', key, self.rules)}"
        for key, words in self.required.items():
            if key not in value:
                yield f"{key_path(at, key)}: missing, expected {words}"


@dataclass(frozen=True, slots=True)
class TableOf:
    """A table whose keys are names that somebody chose, with a value of one kind each."""

    rule: Rule

    def faults(self, value: object, at: str) -> Iterator[str]:
        """Those of its values as they come."""
        if not isinstance(value, Mapping):
            yield f"{at}: expected a table, found {shown(value)}"
            return
        for key, item in value.items():
            if isinstance(key, str):
                yield from self.rule.faults(item, key_path(at, key))
            else:
                yield f"{at}: expected names as keys, found {shown(key)}"


def whole(least: int, most: int = MAX_WHOLE) -> Expected:
    """A whole number; bool is none."""
    words = f"{least} or more" if most == MAX_WHOLE else f"{least} to {most}"
    return Expected(f"a whole number of {words}", lambda value: type(value) is int and least <= value <= most)


def one_of(*words: str) -> Expected:
    """One of these strings."""
    return Expected(" or ".join(f'"{word}"' for word in words), lambda value: isinstance(value, str) and value in words)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


SECONDS: Final = Expected(
    f"a number of seconds above 0, at most {MAX_SECONDS}", lambda value: _is_number(value) and 0 < value <= MAX_SECONDS
)
RATIO: Final = Expected("a number of 0 to 1", lambda value: _is_number(value) and 0 <= value <= 1)
STRING: Final = Expected("a string", lambda value: isinstance(value, str))
STRINGS: Final = Expected("an array of strings", _is_strings)
BOOLEAN: Final = Expected("true or false", lambda value: isinstance(value, bool))
ANY_TABLE: Final = Expected("a table", lambda value: isinstance(value, dict))


def unknown(what: str, name: str, known: Collection[str]) -> str:
    """That `name` is none of the known ones, which of them it resembles, and what they are."""
    nearest = difflib.get_close_matches(name, known, n=1)
    hint = f', did you mean "{nearest[0]}"?' if nearest else ";"
    return f"unknown {what}{hint} known: {escape(', '.join(known)) or 'none'}"


def key_path(at: str, key: str) -> str:
    """The key of a value in the table at `at`, as TOML writes it."""
    written = key if _BARE_KEY.fullmatch(key) else _quoted(key)
    return f"{at}.{written}" if at else written


def shown(value: object) -> str:
    """A value in TOML's words, on one line and not longer than a person wants to read."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _quoted(value if len(value) <= _SHOWN_CHARACTERS else value[: _SHOWN_CHARACTERS - 1] + "…")
    if isinstance(value, int) and not -MAX_WHOLE <= value <= MAX_WHOLE:
        return "a number too large for 64 bits"  # Python refuses to write very long ones
    if isinstance(value, (int, float)):
        return repr(value)
    kinds = ((Mapping, "a table"), (list, "an array"), (datetime, "a date and time"), (date, "a date"), (time, "a time"))
    return next((words for kind, words in kinds if isinstance(value, kind)), type(value).__name__)


def _quoted(text: str) -> str:
    return escape(json.dumps(text, ensure_ascii=False))
