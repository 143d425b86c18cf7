"""Runs Python, and the command, in processes of their own that find the same packages as the tests do.

Tables of cases call the command inside the test's process, which is faster by far.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bext_host.cli import main

COMMAND = (sys.executable, "-m", "bext_host.cli")


def environment(**changes: str) -> dict[str, str]:
    """The environment of such a process; nothing in it asks for colours or an engine."""
    kept = {key: value for key, value in os.environ.items() if key not in {"FORCE_COLOR", "NO_COLOR", "BEXT_TRACER_ENGINE", "COLUMNS"}}
    return {**kept, "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path), **changes}


def run_python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program given as text."""
    return _run([sys.executable, "-c", code, *arguments], {})


def run_command(*arguments: str | Path, env: Mapping[str, str] | None = None, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run `bext-tracer` with these arguments."""
    return _run([*COMMAND, *map(str, arguments)], env or {}, **options)


def call_command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `bext-tracer` inside this process, with its output kept."""
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            code = main([*map(str, arguments)])
        except SystemExit as leaving:
            code = leaving.code  # type: ignore[assignment]  # argparse gives an int
    return subprocess.CompletedProcess([*arguments], code, output.getvalue(), errors.getvalue())


def start_command(*arguments: str | Path) -> subprocess.Popen[str]:
    """Start `bext-tracer`, with pipes for its output."""
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=environment(),
    )


def _run(command: list[str], env: Mapping[str, str], **options: Any) -> subprocess.CompletedProcess[str]:
    defaults: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.run(command, **{**defaults, **options}, text=True, encoding="utf-8", env=environment(**env), timeout=60, check=False)
