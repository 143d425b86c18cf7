"""Runs the Node host: one process for a list of jobs, since starting node takes longer than most guests run."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bext_host.runtime.plugin_limits import MEMORY_BYTES, WASM_PAGE_BYTES

HERE = Path(__file__).resolve().parent
SECONDS = 120
"""For a whole list of jobs, on a machine with other things to do."""


@dataclass(frozen=True)
class Node:
    """A node executable, and the folder with the modules that package-lock.json names."""

    executable: str
    modules: Path

    def outcomes(self, jobs: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """What came of each job (tests/node_host/lib/job.mjs)."""
        outcomes: list[dict[str, Any]] = json.loads(self._run("host.mjs", "--jobs", given=json.dumps(list(jobs))))
        return outcomes

    def vectors(self, paths: Iterable[Path]) -> dict[str, Any]:
        """What became of each vector of these files (tests/node_host/vectors.mjs)."""
        decoded: dict[str, Any] = json.loads(self._run("vectors.mjs", *map(str, paths)))
        return decoded

    def _run(self, program: str, *arguments: str, given: str = "") -> str:
        pages = f"--wasm-max-mem-pages={MEMORY_BYTES // WASM_PAGE_BYTES}"  # a guest's memory is what our host gives it
        done = subprocess.run(
            [self.executable, pages, str(HERE / program), *arguments],
            env=os.environ | {"NODE_PATH": str(self.modules)},
            input=given,
            capture_output=True,
            encoding="utf-8",
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout
