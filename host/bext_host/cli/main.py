"""Arguments in, exit code out: 0 done, 1 the module or its run is at fault, 2 the command line is, 130 interrupted."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Any

from bext_host.escape import escape

from . import inspect, run
from .failure import CommandFailed, fail

_EXAMPLES = """\
examples:
  bext-tracer run plugin.wasm                               run a plugin's hook and print its trace
  bext-tracer run plugin.wasm --format json | jq .name      the same as JSON, a line for each span
  bext-tracer inspect plugin.wasm                           say whether a module conforms, and why not
"""


class _Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line, as all errors of this command are."""

    def error(self, message: str) -> None:  # type: ignore[override]  # exits, as the base class does
        self.exit(2, f"{self.prog}: {escape(message)} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="bext-tracer",
        description="Distributed tracing from inside WebAssembly plugins.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"bext-tracer {metadata.version('bext-tracer')}")
    commands: argparse._SubParsersAction[Any] = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run.add_parser(commands)
    inspect.add_parser(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with these arguments (default: the process's). Gives the exit code; argparse exits by itself with 2."""
    arguments = _parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except CommandFailed as failed:
        return fail(str(failed), failed.code)
    except BrokenPipeError:
        sys.stdout = None  # the reader has gone, as with `| head`; nothing is left to flush at exit
        return 1
    return code
