"""The options of a factory, as its signature tells them, and the texts that become their values."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Optional

import pytest

from bext_host.runtime.tracer_options import TracerOption, options_of


def words(factory) -> list[str]:
    return [
        f"{option.name}: {option.type_words}" + ("" if option.is_required else f" = {option.default!r}")
        for option in options_of(factory).named.values()
    ]


def test_the_signature_tells_names_types_and_defaults():
    def factory(a: str, b: int = 1, *rest: int, c: Literal["x", "y"] = "x", d: bool | None = None, **others: int) -> None: ...

    assert words(factory) == ["a: str", "b: int = 1", "c: x|y = 'x'", "d: bool|None = None"]
    assert options_of(factory).option("e").parsed("5") == 5


def test_a_class_is_a_factory():
    class Exporter:
        def __init__(self, path: str, *, size: int = 5) -> None: ...

    assert words(Exporter) == ["path: str", "size: int = 5"]
    assert options_of(Exporter).option("self") is None


def test_without_an_annotation_the_default_tells_the_type():
    def factory(a, b=1, c=True, d=None, e=0.5): ...

    assert words(factory) == ["a: any", "b: int = 1", "c: bool = True", "d: any = None", "e: float = 0.5"]


def test_annotations_that_cannot_be_evaluated_are_shown_as_they_are():
    def factory(a: NoSuchType, b: list[int]) -> None: ...  # noqa: F821

    assert words(factory) == ["a: NoSuchType", "b: list[int]"]


def test_a_factory_that_does_not_tell_takes_anything():
    assert options_of(dict).option("any thing").parsed("5") == "5"


@pytest.mark.parametrize(
    ("type", "text", "value"),
    [
        (str, "", ""),
        (str, "a=b", "a=b"),
        (Any, "5", "5"),
        (object, "5", "5"),
        (int, "-5", -5),
        (int, "1_000", 1000),
        (float, "0.5", 0.5),
        (float, "5", 5.0),
        (float, "1e3", 1000.0),
        (bool, "true", True),
        (bool, "false", False),
        (Path, "a/b", Path("a/b")),
        (Literal["tree", "json"], "json", "json"),
        (Literal[1, True, "x"], "true", True),
        (Optional[int], "5", 5),  # noqa: UP045  # the form is what is tested
        (str | int, "5", 5),
        (str | int, "five", "five"),
        (int | float, "0.5", 0.5),
        (Literal["auto"] | int, "auto", "auto"),
        (Annotated[int | None, "bytes"], "5", 5),
        (dict[str, str] | str, "a=b", "a=b"),
    ],
)
def test_a_text_becomes_a_value_of_the_type(type, text, value):
    parsed = TracerOption("x", type).parsed(text)
    assert (parsed, parsed.__class__) == (value, value.__class__)


@pytest.mark.parametrize(
    ("type", "text", "message"),
    [
        (int, "5.0", 'expected a whole number, found "5.0"'),
        (int, "", 'expected a whole number, found ""'),
        (int, "\u0665", 'expected a whole number, found "\u0665"'),
        (int | None, "none", 'expected a whole number, found "none"'),
        (float, "nan", 'expected a number, found "nan"'),
        (float, "x\x1b", 'expected a number, found "x\\u001b"'),
        (bool, "True", 'expected true or false, found "True"'),
        (bool, "1", 'expected true or false, found "1"'),
        (Literal["tree", "json"], "xml", 'expected tree or json, found "xml"'),
        (Literal["auto"] | int, "x", 'expected auto or a whole number, found "x"'),
        (dict[str, str], "a", "is dict[str, str], which no text is: give it in [tracer.options] of a configuration file"),
        ("NoSuchType", "a", "is NoSuchType, which no text is: give it in [tracer.options] of a configuration file"),
        (Annotated[Literal["a"], []], "b", 'expected a, found "b"'),
    ],
)
def test_a_text_that_is_no_value_is_told_what_would_be(type, text, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        TracerOption("x", type).parsed(text)


def test_more_digits_than_python_reads_are_no_number():
    with pytest.raises(ValueError, match="expected a whole number"):
        TracerOption("x", int).parsed("1" * 5000)
