"""Which modules run code when they are instantiated."""

from __future__ import annotations

import pytest

from bext_host.runtime.start_section import has_start_section
from support.raw_guest import FIXTURES
from support.wat import wasm

LONG = '(data (i32.const 0) "' + "x" * 300 + '")'


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        ("(module)", False),
        ("(module (func) (start 0))", True),
        (f'(module (memory 1) (func (export "start")) {LONG})', False),
        (f"(module (memory 1) (func) {LONG} (start 0))", True),
    ],
)
def test_a_start_section_is_found_wherever_it_is(text, starts):
    assert has_start_section(wasm(text)) is starts


def test_no_fixture_has_one():
    assert not any(has_start_section(path.read_bytes()) for path in FIXTURES.glob("*.wasm"))
