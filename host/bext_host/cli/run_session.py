"""One run: the work of the guest's thread, and the exit code that it ends with."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bext_abi import FlushError
from bext_host.boundary import EngineUnavailable, ModuleRefused
from bext_host.escape import escape
from bext_host.exporters.tree_surface import Surface
from bext_host.runtime import ConfigError, Plugin, PluginError, PluginHost
from bext_host.runtime.hooks import HookArgument
from bext_host.settings import ENGINE_VARIABLE

from .arguments import hook_arguments
from .failure import FAULT, USAGE, CommandFailed, fail, is_broken_pipe, note, say, silence_output
from .log_lines import shown_logs
from .plugin_lines import drops_of, summary_of
from .run_source import Source


@dataclass(frozen=True, slots=True)
class _Call:
    plugin: Plugin
    arguments: Sequence[HookArgument]


class Session:
    """`run` is for a thread of its own; `done` is set when it is over, and `code` is right then.

    `done` is waited for, since joining a thread cannot be interrupted and taken up again.
    """

    def __init__(self, source: Source, arguments: argparse.Namespace) -> None:
        self.code = FAULT
        self.done = threading.Event()
        self._source = source
        self._arguments = arguments
        self._host: PluginHost | None = None
        self._plugins: tuple[Plugin, ...] = ()
        self._interrupted = threading.Event()
        self._told: set[str] = set()

    def interrupt(self) -> None:
        """End the running call; only what ends a plugin is run then."""
        self._interrupted.set()
        if self._host is not None:
            self._host.interrupt()

    def run(self) -> None:
        """Load, call, print, close; whatever goes wrong becomes a line and an exit code."""
        try:
            with shown_logs():
                codes = [self._reported(self._work), self._reported(self._close)]
            self._tell()
            self.code = max(*codes, self._code_of_plugins())
        finally:
            self.done.set()

    def _reported(self, work: Callable[[], None]) -> int:
        try:
            work()
        except CommandFailed as failed:
            return fail(str(failed), failed.code)
        except ConfigError as error:
            return fail(str(error), USAGE)
        except (ModuleRefused, PluginError) as error:
            return fail(str(error), FAULT)
        except FlushError as error:
            return self._flush_failed(error)
        return 0

    def _flush_failed(self, error: FlushError) -> int:
        """Say so, the same once: what could not be written the first time cannot be at the end either, but what waited may be lost then."""
        if is_broken_pipe(error):
            return silence_output()
        if str(error) not in self._told:
            fail(escape(str(error)), FAULT)
        self._told.add(str(error))
        return FAULT

    def _work(self) -> None:
        host = self._host = _host_of(self._source)
        if not self._interrupted.is_set():
            self._source.load(host)
            self._plugins = host.plugins
        calls = self._calls(host)
        if calls and not self._interrupted.is_set():
            self._source.start(host)
            self._repeat(host, [call for call in calls if call.plugin.name not in host.failures])

    def _calls(self, host: PluginHost) -> list[_Call]:
        """The call of each plugin that exports the hook. Found before anything of them is called, so that wrong usage runs nothing."""
        hook, event = self._arguments.hook, self._arguments.event
        able = [plugin for plugin in self._plugins if hook in plugin.functions]
        if self._plugins and not able:
            raise self._source.hook_is_missing(host, hook)
        return [_Call(plugin, hook_arguments(hook, plugin.functions[hook], event)) for plugin in able]

    def _repeat(self, host: PluginHost, calls: list[_Call]) -> None:
        """Call them all, again and again; one that failed is not called again."""
        host.tracer.flush()
        for _ in range(self._arguments.repeat):
            calls = [call for call in calls if self._ends_well(call)]
            host.tracer.flush()
            if not calls:
                return

    def _ends_well(self, call: _Call) -> bool:
        if self._interrupted.is_set():
            return False
        try:
            call.plugin.call(self._arguments.hook, *call.arguments, traceparent=self._arguments.traceparent)
        except PluginError as error:
            fail(str(error), FAULT)
            return False
        return True

    def _close(self) -> None:
        if self._host is not None:
            self._host.close()

    def _tell(self) -> None:
        """Notes of what was dropped; where plugins of a file ran and a person looks, a line of each."""
        for dropped in filter(None, map(drops_of, self._plugins)):
            note(dropped)
        if self._arguments.config is not None and sys.stderr is not None and sys.stderr.isatty():
            for plugin in self._plugins:
                say(f"bext-tracer: {summary_of(plugin, Surface.of(sys.stderr))}")

    def _code_of_plugins(self) -> int:
        failures = self._host.failures if self._host is not None else {}
        return FAULT if failures or any(plugin.all_stats.errors for plugin in self._plugins) else 0


def _host_of(source: Source) -> PluginHost:
    """A host without plugins yet, so that it can be interrupted while it loads them."""
    config = source.config()
    try:
        return PluginHost.from_config(replace(config, plugins=()))
    except ConfigError as error:
        raise source.tracer_refused(error) from error
    except (EngineUnavailable, ValueError) as error:
        raise CommandFailed(f"{ENGINE_VARIABLE}: {escape(str(error))}", USAGE) from None
