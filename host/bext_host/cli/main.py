"""Arguments in, exit code out: 0 done, 1 the module or its run is at fault, 2 the command line is, 130 interrupted."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from typing import Any

from bext_host.escape import escape
from bext_host.version import version

from . import bench, fuzz, inspect, run, tracers
from .failure import FAULT, INTERRUPTED, CommandFailed, fail, silence_output

_EXAMPLES = """\
examples:
  bext-tracer run plugin.wasm                               run a plugin's hook and print its trace
  bext-tracer run plugin.wasm --format json | jq .name      the same as JSON, a line for each span
  bext-tracer run --config bext.config.toml                 the same with all plugins of a site, and its tracer
  bext-tracer inspect plugin.wasm                           say whether a module conforms, and why not
  bext-tracer tracers                                       list the tracers that are installed, and their options
  bext-tracer fuzz plugin.wasm                              drive its hooks with odd events, tracers and limits
  bext-tracer bench --quick                                 measure what recording costs on this machine
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
    parser.add_argument("--version", action="version", version=f"bext-tracer {version()}")
    commands: argparse._SubParsersAction[Any] = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run.add_parser(commands)
    inspect.add_parser(commands)
    tracers.add_parser(commands)
    fuzz.add_parser(commands)
    bench.add_parser(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with these arguments (default: the process's). Gives the exit code; argparse exits by itself with 2."""
    _show_what_cannot_be_encoded()
    arguments = _parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
    except CommandFailed as failed:
        return fail(str(failed), failed.code)
    except KeyboardInterrupt:
        return fail("interrupted", INTERRUPTED)
    except BrokenPipeError:
        return silence_output()
    except OSError as error:
        silence_output()
        return fail(f"cannot write to standard output: {error.strerror}", FAULT)
    return code


def _show_what_cannot_be_encoded() -> None:
    """Characters that an output's encoding has no bytes for are written as escapes, not refused."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
