"""Builds the project's sdist and wheel as pip does, from a clean copy of the checkout, so that nothing is written into the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from native.c_build import ROOT

ASK_FOR_SDIST = "import sys, setuptools.build_meta as backend; backend.build_sdist(sys.argv[1])"


def copy_of_the_sources(folder: Path) -> Path:
    """The checkout as Git sees it, in a new folder."""
    ignored = [line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines()]
    copied: Path = shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".git", *ignored))
    return copied


def build_sdist(sources: Path, folder: Path, requirements: Path) -> Path:
    """The sdist of a folder. What pyproject.toml asks for to build it was installed into `requirements`."""
    run([sys.executable, "-c", ASK_FOR_SDIST, folder], cwd=sources, PYTHONPATH=str(requirements))
    (sdist,) = folder.glob("*.tar.gz")
    return sdist


def build_wheel(source: Path, folder: Path, **changes: str) -> Path:
    """The wheel of an sdist, or of a folder with the sources, in an environment of the build's own. `changes` are variables."""
    run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, source], cwd=folder.parent, **changes)
    (wheel,) = folder.glob("*.whl")
    return wheel


def run(command: list[str | Path], cwd: Path, **changes: str) -> str:
    """The output of a command that must succeed, without the paths by which the tests find their packages."""
    kept = {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "BEXT_TRACER_ENGINE"}}
    environ = {**kept, "PIP_DISABLE_PIP_VERSION_CHECK": "1", **changes}
    done = subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
