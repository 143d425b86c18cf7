"""`bext-tracer run`: load a plugin, run a hook, print the trace."""

from __future__ import annotations

import argparse
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bext_abi import FlushError, SpanHandle
from bext_host.boundary import EngineUnavailable, ModuleRefused
from bext_host.escape import escape
from bext_host.exporters import StdoutExporter
from bext_host.recorder import SpanRecorder
from bext_host.runtime import Plugin, PluginError, PluginHost
from bext_host.settings import ENGINE_VARIABLE

from .arguments import hook_arguments
from .failure import FAULT, INTERRUPTED, USAGE, CommandFailed, fail, is_broken_pipe, note, silence_output

_GRACE_SECONDS = 2.0
_EXAMPLES = """\
examples:
  bext-tracer run plugin.wasm
  bext-tracer run plugin.wasm --event '{"method": "GET", "path": "/", "status": 500}'
  bext-tracer run plugin.wasm --event @event.json --format json
  bext-tracer run plugin.wasm --hook on_cache_write --event '["product:42", ["product"]]'
  bext-tracer run plugin.wasm --traceparent 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01

exit codes: 0 the hook succeeded, 1 the module was refused, trapped or failed, 2 wrong usage, 130 interrupted
"""


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "run",
        help="run a plugin's hook and print its trace",
        description="Load a plugin, run one of its hooks in a span of the host's, and print the trace.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("module", metavar="MODULE", help="the plugin, a .wasm file")
    parser.add_argument("--hook", default="on_request_complete", metavar="NAME", help="the export to call (default: %(default)s)")
    parser.add_argument("--event", metavar="JSON|@FILE", help="the hook's argument as JSON; an array where it takes several")
    parser.add_argument("--format", choices=("tree", "json"), default="tree", help="how the trace is printed (default: %(default)s)")
    parser.add_argument("--repeat", type=_count, default=1, metavar="N", help="run the hook N times (default: 1)")
    parser.add_argument("--traceparent", type=_traceparent, metavar="TP", help="a W3C traceparent whose trace is continued")
    parser.set_defaults(run=run)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of 1 or more")
    return int(text)


def _traceparent(text: str) -> str:
    if SpanHandle.from_traceparent(text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no W3C traceparent: 00-<32 hex digits>-<16 hex digits>-<2 hex digits>, ids not zero")
    return text


def run(arguments: argparse.Namespace) -> int:
    """Run the hook. The guest runs in a thread of its own: signals reach Python's main thread even while a guest loops."""
    try:
        recorder = SpanRecorder(StdoutExporter(format=arguments.format))
        host = PluginHost(recorder)
    except (EngineUnavailable, ValueError) as error:
        raise CommandFailed(f"{ENGINE_VARIABLE}: {escape(str(error))}", USAGE) from None
    session = _Session(host, recorder, arguments)
    threading.Thread(target=session.run, name="bext-guest", daemon=True).start()
    try:
        session.done.wait()
    except KeyboardInterrupt:
        return _interrupt(session)
    return session.code


def _interrupt(session: _Session) -> int:
    """End the guest at once; its trace is still printed. One that cannot be ended is left behind with the process."""
    signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))  # whoever presses it again does not want to wait
    session.interrupt()
    if not session.done.wait(_GRACE_SECONDS):
        fail("interrupted; the guest did not stop in time", INTERRUPTED)
        os._exit(INTERRUPTED)
    return INTERRUPTED


class _Session:
    """The work of the guest's thread, and the exit code that it ends with."""

    def __init__(self, host: PluginHost, recorder: SpanRecorder, arguments: argparse.Namespace) -> None:
        self.code = FAULT
        self.done = threading.Event()  # waited for, since joining a thread cannot be interrupted and taken up again
        self._output_failed = False
        self._host = host
        self._recorder = recorder
        self._arguments = arguments
        self._interrupted = threading.Event()

    def interrupt(self) -> None:
        """End the running call and run no other."""
        self._interrupted.set()
        self._host.interrupt()

    def run(self) -> None:
        """Load, call, print; whatever goes wrong becomes a line and an exit code."""
        try:
            self.code = self._reported(self._calls)
            closing = self._reported(self._close)
            self.code = self.code or closing
        finally:
            self.done.set()

    def _reported(self, work: Callable[[], None]) -> int:
        try:
            work()
        except CommandFailed as failed:
            return fail(str(failed), failed.code)
        except (ModuleRefused, PluginError) as error:
            return fail(str(error), FAULT)
        except FlushError as error:
            return self._flush_failed(error)
        except OSError as error:
            return fail(f"cannot read {escape(self._arguments.module)}: {error.strerror}", FAULT)
        return 0

    def _flush_failed(self, error: FlushError) -> int:
        """Say so once: what could not be written the first time cannot be at the end either."""
        if is_broken_pipe(error):
            return silence_output()
        if not self._output_failed:
            fail(escape(str(error)), FAULT)
        self._output_failed = True
        return FAULT

    def _calls(self) -> None:
        plugin = self._host.load(self._arguments.module, Path(self._arguments.module).stem)
        hook = self._arguments.hook
        signature = plugin.functions.get(hook)
        if signature is None:
            hooks = ", ".join(plugin.hooks) or "none"
            raise CommandFailed(f"{escape(plugin.name)}: no hook {escape(hook)}; it has: {hooks}", USAGE)
        event = hook_arguments(hook, signature, self._arguments.event)
        try:
            for _ in range(self._arguments.repeat):
                if self._interrupted.is_set():
                    break
                plugin.call(hook, *event, traceparent=self._arguments.traceparent)
                self._recorder.flush()
        finally:
            _report_drops(plugin)

    def _close(self) -> None:
        self._host.close()
        self._recorder.close()


def _report_drops(plugin: Plugin) -> None:
    """A note on standard error where anything was dropped: a plugin's author wants to know."""
    drops = [f"{count} {reason}" for reason, count in plugin.stats.dropped.items() if count]
    if drops:
        note(f"{escape(plugin.name)}: dropped {', '.join(drops)}")
