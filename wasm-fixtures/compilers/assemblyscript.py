"""AssemblyScript, with the compiler that the SDK's package-lock.json pins; npm installs it once, beside the SDK."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from build_error import BuildError

PINNED: Final = "assemblyscript 0.28.20"
REPRODUCIBLE: Final = True

SDK: Final = Path(__file__).resolve().parents[2] / "guest_sdk" / "assemblyscript"
INSTALLED: Final = SDK / "node_modules" / "assemblyscript"
OPTIONS: Final = ("-Oz", "--runtime", "stub", "--use", "abort=")
"""The SDK allocates nothing, so that no guest needs a garbage collector for it."""


def check() -> None:
    """Raise BuildError unless node is there, and the pinned compiler, which is installed first where it is missing."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise BuildError(f"needs node 20 or later and npm, for {PINNED}")
    if _installed() != PINNED:
        _install()
    if _installed() != PINNED:
        raise BuildError(f"needs {PINNED}, found {_installed()}: npm ci --prefix guest_sdk/assemblyscript")


def compile_fixture(source: Path) -> bytes:
    """Compile one file."""
    return compile_source(source, *OPTIONS)


def compile_source(source: Path, *options: str) -> bytes:
    """Compile one file with these options. The compiler runs in its folder, so that no path gets into the bytes."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "fixture.wasm"
        command = ["node", str(INSTALLED / "bin" / "asc.js"), source.name, "-o", str(output), *options]
        done = subprocess.run(command, cwd=source.parent, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BuildError(f"{source.parent.name}/{source.name} does not compile:\n{done.stderr}")
        return output.read_bytes()


def _installed() -> str:
    """The compiler that is there, in the words of PINNED."""
    try:
        package = json.loads((INSTALLED / "package.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return "none"
    return f"assemblyscript {package['version']}"


def _install() -> None:
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    done = subprocess.run(command, cwd=SDK, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BuildError(f"npm cannot install {PINNED}:\n{done.stderr}")
