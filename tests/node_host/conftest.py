"""Installs what the Node host needs, once for each package-lock.json; without node or npm the tests are skipped."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from node_host.node import HERE, Node

INSTALL_SECONDS = 120
PACKAGE = ("package.json", "package-lock.json")


@pytest.fixture(scope="session")
def node(pytestconfig: pytest.Config) -> Node:
    """The Node host, ready to run."""
    executables = {name: shutil.which(name) for name in ("node", "npm")}
    missing = [name for name, path in executables.items() if path is None]
    if missing:
        pytest.skip(f"needs {' and '.join(missing)}: Node.js 18.19 or later")
    return Node(str(executables["node"]), _installed(Path(pytestconfig.cache.mkdir("node_host")), str(executables["npm"])))


def _installed(cache: Path, npm: str) -> Path:
    """The node_modules of this package-lock.json, in `cache`."""
    lock = (HERE / "package-lock.json").read_bytes()
    folder = cache / hashlib.sha256(lock).hexdigest()[:16]
    done = folder / "installed"
    if not done.exists():  # else an `npm ci` ended well
        folder.mkdir(exist_ok=True)
        for name in PACKAGE:
            shutil.copy(HERE / name, folder)
        subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=folder, check=True, timeout=INSTALL_SECONDS)
        done.touch()
    return folder / "node_modules"
