"""`bext-tracer fuzz`: drive a plugin's hooks with odd events, tracers and limits, and tell what the plugin did wrong."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import secrets
import time
from argparse import ArgumentTypeError
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from bext_host.boundary import EngineUnavailable, ModuleRefused
from bext_host.boundary.engine_choice import choose_engine
from bext_host.escape import escape
from bext_host.fuzzing import FuzzReport, ModuleHooks, Progress, fuzz
from bext_host.runtime.hooks import HOOKS
from bext_host.settings import ENGINE_VARIABLE

from . import run_options
from .failure import FAULT, INTERRUPTED, USAGE, CommandFailed
from .fuzz_lines import as_json, progress_line, text_of

_SECONDS: Final = 10.0
_SEEDS: Final = 2**32
_MAX_SEED: Final = 2**63 - 1
_LOGGERS: Final = ("bext_host", "bext.plugin")
_EXAMPLES = """\
examples:
  bext-tracer fuzz plugin.wasm                       for 10 seconds, with other cases each time
  bext-tracer fuzz plugin.wasm --seed 4711           one case once more: each of its calls, and what became of it
  bext-tracer fuzz plugin.wasm --seed 1 --cases 500  the same 500 cases each time, as in continuous integration
  bext-tracer fuzz plugin.wasm --seconds 600 --json  for 10 minutes, and a report for machines

A case loads the plugin, calls on_server_start, some hooks, on_server_stop and cleanup, as far as the module exports them. Its seed decides
over everything: events (such as a server's, but for some details; any JSON; text that is none; hostile, huge and deep ones), the tracer
(one that is quiet, samples nothing, fails, answers garbage, repeats handles or is slow), what surrounds the calls, and the limits.

Found are traps, calls over bext's own limits, and spans that are open when all is over. A call that ends by a limit that the case made
tight (fuel, memory, time) is none of the plugin's faults and only counted; so is what the host dropped, and a hook that reported failure.

exit codes: 0 nothing was found, 1 something was, or the module was refused, 2 wrong usage, 130 interrupted
"""


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "fuzz",
        help="drive a plugin's hooks with odd events, tracers and limits",
        description="Call a plugin's hooks as no server would, and report traps, spans that were never ended, and drops.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("module", metavar="MODULE", help="a .wasm file")
    parser.add_argument("--seconds", type=run_options.seconds, metavar="N", help="how long (default: 10, without --seed and --cases)")
    parser.add_argument("--cases", type=run_options.count, metavar="N", help="at most so many cases (default: 1 with --seed)")
    parser.add_argument("--seed", type=_seed, metavar="N", help="the first case; the others count up from it (default: another each time)")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.set_defaults(run=run)


def _seed(text: str) -> int:
    """A whole number, as it was printed."""
    if not text.isascii() or not text.isdigit() or len(text) > len(str(_MAX_SEED)) or int(text) > _MAX_SEED:
        raise ArgumentTypeError(f"{text!r} is no seed: a whole number from 0 to 2**63 - 1")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Fuzz, then print; what was found until somebody interrupts it is printed as well."""
    module = _module(Path(arguments.module))
    report = FuzzReport(escape(Path(arguments.module).name), module.hooks)
    is_one = arguments.seed is not None and arguments.seconds is None and arguments.cases in (None, 1)
    cases = 1 if is_one else arguments.cases
    seconds = _SECONDS if arguments.seconds is None and cases is None else arguments.seconds
    first = secrets.randbelow(_SEEDS) if arguments.seed is None else arguments.seed
    code = None
    try:
        with _silent_logs(), _progress() as progress:
            fuzz(module, report, first, seconds=seconds, cases=cases, progress=progress)
    except KeyboardInterrupt:
        code = INTERRUPTED
    print(json.dumps(as_json(report, with_case=is_one), indent=2) if arguments.json else text_of(report, with_case=is_one))
    return code if code is not None else (FAULT if report.findings else 0)


def _module(path: Path) -> ModuleHooks:
    """The module, which can be driven. Raises CommandFailed where it cannot."""
    try:
        choose_engine(None)
    except (EngineUnavailable, ValueError) as error:
        raise CommandFailed(f"{ENGINE_VARIABLE}: {escape(str(error))}", USAGE) from None
    try:
        module = ModuleHooks.of(path)
    except OSError as error:
        raise CommandFailed(f"cannot read {escape(str(path))}: {error.strerror}") from None
    except ModuleRefused as refused:
        raise CommandFailed(str(refused)) from None
    if not module.hooks:
        raise CommandFailed(f"{escape(path.name)} exports none of bext's hooks: {', '.join(HOOKS)}")
    return module


@contextlib.contextmanager
def _progress() -> Iterator[Progress]:
    """How far it is, on terminals only."""
    console, started = Console(stderr=True), time.monotonic()
    with console.status("starting") as status:
        yield lambda report: status.update(progress_line(report, time.monotonic() - started))


@contextlib.contextmanager
def _silent_logs() -> Iterator[None]:
    """Nobody wants to read what a plugin says to such events, nor of every failure that a tracer was made to have."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    nobody, before = logging.NullHandler(), [logger.propagate for logger in loggers]
    for logger in loggers:
        logger.addHandler(nobody)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, propagate in zip(loggers, before, strict=True):
            logger.removeHandler(nobody)
            logger.propagate = propagate
