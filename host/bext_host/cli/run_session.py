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
from bext_host.recorder import SpansWaiting
from bext_host.runtime import ConfigError, Plugin, PluginError, PluginHost
from bext_host.runtime.config import HostConfig
from bext_host.runtime.hooks import HookArgument
from bext_host.settings import ENGINE_VARIABLE

from .arguments import hook_arguments
from .failure import FAULT, USAGE, CommandFailed, fail, note, say, silence_output
from .flush_failures import FlushFailures
from .log_lines import shown_logs
from .plugin_lines import drops_of, summary_of
from .run_source import Source
from .run_tracer import refused


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
        self._tracers = 1
        self._flush_failures = FlushFailures()

    def interrupt(self) -> None:
        """End the running call; only what ends a plugin is run then."""
        self._interrupted.set()
        if self._host is not None:
            self._host.interrupt()

    def run(self) -> None:
        """Load, call, print, close; whatever goes wrong becomes a line and an exit code."""
        try:
            with shown_logs(self._flush_failures.tell):
                codes = [self._reported(self._work), self._reported(self._close)]
            self._tell()
            self.code = max(*codes, self._code_of_plugins(), FAULT if self._flush_failures else 0)
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
        return FAULT if self._flush_failures.tell(error) else silence_output()

    def _work(self) -> None:
        config = self._source.config()
        self._tracers = len(config.tracer.tracers)
        host = self._host = _host_of(config)
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
        self._flush(host)
        for _ in range(self._arguments.repeat):
            calls = [call for call in calls if self._ends_well(call)]
            self._flush(host)
            if not calls:
                return

    def _flush(self, host: PluginHost) -> None:
        """Hand over the spans. Raises FlushError where no tracer took them, or nobody reads the output any more: the run ends then.

        Spans that wait are no reason to end it: they may still be taken.
        """
        try:
            host.tracer.flush()
        except FlushError as error:
            lost = [text for text in error.failures.values() if not text.startswith(SpansWaiting.__name__)]
            if len(lost) >= self._tracers or not self._flush_failures.tell(error):
                raise

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


def _host_of(config: HostConfig) -> PluginHost:
    """A host without plugins yet, so that it can be interrupted while it loads them."""
    try:
        return PluginHost.from_config(replace(config, plugins=()))
    except ConfigError as error:
        raise refused(config.tracer, error) from error
    except (EngineUnavailable, ValueError) as error:
        raise CommandFailed(f"{ENGINE_VARIABLE}: {escape(str(error))}", USAGE) from None
