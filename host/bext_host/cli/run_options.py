"""The values of the options of `bext-tracer run`, read and judged. They raise argparse's error, which becomes one line."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError, Namespace
from dataclasses import dataclass, replace
from typing import Final, TypeAlias, TypeVar

from bext_abi import SpanHandle
from bext_host.runtime import PluginLimits
from bext_host.runtime.expected import SECONDS, Rule
from bext_host.runtime.hooks import HOOKS, PRIORITY
from bext_host.runtime.plugin_limits import HOOK_RULES, LIMIT_RULES

Number = TypeVar("Number", int, float)
Assignment: TypeAlias = tuple[str, str]
"""A key and the text of its value."""

_UNITS: Final = re.compile(r"([0-9]+(?:_[0-9]+)*)([kmg]?)", re.ASCII | re.IGNORECASE)
_BYTES: Final = re.compile(r"([0-9]+(?:_[0-9]+)*)(?:([kmg])(?:ib)?)?", re.ASCII | re.IGNORECASE)
_SECONDS: Final = re.compile(r"[0-9]+(\.[0-9]+)?|\.[0-9]+", re.ASCII)
_MAX_DIGITS: Final = 30


def count(text: str) -> int:
    """A whole number of 1 or more."""
    if not text.isascii() or not text.isdigit() or len(text) > _MAX_DIGITS or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is no number of 1 or more")
    return int(text)


def traceparent(text: str) -> str:
    """A W3C traceparent, as it is."""
    if SpanHandle.from_traceparent(text) is None:
        raise ArgumentTypeError(f"{text!r} is no W3C traceparent: 00-<32 hex digits>-<16 hex digits>-<2 hex digits>, ids not zero")
    return text


def assignment(text: str) -> Assignment:
    """KEY=VALUE, as a pair."""
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise ArgumentTypeError(f"{text!r} is no KEY=VALUE, such as format=json")
    return key, value


def seconds(text: str) -> float:
    """A limit of time in seconds."""
    if not _SECONDS.fullmatch(text):
        raise ArgumentTypeError(f"{text!r} is no number of seconds, such as 10 or 0.5")
    return _allowed(SECONDS, float(text), text)


def fuel(text: str) -> int:
    """A limit of fuel in units; k, M and G are powers of 1,000."""
    units = _scaled(text, _UNITS, 1_000)
    if units is None:
        raise ArgumentTypeError(f"{text!r} is no number of units, such as 500_000 or 500k (k, M, G: powers of 1,000)")
    return _allowed(HOOK_RULES["fuel"], units, text)


def memory(text: str) -> int:
    """A limit of memory in bytes; K, M and G are powers of 1,024, and so are KiB, MiB and GiB."""
    size = _scaled(text, _BYTES, 1_024)
    if size is None:
        raise ArgumentTypeError(f"{text!r} is no size, such as 1048576, 1M or 1MiB (K, M, G: powers of 1,024)")
    return _allowed(LIMIT_RULES["memory_bytes"], size, text)


def _scaled(text: str, pattern: re.Pattern[str], base: int) -> int | None:
    match = pattern.fullmatch(text)
    if match is None or len(text) > _MAX_DIGITS:
        return None
    digits, letter = match.groups(default="")
    power: int = base ** ("", "k", "m", "g").index(letter.lower())
    return int(digits) * power


def _allowed(rule: Rule, value: Number, text: str) -> Number:
    """The value, where the limit may have it."""
    for fault in rule.faults(value, text):
        raise ArgumentTypeError(fault)
    return value


@dataclass(frozen=True, slots=True)
class LimitOptions:
    """What the command line says about limits, for every call of every plugin; None where it says nothing."""

    hook: str
    timeout_seconds: float | None
    fuel: int | None
    memory_bytes: int | None

    @classmethod
    def of(cls, arguments: Namespace) -> LimitOptions:
        """Those of a command line."""
        return cls(arguments.hook, arguments.timeout, arguments.fuel, arguments.memory)

    def applied_to(self, limits: PluginLimits) -> PluginLimits:
        """A plugin's limits with these in the place of what they were, for single hooks, too."""
        if self.timeout_seconds is not None:
            limits = replace(limits, timeout_seconds=self.timeout_seconds, hook_timeout_seconds={})
        if self.fuel is not None:
            limits = replace(limits, fuel=dict.fromkeys((*HOOKS, PRIORITY, self.hook), self.fuel))
        if self.memory_bytes is not None:
            limits = replace(limits, memory_bytes=self.memory_bytes)
        return limits
