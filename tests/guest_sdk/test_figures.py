"""The figures in guest_sdk/README.md are what is measured; one command refreshes them."""

from __future__ import annotations

import pytest

from guest_sdk import figures
from guest_sdk.figures import BUILDS, COMMAND, NAMES, NOT_BUILT, README, rows_of
from guest_sdk.sizes import Build

TEXT = README.read_text(encoding="utf-8")
SIZE_TOLERANCE, FUEL_TOLERANCE = 0.02, 0.05
AIM = 3072
"""Bytes that an SDK may take at most of a guest that uses everything."""
STALE = f"guest_sdk/README.md is stale: {COMMAND}"


def numbers(row: tuple[str, ...]) -> list[int]:
    return [int(cell.replace(",", "")) for cell in row]


def test_every_build_and_every_language_has_its_row():
    assert [row[:2] for row in rows_of("added", TEXT)] == [(build.language, f"`{build.command}`") for build in BUILDS], STALE
    assert [row[0] for row in rows_of("fixtures", TEXT)] == list(NAMES.values()), STALE
    assert NOT_BUILT not in {cell for row in rows_of("added", TEXT) for cell in row}, STALE


@pytest.mark.toolchain
@pytest.mark.parametrize("build", BUILDS, ids=lambda build: f"{build.language} {build.command}")
def test_what_the_sdk_adds_is_what_the_table_says(build: Build):
    measured = figures.added_row(build)
    if NOT_BUILT in measured:
        pytest.skip(f"not everything of {build.command} and wasm-opt is installed")
    (row,) = [row for row in rows_of("added", TEXT) if row[:2] == measured[:2]]
    assert numbers(row[2:]) == [pytest.approx(number, rel=SIZE_TOLERANCE) for number in numbers(measured[2:])], STALE


def test_the_small_sdks_are_below_three_kibibytes():
    sizes = {row[:2]: numbers(row[2:3])[0] for row in rows_of("added", TEXT) if row[0] in {"C", "C++", "Rust", "Zig"}}
    assert {name: size for name, size in sizes.items() if size >= AIM} == {}


@pytest.mark.parametrize("language", NAMES)
def test_what_the_fixtures_take_is_what_the_table_says(language: str):
    (row,) = [row for row in rows_of("fixtures", TEXT) if row[0] == NAMES[language]]
    measured = numbers(figures.fixture_row(language)[1:])
    assert numbers(row[1:]) == [pytest.approx(number, rel=FUEL_TOLERANCE) for number in measured], STALE


def test_the_command_keeps_what_this_machine_cannot_build():
    written = [("C", "`zig`", "7,000"), ("Rust", "`rustc`", "6,000")]
    measured = [("C", "`zig`", "6,900"), ("Rust", "`rustc`", "?"), ("Go", "`go`", "?")]
    assert figures.keep_unbuilt(measured, written) == [measured[0], written[1], measured[2]]
