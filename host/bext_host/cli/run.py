"""`bext-tracer run`: load plugins, run a hook, print the trace."""

from __future__ import annotations

import argparse
import os
import signal
import threading
import time
from typing import Any

from bext_host.exporters.stdout import FORMATS

from . import run_options
from .failure import INTERRUPTED, fail
from .run_session import Session
from .run_source import source_of

_GRACE_SECONDS = 2.0
_NUDGE_SECONDS = 0.05
_EXAMPLES = """\
examples:
  bext-tracer run plugin.wasm
  bext-tracer run plugin.wasm --event '{"method": "GET", "path": "/", "status": 500}'
  bext-tracer run plugin.wasm --event @event.json --format json
  bext-tracer run plugin.wasm --hook on_cache_write --event '["product:42", ["product"]]'
  bext-tracer run plugin.wasm --traceparent 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
  bext-tracer run plugin.wasm --timeout 0.5 --fuel 10M --memory 1MiB
  bext-tracer run --config bext.config.toml
  bext-tracer run --config bext.config.toml --hook on_reload --repeat 100
  bext-tracer run plugin.wasm --tracer tracer-acme -o path=spans.txt -o unit=us
  bext-tracer run plugin.wasm --tracer tracer-stdout --tracer tracer-file -o path=traces.jsonl
  bext-tracer run --config bext.config.toml --tracer tracer-stdout -o format=json

A module's hook is called alone. The plugins of a configuration file are started, called and stopped as in a server, those with
the hook by their priority, and their spans go to the file's tracer. One that fails is not called again; the others go on.

`--tracer` takes the place of the file's tracers, of which those that are named keep their options; the file's sampler stays.
Without it `-o` sets single options of the file's tracer. Of several tracers each has the `-o` that follow its `--tracer`.
`bext-tracer tracers` lists the tracers that are installed, with their options.

exit codes: 0 all went well, 1 a module was refused, trapped or failed, or spans were lost, 2 wrong usage or configuration, 130 interrupted
"""


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "run",
        usage="%(prog)s [OPTION ...] (MODULE | --config FILE)",
        help="run a plugin's hook, or those of a configuration file, and print the trace",
        description="Load a plugin, or all of a configuration file, run a hook in a span of the host's, and print the trace.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("module", nargs="?", metavar="MODULE", help="the plugin, a .wasm file")
    what.add_argument("--config", metavar="FILE", help="a bext.config.toml, whose plugins are run, with its tracer")
    parser.add_argument("--hook", default="on_request_complete", metavar="NAME", help="the export to call (default: %(default)s)")
    parser.add_argument("--event", metavar="JSON|@FILE", help="the hook's argument as JSON; an array where it takes several")
    parser.add_argument("--repeat", type=run_options.count, default=1, metavar="N", help="run the hook N times (default: 1)")
    parser.add_argument("--traceparent", type=run_options.traceparent, metavar="TP", help="a W3C traceparent whose trace is continued")
    _add_tracer(parser)
    _add_limits(parser)
    parser.set_defaults(run=run)


def _add_tracer(parser: argparse.ArgumentParser) -> None:
    about = "Where spans go. `bext-tracer tracers` lists the names and their options."
    tracer = parser.add_argument_group("tracer", about)
    tracer.add_argument(
        "--tracer",
        action="append",
        dest="tracer_words",
        default=[],
        metavar="NAME",
        help="a tracer; may be given again: all of them get the spans (default: tracer-stdout, or as the configuration says)",
    )
    tracer.add_argument(
        "-o",
        "--option",
        type=run_options.assignment,
        action="append",
        dest="tracer_words",  # the same list, whose order says which tracer has the option
        metavar="KEY=VALUE",
        help="an option of the tracer, of several the one named before it; may be given again, the last value of a key counts",
    )
    tracer.add_argument(
        "--format", choices=FORMATS, help="how tracer-stdout prints: -o format=... (default: tree, or as the configuration says)"
    )


def _add_limits(parser: argparse.ArgumentParser) -> None:
    about = "What each call of a plugin may use, its start-up and its end included, whatever the configuration says."
    limits = parser.add_argument_group("limits", about)
    limits.add_argument("--timeout", type=run_options.seconds, metavar="SECONDS", help="wall clock, such as 0.5 (default: 10)")
    limits.add_argument(
        "--fuel",
        type=run_options.fuel,
        metavar="UNITS",
        help="about one for each instruction; with k, M or G, powers of 1,000 (default: by hook, 100M for on_request_complete)",
    )
    limits.add_argument(
        "--memory",
        type=run_options.memory,
        metavar="SIZE",
        help="in bytes; with K, M or G, or KiB, MiB or GiB, powers of 1,024 (default: 64M)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the hook. The guest runs in a thread of its own: signals reach Python's main thread even while a guest loops."""
    session = Session(source_of(arguments), arguments)
    threading.Thread(target=session.run, name="bext-guest", daemon=True).start()
    try:
        session.done.wait()
    except KeyboardInterrupt:
        return _interrupt(session)
    return session.code


def _interrupt(session: Session) -> int:
    """End the guest at once; its trace is still printed. One that cannot be ended is left behind with the process."""
    signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))  # whoever presses it again does not want to wait
    session.interrupt()
    if not session.done.wait(_GRACE_SECONDS) and not _ended(session):
        fail("interrupted; a guest, or a tracer that waits for its receiver, did not stop in time: spans may be lost", INTERRUPTED)
        os._exit(INTERRUPTED)
    return INTERRUPTED


def _ended(session: Session) -> bool:
    """End whatever plugins do on their way out, too: they had their time."""
    deadline = time.monotonic() + _GRACE_SECONDS
    while time.monotonic() < deadline:
        session.interrupt()
        if session.done.wait(_NUDGE_SECONDS):
            return True
    return False
