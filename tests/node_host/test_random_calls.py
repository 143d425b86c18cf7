"""Host calls drawn at random, on the Node host and on ours, under limits that a few calls reach and under the defaults."""

from __future__ import annotations

from typing import Any

import pytest

from bext_host import Limits, RemoteParents
from node_host.node import Node
from node_host.playing import outcome, shown
from node_host.scripts import LIMITS, Writer
from node_host.traces import comparable
from support.raw_guest import ENGINES, RAW_ABI

pytestmark = pytest.mark.toolchain  # npm

CALLS = 60
QUICK = range(60)
LONG = range(1_000, 1_480)
POLICIES = [policy.value for policy in RemoteParents]


def job(seed: int) -> dict[str, Any]:
    """The script of a seed, with one of the policies and some limits."""
    return {
        "module": str(RAW_ABI),
        "steps": Writer(seed).script(CALLS),
        "policy": POLICIES[seed % len(POLICIES)],
        "limits": LIMITS[seed % len(LIMITS)],
    }


def compare(node: Node, seeds: range, engine: str) -> None:
    """Both hosts play the scripts of these seeds."""
    jobs = [job(seed) for seed in seeds]
    for seed, done, theirs in zip(seeds, jobs, node.outcomes(jobs), strict=True):
        ours = outcome(done["steps"], done["policy"], Limits(**done["limits"]), engine)
        assert shown(theirs["returned"]) == shown(ours["returned"]), seed
        assert comparable(theirs["trace"]) == comparable(ours["trace"]), seed
        assert theirs["dropped"] == ours["dropped"], seed


@pytest.mark.parametrize("engine", ENGINES)
def test_both_hosts_agree_on_any_calls(node: Node, engine: str):
    compare(node, QUICK, engine)


@pytest.mark.long
@pytest.mark.parametrize("engine", ENGINES)
def test_both_hosts_agree_on_many_calls(node: Node, engine: str):
    for first in LONG[:: len(QUICK)]:
        compare(node, range(first, first + len(QUICK)), engine)
