"""How a command fails: one line on standard error that says what is wrong, and an exit code."""

from __future__ import annotations

import sys

FAULT = 1
USAGE = 2
INTERRUPTED = 130


class CommandFailed(Exception):
    """Ends the command with this line and this exit code."""

    def __init__(self, line: str, code: int = FAULT) -> None:
        super().__init__(line)
        self.code = code


def fail(line: str, code: int) -> int:
    """Print the line, give the code. `line` is safe to show: who made it has escaped what others named."""
    print(f"bext-tracer: {line}", file=sys.stderr)
    return code
