"""Events that a hook may be given: JSON of all shapes, and text that is none. The host passes well-formed UTF-8, whatever else is in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final

from bext_host.runtime.hooks import U32, HookArgument
from bext_host.runtime.sample_events import SAMPLE_ARGUMENTS

from .texts import text

_NUMBERS: Final = (
    0,
    -0.0,
    1,
    -1,
    2**31 - 1,
    2**31,
    2**32,
    2**53 + 1,
    2**63 - 1,
    2**63,
    -(2**63) - 1,
    10**400,
    0.1,
    1e308,
    5e-324,
    200,
    404,
    599,
)
_U32: Final = (0, 1, 3, 255, 65_536, 2**31 - 1, 2**31, 2**32 - 1)
_DEEPEST: Final = (8, 100, 1_000, 20_000)
_WIDEST: Final = 40

_BAD_ENDINGS: Final = ("", "}", "]", ",", '"', "\0", "\\", "{", "{}", " //", "\ufeff")
_NO_JSON: Final = (
    "NaN",
    "{'a': 1}",
    "{a: 1}",
    '{"a": 01}',
    '{"a": .5}',
    '{"a"}',
    '{"a": "\n"}',
    '{"a": "\\x"}',
    '{"a": "\\ud800"}',
    "[1,]",
)


def arguments(rng: Random, hook: str, kinds: tuple[str, ...]) -> tuple[HookArgument, ...]:
    """Arguments for a hook that takes these kinds: as in a server, or like that but for some details, or nothing of the sort."""
    sample = SAMPLE_ARGUMENTS.get(hook, tuple({} for _ in kinds))
    return tuple(_argument(rng, kind, like) for kind, like in zip(kinds, sample, strict=True))


def _argument(rng: Random, kind: str, like: HookArgument) -> HookArgument:
    if kind == U32:
        return rng.choice(_U32)
    if isinstance(like, str):
        return rng.choice((like, text(rng)))
    return _pick(rng, ((15, _as_it_is), (40, _changed), (15, _any_json), (20, _broken), (10, _no_json)))(rng, like)


def _as_it_is(_: Random, like: HookArgument) -> str:
    return _json(like)


def _changed(rng: Random, like: HookArgument) -> str:
    """The sample, of which some fields are missing, have other values, are there twice, or have company."""
    fields: list[tuple[str, Any]] = list(like.items()) if isinstance(like, Mapping) else [(text(rng), like)]
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(fields) + 1)
        if at < len(fields) and rng.random() < 0.7:
            key = fields[at][0]
            fields[at : at + 1] = rng.choice(([], [(key, value(rng))], [fields[at], (key, value(rng))], [(key + "\0", fields[at][1])]))
        else:
            fields.insert(at, (text(rng), value(rng)))
    return "{" + ",".join(f"{_json(key)}:{_json(item)}" for key, item in fields) + "}"


def _any_json(rng: Random, _: HookArgument) -> str:
    return rng.choice((_json(value(rng)), _json({"k": value(rng)}), _deep(rng), "", "{}", "[]", " \t\r\n{}\n"))


def _broken(rng: Random, like: HookArgument) -> str:
    """JSON that ends too early or too late, or in which one character is another."""
    whole = _changed(rng, like)
    at = rng.randrange(len(whole) + 1)
    return rng.choice((whole[:at], whole[:at] + rng.choice(_BAD_ENDINGS), whole + rng.choice(_BAD_ENDINGS), _replaced(rng, whole, at)))


def _replaced(rng: Random, whole: str, at: int) -> str:
    return whole[:at] + rng.choice('"\\{}[]:,\0 0eé') + whole[at + 1 :]


def _no_json(rng: Random, _: HookArgument) -> str:
    return rng.choice((text(rng), rng.choice(_NO_JSON)))


def value(rng: Random, depth: int = 0) -> Any:
    """Any JSON value, nested a little."""
    kind = rng.randrange(8 if depth < 3 else 5)
    if kind < 2:
        return text(rng)
    if kind < 5:
        return rng.choice((None, True, False, rng.choice(_NUMBERS)))
    size = rng.choice((0, 1, 2, 3, _WIDEST if depth == 0 else 4))
    if kind < 7:
        return [value(rng, depth + 1) for _ in range(size)]
    return {text(rng): value(rng, depth + 1) for _ in range(size)}


def _deep(rng: Random) -> str:
    """Nested as deep as no parser that calls itself can follow; closed or not."""
    levels, (opening, closing) = rng.choice(_DEEPEST), rng.choice((("[", "]"), ('{"a":', "}")))
    return opening * levels + rng.choice(("", "1")) + rng.choice((closing * levels, ""))


def _json(item: object) -> str:
    """JSON as some servers write it, and as others do would differ in nothing that counts."""
    return json.dumps(item, ensure_ascii=False)


def _pick(rng: Random, weighted: tuple[tuple[int, Callable[[Random, HookArgument], str]], ...]) -> Callable[[Random, HookArgument], str]:
    weights, choices = zip(*weighted, strict=True)
    chosen: Callable[[Random, HookArgument], str] = rng.choices(choices, weights)[0]
    return chosen
