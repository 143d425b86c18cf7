"""How a command fails: one line on standard error that says what is wrong, and an exit code."""

from __future__ import annotations

import os
import sys

FAULT = 1
USAGE = 2
INTERRUPTED = 130


class CommandFailed(Exception):
    """Ends the command with this line and this exit code."""

    def __init__(self, line: str, code: int = FAULT) -> None:
        super().__init__(line)
        self.code = code


def say(line: str) -> None:
    """Print a line on standard error, where there is one. `line` is safe to show: who made it has escaped what others named."""
    if sys.stderr is not None:
        print(line, file=sys.stderr)


def fail(line: str, code: int) -> int:
    """Print the line, give the code."""
    say(f"bext-tracer: {line}")
    return code


def note(line: str) -> None:
    """Print a line that is no failure."""
    say(f"bext-tracer: note: {line}")


def silence_output() -> int:
    """Go on without a reader, in silence, so that nothing complains at exit either. Gives the exit code."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return FAULT
