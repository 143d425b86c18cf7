"""The memory that the AssemblyScript SDK lends to the host: each block knows whether it is free, below those that are in use as well."""

from __future__ import annotations

import pytest

from guest_sdk import assemblyscript_driving, driving
from guest_sdk.driving import Driver

pytestmark = pytest.mark.toolchain
driver = assemblyscript_driving.driver

ARENA = 65536


def test_the_arena_is_full_at_its_size_and_no_earlier(driver: Driver):
    assert driver.run(f"alloc {ARENA - 8}", "alloc 1", "free 0", f"alloc {ARENA - 7}", f"alloc {ARENA - 8}") == [
        "alloc some",
        "alloc none",
        "alloc none",
        "alloc some",
    ]


def test_blocks_are_given_back_in_any_order(driver: Driver):
    """After all three are free, whatever the order, the whole arena is there again."""
    for order in ([2, 1, 0], [0, 1, 2], [1, 0, 2], [1, 2, 0], [0, 2, 1], [2, 0, 1]):
        frees = [f"free {index}" for index in order]
        assert driver.run("alloc 100", "alloc 1", "alloc 7", *frees, f"alloc {ARENA - 8}")[-1] == "alloc some", order


def test_a_hole_below_a_block_in_use_waits_for_it(driver: Driver):
    half = f"alloc {ARENA // 2}"
    assert driver.run(half, "alloc 8", "free 0", half, "free 1", half) == ["alloc some", "alloc some", "alloc none", "alloc some"]


def test_foreign_pointers_and_second_frees_are_ignored(driver: Driver):
    lines = driver.run(
        "free_foreign", "alloc 64", "free_foreign", "alloc 64", "free 0", "free_again 0", "free 1", "free_again 1", "free_foreign"
    )
    assert lines == ["alloc some"] * 2
    assert driver.run("alloc 64", "free 0", "free_again 0", f"alloc {ARENA - 8}") == ["alloc some"] * 2


def test_blocks_never_overlap(driver: Driver):
    """The driver fills each block with its own byte, and checks it when the block is freed."""
    lines = driver.run(*driving.blocks_come_and_go(0.4), f"alloc {ARENA - 8}")
    assert lines[-1] == "alloc some"
    assert lines.count("alloc some") > 1500
