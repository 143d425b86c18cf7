"""What the host says of a call into a plugin, in words rather than as attributes: who ran, how it ended, and what it cost.

Only what has the key and the type that the host gives it is put into words. Everything else stays an attribute, so that nothing of a
span is ever hidden.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from rich.text import Text

from bext_abi import AttrValue
from bext_host.recorder.span import FinishedSpan

from .tree_surface import Surface
from .tree_wording import duration, plural, text_value

_HOOK: Final = "bext.plugin.hook"


class _Fact(NamedTuple):
    """A fact is there where all its keys are, with values of its type; `words` get these."""

    label: str
    keys: tuple[str, ...]
    kind: type
    words: Callable[..., str]


def _facts(surface: Surface) -> tuple[_Fact, ...]:
    def text(value: str) -> str:
        return text_value(value, surface)

    def time(nanos: int) -> str:
        return duration(nanos, surface)

    return (
        _Fact("plugin", ("bext.plugin.name",), str, text),
        _Fact("hook", (_HOOK,), str, text),
        _Fact("outcome", ("bext.plugin.outcome",), str, text),
        _Fact("fuel", ("bext.plugin.fuel_consumed",), int, "{:,}".format),
        _Fact("memory", ("bext.plugin.memory.pages_before", "bext.plugin.memory.pages_after"), int, _pages),
        _Fact("host calls", ("bext.plugin.host_calls", "bext.plugin.host_call_bytes"), int, _calls),
        _Fact("host time", ("bext.plugin.host_time_ns",), int, time),
    )


def _pages(before: int, after: int) -> str:
    pages = plural(after, "page")
    return pages if before == after else f"{before:,} to {pages}"


def _calls(calls: int, payload_bytes: int) -> str:
    return f"{calls:,} ({plural(payload_bytes, 'byte')})"


def host_facts(span: FinishedSpan, surface: Surface) -> tuple[list[Text], dict[str, AttrValue]]:
    """The facts of a span as pieces of a line, and its attributes that are none. The hook is left out where the span is named after it."""
    facts: list[Text] = []
    others: dict[str, Any] = dict(span.attributes)
    for fact in _facts(surface):
        values = [others.get(key) for key in fact.keys]
        if all(type(value) is fact.kind for value in values):
            for key in fact.keys:
                del others[key]
            if fact.keys != (_HOOK,) or values != [span.name]:
                facts.append(Text().append(f"{fact.label} ", "dim").append(fact.words(*values)))
    return facts, others
