"""The figures in guest_sdk/README.md are what is measured; one command refreshes them."""

from __future__ import annotations

import pytest
from build_error import BuildError

from guest_sdk import figures
from guest_sdk.figures import BUILDS, COMMAND, NAMES, NOT_BUILT, README, rows_of
from guest_sdk.sizes import Build

TEXT = README.read_text(encoding="utf-8")
SIZE_TOLERANCE, FUEL_TOLERANCE = 0.02, 0.05
STALE = f"guest_sdk/README.md is stale: {COMMAND}"


def numbers(row: tuple[str, ...]) -> list[int]:
    return [int(cell.replace(",", "")) for cell in row]


def test_every_build_and_every_language_has_its_row():
    assert [row[:2] for row in rows_of("added", TEXT)] == [(build.language, f"`{build.command}`") for build in BUILDS], STALE
    assert [row[0] for row in rows_of("fixtures", TEXT)] == list(NAMES.values()), STALE
    assert NOT_BUILT not in {row[2] for row in rows_of("added", TEXT)}, STALE


@pytest.mark.toolchain
@pytest.mark.parametrize("build", BUILDS, ids=lambda build: f"{build.language} {build.command}")
def test_what_the_sdk_adds_is_what_the_table_says(build: Build):
    try:
        build.check()
    except BuildError as missing:
        pytest.skip(str(missing))
    (row,) = [row for row in rows_of("added", TEXT) if row[:2] == (build.language, f"`{build.command}`")]
    assert numbers(row[2:]) == [pytest.approx(build.added, rel=SIZE_TOLERANCE)], STALE


@pytest.mark.parametrize("language", NAMES)
def test_what_the_fixtures_take_is_what_the_table_says(language: str):
    (row,) = [row for row in rows_of("fixtures", TEXT) if row[0] == NAMES[language]]
    measured = numbers(figures.fixture_row(language)[1:])
    assert numbers(row[1:]) == [pytest.approx(number, rel=FUEL_TOLERANCE) for number in measured], STALE


def test_the_command_keeps_what_this_machine_cannot_build():
    written = [("C", "`zig`", "7,000"), ("Rust", "`rustc`", "6,000")]
    measured = [("C", "`zig`", "6,900"), ("Rust", "`rustc`", "?"), ("Go", "`go`", "?")]
    assert figures.keep_unbuilt(measured, written) == [measured[0], written[1], measured[2]]
