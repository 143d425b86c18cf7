"""Every fixture on the Node host and on ours: the same trace, the same drops, the same modules refused.

The Node host is written from abi/ABI.md alone, so where the two differ, one of them or the text is wrong. It has no fuel and no deadline.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from guest_sdk.conformance import golden, guests
from node_host.node import Node
from node_host.ours import Case, outcome
from node_host.traces import comparable
from support.raw_guest import ENGINES, FIXTURES

pytestmark = pytest.mark.toolchain  # npm

EVENT = json.dumps({"path": "/caf\u00e9", "method": "GET", "status": 503, "cache_status": "MISS", "render_time_us": 12840})
NOT_HOOKS = {"raw_abi"}
NEVER_ENDS = {"infinite_loop"}
MORE_HOOKS: dict[str, tuple[str | int, ...]] = {
    "on_server_start": ("{}",),
    "on_server_stop": (),
    "on_cache_write": ("page:/caf\u00e9", '["shop","a"]'),
    "on_cache_invalidate": ("page:*", 2**32 - 1),
    "on_reload": (),
    "cleanup": (),
}


def cases() -> Iterator[Case]:
    """Every fixture, but for those whose calls never end without fuel."""
    for path in [*sorted(FIXTURES.glob("*.wasm")), *sorted((FIXTURES / "hostile").glob("*.wasm"))]:
        if path.stem not in NOT_HOOKS | NEVER_ENDS:
            yield Case(path, values=(EVENT,))
    yield from (Case(FIXTURES / "request_trace.wasm", hook, values) for hook, values in MORE_HOOKS.items())
    yield from CONFORMANCE


def engines_for(case: Case) -> list[str]:
    """Our engines; of a guest that starts 25,000 spans the fastest alone."""
    return ENGINES[-1:] if case.module.stem == "span_flood" else ENGINES


CONFORMANCE = [Case(guest.wasm, values=(json.dumps(guest.event),)) for guest in guests()]
CASES = list(cases())


@pytest.fixture(scope="module")
def outcomes(node: Node) -> dict[Case, dict[str, Any]]:
    """What came of every case on the Node host."""
    return dict(zip(CASES, node.outcomes([case.job for case in CASES]), strict=True))


@pytest.fixture(scope="module")
def calls(node: Node) -> dict[Case, Any]:
    """The calls of every conformance scenario."""
    done = node.outcomes([case.job | {"calls": True} for case in CONFORMANCE])
    return {case: one["calls"] for case, one in zip(CONFORMANCE, done, strict=True)}


@pytest.mark.parametrize(("case", "engine"), [(case, engine) for case in CASES for engine in engines_for(case)], ids=str)
def test_both_hosts_agree(case: Case, engine: str, outcomes: dict[Case, dict[str, Any]]):
    theirs, ours = outcomes[case], outcome(case, engine)
    assert bool(theirs.get("refused")) == bool(ours.get("refused"))
    if "refused" in ours:
        assert len(theirs["refused"]) == len(ours["refused"]), (theirs, ours)
        return
    assert (theirs["failure"] is None) == (ours["failure"] is None), (theirs["failure"], ours["failure"])
    assert theirs["dropped"] == ours["dropped"]
    assert comparable(theirs["trace"]) == comparable(ours["trace"])


@pytest.mark.parametrize("case", CONFORMANCE, ids=str)
def test_the_calls_are_the_golden_ones(case: Case, calls: dict[Case, Any]):
    assert calls[case] == golden(case.scenario)["calls"]
