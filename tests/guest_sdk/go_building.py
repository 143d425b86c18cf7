"""Runs the go that the `guests` extra installs, and builds guests on the SDK in Go."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from compilers import go

ROOT = Path(__file__).resolve().parents[2]
SDK = ROOT / "guest_sdk" / "go"

MODULE = f"""\
module guest

go 1.24

require bext v0.0.0

replace bext => {SDK}
"""

NATIVE = {"GOOS": "", "GOARCH": ""}


def run_go(*arguments: str, cwd: Path = SDK, **changes: str) -> str:
    """What a go command prints, offline and as the fixtures are built, but for `changes` of the environment; its failure fails the test."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GO") or name in {"GOCACHE", "GOPATH"}}
    environment = kept | go.ENVIRONMENT
    command = [sys.executable, "-c", "import go; go.main()", *arguments]
    done = subprocess.run(command, cwd=cwd, env=environment | changes, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build(folder: Path, **files: str) -> bytes:
    """The module of a program whose files are given by name, without `.go`, `__` for a slash; `main` is the program."""
    (folder / "go.mod").write_text(MODULE, encoding="utf-8")
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.go"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return go.compile_fixture(folder / "main.go")
