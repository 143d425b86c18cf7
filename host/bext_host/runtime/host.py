"""PluginHost: loads plugins, calls their hooks, and gives their spans to one tracer."""

from __future__ import annotations

import atexit
import logging
import os
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final
from weakref import WeakSet

from wasmtime import FuncType

from bext_abi import BextTracerError, SpanHandle, TracerPlugin
from bext_host.boundary import RemoteParents, TracerBridge
from bext_host.boundary.check import Bytes, ModuleRefused
from bext_host.closing import close_at_exit
from bext_host.escape import escape
from bext_host.limits import Limits
from bext_host.logs import log_safely
from bext_host.recorder import SpanRecorder
from bext_host.tracers import FanoutTracer
from bext_host.version import version as product_version

from .config import DEFAULT_FLUSH_SECONDS, HostConfig, PluginConfig, read_config
from .errors import PluginClosed, PluginError
from .flush_loop import FlushLoop
from .hook_span import CallContext
from .hooks import DEFAULT_PRIORITY, HookArgument, encode_argument
from .host_functions import HostFunction, HostFunctions
from .loading import LoadOrder, PluginLoader
from .module_cache import ModuleCache
from .plugin import Plugin, PluginHome, PluginSettings
from .plugin_limits import PluginLimits
from .plugin_stats import HostStats
from .tracer_choice import close_tracer, discard, tracer_of

logger = logging.getLogger("bext_host.runtime")

CLOSE_SECONDS: Final = 30.0
EXIT_SECONDS: Final = 5.0
"""How long a host that is closed, or that nobody closed before the interpreter ends, waits for a recorder's exporters."""

_hosts: Final[WeakSet[PluginHost]] = WeakSet()


class _Count:
    """Not the host's own, since wasmtime keeps what counts here: it would keep the host, and the host keeps wasmtime's."""

    def __init__(self) -> None:
        self.count = 0

    def add(self) -> None:
        self.count += 1


class PluginHost:
    """Loads WebAssembly plugins whose spans go to `tracer`. A context manager: it starts the plugins, and at the end closes and flushes.

    `limits` bounds what guests can make the host keep, before it reaches the tracer, which may have limits of its own (SpanRecorder
    does); `engine` is as for TracerBridge. `flush_seconds` is the interval on which the tracer is flushed, earlier where half of what may
    wait does. `cache` keeps compiled modules (default: in the user's cache folder).

    From `start` (or `with`) to `close` the host runs: instances get on_server_start before anything else, on_server_stop and cleanup at
    the end. Without it hooks can be called, but those three are not called by the host.
    """

    def __init__(
        self,
        tracer: TracerPlugin,
        *,
        limits: Limits | None = None,
        engine: str | None = None,
        flush_seconds: float = DEFAULT_FLUSH_SECONDS,
        cache: ModuleCache | None = None,
    ) -> None:
        self.tracer = tracer
        self.failures: dict[str, BextTracerError | OSError] = {}
        self._bridge = TracerBridge(tracer, limits=limits, engine=engine)
        self._tracer_errors = _Count()
        self._contained = self._bridge.contained(self._tracer_errors.add)
        self._functions = HostFunctions()
        self._loader = PluginLoader(self._bridge, self._contained, cache if cache is not None else ModuleCache(), self._functions)
        self._plugins: dict[str, Plugin] = {}
        self._loading: list[Plugin] = []
        self._priorities: dict[str, int | None] = {}
        self._running = False
        self._closed = False
        self._owns_tracer = False
        self._flush_loop = FlushLoop(tracer, flush_seconds, self._flush, self._expire_spans)
        self._version = product_version()
        _hosts.add(self)

    @classmethod
    def from_config(cls, path: str | os.PathLike[str] | HostConfig, *, engine: str | None = None) -> PluginHost:
        """A host with the tracer and the plugins of a `bext.config.toml`; `start` it, or use it in `with`.

        A plugin that cannot be loaded does not keep the others from it: it is logged, and stands in `failures` by its name. Raises
        ConfigError for a configuration that is wrong.
        """
        config = path if isinstance(path, HostConfig) else read_config(path)
        with ExitStack() as undo:
            tracer = tracer_of(config)
            undo.callback(discard, tracer)
            host = cls(tracer, engine=engine, flush_seconds=config.tracer.flush_seconds)
            undo.pop_all()
        host._owns_tracer = True
        host.load_configured(config.plugins)
        return host

    @property
    def tracer_errors(self) -> int:
        """How often the tracer failed at a span of the host's own."""
        return self._tracer_errors.count

    @property
    def plugins(self) -> tuple[Plugin, ...]:
        """The loaded plugins, in the order in which hooks are dispatched: by priority, then as they were loaded."""
        return tuple(sorted(self._plugins.values(), key=self._priority_of))

    def load(
        self,
        source: Bytes | str | os.PathLike[str],
        name: str | None = None,
        *,
        version: str = "",
        remote_parents: RemoteParents | str = RemoteParents.LINK,
        limits: PluginLimits | None = None,
        instances: int = 1,
        config: HookArgument | None = None,
        priority: int | None = None,
        measure_host_time: bool = False,
    ) -> Plugin:
        """Load a plugin from a file or from bytes, and start an instance; in a running host it gets on_server_start with `config`.

        `name` is the plugin's in traces (default: the file's name without its ending). `remote_parents` says what remote parents
        that the guest names do: "link", "continue" or "ignore". `limits` bounds each call, `instances` how many calls run at once.
        `priority`, the lower the earlier, replaces what the plugin exports. `measure_host_time` adds up the time in host calls.

        Raises ModuleRefused for a module that does not conform, PluginError where its start-up does not end well, OSError where the
        file cannot be read, ValueError where the name is taken or there are no instances, PluginClosed where the host is closed.
        """
        plugin_name = name or (Path(source).stem if isinstance(source, (str, os.PathLike)) else "plugin")
        if instances < 1:
            raise ValueError(f"a plugin needs 1 instance or more, not {instances}")
        settings = PluginSettings(plugin_name, version, limits or PluginLimits(), instances, {} if config is None else config)
        return self._load(source, LoadOrder(settings, RemoteParents(remote_parents), measure_host_time, priority))

    def load_configured(self, plugins: Iterable[PluginConfig]) -> None:
        """Load plugins of a configuration, as `from_config` does: one that cannot be loaded is logged, and stands in `failures`."""
        for plugin in plugins:
            settings = PluginSettings(plugin.name, plugin.version, plugin.limits, plugin.instances, plugin.config)
            order = LoadOrder(settings, plugin.remote_parents, plugin.measure_host_time, plugin.priority)
            try:
                self._load(plugin.path, order)
            except (ModuleRefused, PluginError, OSError) as error:
                self._failed(plugin.name, error)

    def define(self, module: str, name: str, type: FuncType, function: HostFunction, *, access_caller: bool = False) -> None:
        """Give the plugins that are loaded from now on a host function, as wasmtime's `Linker.define_func` takes it.

        What it raises ends the call and reaches the caller of the hook as it is. A function that holds the host keeps it until somebody
        closes it. Raises ValueError for a name that is taken.
        """
        self._functions.add(module, name, type, function, access_caller=access_caller)

    def start(self) -> None:
        """Let the plugins run: on_server_start, in the order of their priorities. Starting again does nothing.

        A plugin that fails stays loaded, is logged, and stands in `failures`; its next call starts it anew.
        """
        if self._running:
            return
        self._running = True
        for plugin in self.plugins:
            try:
                plugin.start()
            except PluginError as error:
                self._failed(plugin.name, error)

    def dispatch(
        self,
        hook: str,
        *arguments: HookArgument,
        parent: SpanHandle | None = None,
        traceparent: str | None = None,
        tracestate: str = "",
    ) -> dict[str, Exception | None]:
        """Call a hook of every plugin that exports it, one after the other by priority; what each ended with, None where all was well.

        An error in one stops no other: a PluginError, or what a host function of the embedder's raised. Raises TypeError or ValueError
        for arguments of the wrong kind, before any is called.
        """
        _check_call(arguments, parent)
        outcomes: dict[str, Exception | None] = {}
        for plugin in self._exporting(hook):
            try:
                plugin.call(hook, *arguments, parent=parent, traceparent=traceparent, tracestate=tracestate)
                outcomes[plugin.name] = None
            except Exception as error:  # noqa: BLE001  # given to whoever asked for all of them
                outcomes[plugin.name] = error
        return outcomes

    async def dispatch_async(
        self,
        hook: str,
        *arguments: HookArgument,
        parent: SpanHandle | None = None,
        traceparent: str | None = None,
        tracestate: str = "",
    ) -> dict[str, Exception | None]:
        """As `dispatch`, by `Plugin.call_async`. A cancellation ends the call that runs, and those after it are not made."""
        _check_call(arguments, parent)
        outcomes: dict[str, Exception | None] = {}
        for plugin in self._exporting(hook):
            try:
                await plugin.call_async(hook, *arguments, parent=parent, traceparent=traceparent, tracestate=tracestate)
                outcomes[plugin.name] = None
            except Exception as error:  # noqa: BLE001  # given to whoever asked for all of them
                outcomes[plugin.name] = error
        return outcomes

    def interrupt(self) -> None:
        """End every call that runs or waits, as CallInterrupted, and the start-up of a plugin that is being loaded; from any thread."""
        for plugin in (*self._loading, *self.plugins):
            plugin.interrupt()

    def stats(self) -> HostStats:
        """What is counted, of each plugin and of the host."""
        queued = getattr(self.tracer, "queued_spans", None)
        return HostStats(
            plugins={plugin.name: plugin.all_stats for plugin in self.plugins},
            tracer_errors=self.tracer_errors,
            queued_spans=queued if type(queued) is int else None,
            flushes=self._flush_loop.flushes,
            flush_errors=self._flush_loop.errors,
        )

    def close(self, timeout: float = CLOSE_SECONDS) -> None:
        """Close the plugins, the last loaded first, and flush the tracer, a SpanRecorder or FanoutTracer within `timeout` seconds.

        Raises FlushError where it could not hand over everything, ReentrantCall from inside a call of a plugin's; the host goes on then.
        """
        for plugin in reversed(tuple(self._plugins.values())):
            plugin.close()
        self._flush_loop.stop()
        self._running, self._closed = False, True
        _hosts.discard(self)
        if isinstance(self.tracer, SpanRecorder | FanoutTracer):
            finish = self.tracer.close if self._owns_tracer else self.tracer.flush
            finish(timeout)
        else:
            self._finish_foreign()

    def _finish_foreign(self) -> None:
        """Flush a tracer of somebody's own, and close it where the host made it, whatever its flush says."""
        try:
            self._flush()
        finally:
            if self._owns_tracer:
                close_tracer(self.tracer)

    def _flush(self) -> None:
        self.tracer.flush()

    def _expire_spans(self) -> None:
        for plugin in self.plugins:
            plugin.expire_spans()

    def _exporting(self, hook: str) -> list[Plugin]:
        return [plugin for plugin in self.plugins if hook in plugin.functions]

    def _priority_of(self, plugin: Plugin) -> int:
        configured = self._priorities.get(plugin.name)
        exported = plugin.priority if plugin.priority is not None else DEFAULT_PRIORITY
        return configured if configured is not None else exported

    def _failed(self, name: str, error: BextTracerError | OSError) -> None:
        self.failures[name] = error
        log_safely(logger, logging.ERROR, "plugin cannot be used: %s", _reason(name, error))

    def _load(self, source: Bytes | str | os.PathLike[str], order: LoadOrder) -> Plugin:
        name = order.settings.name
        if self._closed:
            raise PluginClosed(name, "load", "the host is closed")
        if name in self._plugins:
            raise ValueError(f"a plugin named {name!r} is loaded already: give this one another name=")
        home = PluginHome(
            tracer=self._contained,
            version=self._version,
            is_running=lambda: self._running,
            on_call=self._flush_loop.keep_running,
            on_close=self._forget,
        )
        plugin = self._loader.load(source, order, home)
        self._loading.append(plugin)
        try:
            plugin.start()
        finally:
            self._loading.remove(plugin)
        self._plugins[name] = plugin
        self._priorities[name] = order.priority
        self._flush_loop.keep_running()
        return plugin

    def _forget(self, name: str) -> None:
        self._plugins.pop(name, None)

    def __enter__(self) -> PluginHost:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        close_at_exit(self.close, error, logger)


def _reason(name: str, error: BextTracerError | OSError) -> str:
    """Why a plugin cannot be used, with its name. Safe to show."""
    if isinstance(error, OSError):
        return escape(f"{name}: cannot read {error.filename}: {error.strerror}")
    return str(error)


def _check_call(arguments: Iterable[HookArgument], parent: SpanHandle | None) -> None:
    """Raise TypeError or ValueError for what is wrong for every plugin alike."""
    CallContext.of(parent, None, "")
    for argument in arguments:
        encode_argument(argument)


def _at_exit() -> None:
    """Whoever forgot to close a host loses no span that can still be flushed, and is told what could not be."""
    for host in list(_hosts):
        try:
            host.interrupt()  # only daemon threads are left, whose calls nobody waits for
            host.close(EXIT_SECONDS)
        except Exception as error:  # noqa: BLE001  # nothing must keep the process from ending
            log_safely(logger, logging.ERROR, "at exit: %s", error)


atexit.register(_at_exit)
