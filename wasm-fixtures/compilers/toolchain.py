"""What several languages share: toolchains that come as Python packages, and how a compiler is run."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from build_error import BuildError


def need_package(package: str, pinned: str) -> None:
    """Raise BuildError unless this version of a toolchain's package is installed: another one writes other bytes."""
    try:
        version = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        version = "none"
    if version != pinned:
        raise BuildError(f"needs {package} {pinned}, found {version}: pip install {package}=={pinned}")


def run_python(command: Sequence[str], source: Path, environment: Mapping[str, str]) -> bytes:
    """What Python makes of `command` in the source's folder, with the option for its output added.

    The command names the source without its folder, so that no path gets into the bytes.
    """
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "fixture.wasm"
        whole = [sys.executable, *command, "-o", str(output)]
        done = subprocess.run(whole, cwd=source.parent, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BuildError(f"{source.parent.name}/{source.name} does not compile:\n{done.stderr}")
        return output.read_bytes()
