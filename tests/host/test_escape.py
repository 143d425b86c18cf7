"""`escape`: what may reach a terminal, a pipe or a log of what a guest wrote."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bext_host.escape import escape

BIDI_CLASSES = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
BIDI_MARKS = {"\u061c", "\u200e", "\u200f"}


def must_not_be_shown(character: str) -> bool:
    """The rule, from Unicode's own tables and not from the table under test."""
    category = unicodedata.category(character)
    reorders = unicodedata.bidirectional(character) in BIDI_CLASSES or character in BIDI_MARKS
    return category in {"Cc", "Cs", "Zl", "Zp"} or reorders


def test_every_character_of_unicode_is_escaped_exactly_where_it_must_be() -> None:
    wrong = [hex(code) for code in range(sys.maxunicode + 1) if (escape(chr(code)) != chr(code)) != must_not_be_shown(chr(code))]
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("plain text, GET /", "plain text, GET /"),
        ("größe 大小 🎈", "größe 大小 🎈"),
        ("a\nb\rc\td", r"a\nb\rc\td"),
        ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        ("\x7f\x9b31m", r"\x7f\x9b31m"),
        ("\x00", r"\x00"),
        ("user\u202egnp.exe", r"user\u202egnp.exe"),
        ("a\u2028b\u2029c", r"a\u2028b\u2029c"),
        ("\ud800", r"\ud800"),
        ("[red]not markup[/red] :smile:", "[red]not markup[/red] :smile:"),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert escape(text) == shown


@given(st.text(st.characters(categories=None)))
def test_the_result_is_one_line_that_every_unicode_stream_can_encode(text: str) -> None:
    shown = escape(text)
    assert len(shown.splitlines()) <= 1
    shown.encode("utf-8")


@given(st.text(st.characters(categories=None)))
def test_what_was_escaped_once_is_safe_and_stays_as_it_is(text: str) -> None:
    assert escape(escape(text)) == escape(text)
