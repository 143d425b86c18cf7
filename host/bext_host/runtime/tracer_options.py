"""What a tracer's factory takes: the options of its signature, and how a text becomes the value of one."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from inspect import Parameter, formatannotation
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from .expected import shown

_WHOLE: Final = re.compile(r"[+-]?[0-9]+(?:_[0-9]+)*", re.ASCII)
_MAX_DIGITS: Final = 30
_ANYTHING: Final = (Parameter.empty, Any, object)
_NO: Final = object()
"""No value: a text is none of the kind."""


@dataclass(frozen=True, slots=True)
class TracerOption:
    """An option. `type` is its annotation; without one the type of its default, or Any. `default` is Parameter.empty where it has none."""

    name: str
    type: object = Any
    default: object = Parameter.empty

    @property
    def is_required(self) -> bool:
        """Whether the factory cannot do without it."""
        return self.default is Parameter.empty

    @property
    def type_words(self) -> str:
        """The type as a person writes it: `str`, `int`, `tree|json`, `float|None`."""
        return "|".join(word for kind in _alternatives(self.type) for word in _type_words(kind))

    def parsed(self, text: str) -> object:
        """The value that a text from a command line means. Raises ValueError that says what would be right."""
        kinds = [kind for kind in _alternatives(self.type) if kind is not type(None)]
        for kind in sorted(kinds, key=_takes_any_text):
            value = _read(kind, text)
            if value is not _NO:
                return value
        words = [word for kind in kinds for word in _expected_words(kind)]
        if not words:
            raise ValueError(f"is {self.type_words}, which no text is: give it in [tracer.options] of a configuration file")
        raise ValueError(f"expected {' or '.join(words)}, found {shown(text)}")


@dataclass(frozen=True, slots=True)
class TracerOptions:
    """All options of a factory, in its order. `others` stands for those that it takes without naming them; None where it takes none."""

    named: dict[str, TracerOption] = field(default_factory=dict)
    others: TracerOption | None = None

    def option(self, name: str) -> TracerOption | None:
        """The option with this name, where there is one."""
        return self.named.get(name, self.others)


def options_of(factory: Callable[..., object]) -> TracerOptions:
    """The options of a factory. One that does not tell, as some that are written in C, is taken to take any."""
    parameters = _parameters_of(factory)
    if parameters is None:
        return TracerOptions(others=TracerOption("", Any))
    named = (item for item in parameters if item.kind in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY))
    others = next((item for item in parameters if item.kind is Parameter.VAR_KEYWORD), None)
    return TracerOptions({item.name: _option(item) for item in named}, None if others is None else _option(others))


def _parameters_of(factory: Callable[..., object]) -> list[Parameter] | None:
    for evaluated in (True, False):  # annotations that are text may name what is imported for type checkers only
        try:
            return list(inspect.signature(factory, eval_str=evaluated).parameters.values())
        except Exception:  # noqa: BLE001, S112  # evaluating annotations is running a package's code
            continue
    return None


def _option(parameter: Parameter) -> TracerOption:
    annotation = parameter.annotation
    if annotation in _ANYTHING:
        known = isinstance(parameter.default, (bool, int, float, str))
        annotation = type(parameter.default) if known else Any
    return TracerOption(parameter.name, annotation, parameter.default)


def _alternatives(annotation: object) -> tuple[object, ...]:
    """The types of which a value has one."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _alternatives(inner[0])
    if origin in (Union, UnionType):
        return tuple(kind for item in inner for kind in _alternatives(item))
    return (annotation,)


def _takes_any_text(kind: object) -> bool:
    """What is tried last: "5" for `str | int` is the number."""
    return kind in (str, Path, *_ANYTHING)


def _read(kind: object, text: str) -> object:
    if get_origin(kind) is Literal:
        return next((value for value in get_args(kind) if _word(value) == text), _NO)
    if kind in _ANYTHING:
        return text
    reader = _READERS.get(kind) if isinstance(kind, type) else None
    return _NO if reader is None else reader(text)


def _whole(text: str) -> object:
    return int(text) if _WHOLE.fullmatch(text) and len(text) <= _MAX_DIGITS else _NO


def _number(text: str) -> object:
    try:
        number = float(text)
    except ValueError:
        return _NO
    return number if math.isfinite(number) else _NO


_READERS: Final[dict[object, Callable[[str], object]]] = {
    bool: lambda text: {"true": True, "false": False}.get(text, _NO),
    int: _whole,
    float: _number,
    str: str,
    Path: Path,
}
_WORDS: Final[dict[object, str]] = {bool: "true or false", int: "a whole number", float: "a number"}


def _expected_words(kind: object) -> Iterator[str]:
    if get_origin(kind) is Literal:
        yield from map(_word, get_args(kind))
    elif isinstance(kind, type) and kind in _WORDS:
        yield _WORDS[kind]


def _type_words(kind: object) -> Iterator[str]:
    if get_origin(kind) is Literal:
        yield from map(_word, get_args(kind))
    elif kind is type(None):
        yield "None"
    elif isinstance(kind, str):
        yield kind
    else:
        yield "any" if kind in _ANYTHING else formatannotation(kind)


def _word(value: object) -> str:
    """A value as it is typed."""
    return str(value).lower() if isinstance(value, bool) else str(value)
