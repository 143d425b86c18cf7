"""Modules for one question each, on the Node host and on ours: what is refused when it is loaded, and what a call that fails leaves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from wasmtime import wat2wasm

from node_host.modules import ACCEPTED, CALLED, NO_MODULES, REFUSED
from node_host.node import Node
from node_host.ours import Case, outcome
from node_host.traces import comparable
from support.raw_guest import ENGINES

pytestmark = pytest.mark.toolchain  # npm


def both(node: Node, folder: Path, modules: Mapping[str, bytes], engine: str) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """What came of each module on the Node host and on ours."""
    cases = {}
    for number, (name, wasm) in enumerate(modules.items()):
        path = folder / f"{number}.wasm"
        path.write_bytes(wasm)
        takes_string = b"on_request_complete" in wasm and b"on_reload" not in wasm
        cases[name] = Case(path) if takes_string else Case(path, "on_reload", ())
    theirs = node.outcomes([case.job for case in cases.values()])
    return {name: (one, outcome(case, engine)) for (name, case), one in zip(cases.items(), theirs, strict=True)}


def built(modules: Mapping[str, str]) -> dict[str, bytes]:
    """The modules in the binary format."""
    return {name: bytes(wat2wasm(f"(module {text})")) for name, text in modules.items()}


def test_both_hosts_load_the_same_modules(node: Node, tmp_path: Path):
    outcomes = both(node, tmp_path, built(ACCEPTED), ENGINES[-1])
    assert [name for name, pair in outcomes.items() if any("refused" in one for one in pair)] == []


def test_both_hosts_refuse_the_same_modules(node: Node, tmp_path: Path):
    outcomes = both(node, tmp_path, built(REFUSED) | NO_MODULES, ENGINES[-1])
    faults = {name: [len(one.get("refused", [])) for one in pair] for name, pair in outcomes.items()}
    assert faults == {name: [3, 3] if name == "three faults" else [1, 1] for name in REFUSED | NO_MODULES}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_call_that_fails_leaves_the_same_trace(node: Node, tmp_path: Path, engine: str):
    for name, (theirs, ours) in both(node, tmp_path, built(CALLED), engine).items():
        assert (theirs["failure"] is None) == (ours["failure"] is None), name
        assert comparable(theirs["trace"]) == comparable(ours["trace"]), name
        assert theirs["dropped"] == ours["dropped"], name
