"""PluginHost: loads plugins and gives their spans to one tracer."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from types import TracebackType

from wasmtime import Config, Engine, Linker, Module

from bext_abi import FlushError, TracerPlugin
from bext_host.boundary import RemoteParents, TracerBridge
from bext_host.boundary.check import Bytes, ModuleRefused, compile_module, inspect_module
from bext_host.limits import Limits
from bext_host.logs import log_safely
from bext_host.version import version as product_version

from .errors import PluginClosed
from .hooks import function_exports, hook_faults
from .instance import PluginInstance
from .plugin import Plugin

logger = logging.getLogger("bext_host.runtime")


def plugin_engine() -> Engine:
    """An engine for plugins: calls can be interrupted, and a forked child can still compile."""
    config = Config()
    config.epoch_interruption = True
    config.parallel_compilation = False
    return Engine(config)


class PluginHost:
    """Loads WebAssembly plugins whose spans go to `tracer`. A context manager: leaving it closes the plugins and flushes.

    `limits` bounds what guests can make the host keep, before it reaches the tracer, which may have limits of its own (SpanRecorder
    does); `engine` is as for TracerBridge.
    """

    def __init__(self, tracer: TracerPlugin, *, limits: Limits | None = None, engine: str | None = None) -> None:
        self.tracer = tracer
        self.tracer_errors = 0
        self._bridge = TracerBridge(tracer, limits=limits, engine=engine)
        self._contained = self._bridge.contained(self._count_tracer_error)
        self._engine = plugin_engine()
        self._plugins: dict[str, Plugin] = {}
        self._closed = False
        self._version = product_version()

    @property
    def plugins(self) -> tuple[Plugin, ...]:
        """The loaded plugins, in the order of loading."""
        return tuple(self._plugins.values())

    def load(
        self,
        source: Bytes | str | os.PathLike[str],
        name: str | None = None,
        *,
        version: str = "",
        remote_parents: RemoteParents | str = RemoteParents.LINK,
    ) -> Plugin:
        """Load a plugin from a file or from bytes, and start its instance.

        `name` is the plugin's in traces (default: the file's name without its ending). `remote_parents` says what remote parents
        that the guest names do: "link", "continue" or "ignore". Raises ModuleRefused for a module that does not conform, GuestTrap
        where its start-up traps, OSError where the file cannot be read, ValueError where the name is taken, PluginClosed where the
        host is.
        """
        plugin_name = name or (Path(source).stem if isinstance(source, (str, os.PathLike)) else "plugin")
        if self._closed:
            raise PluginClosed(plugin_name, "load", "the host is closed")
        if plugin_name in self._plugins:
            raise ValueError(f"a plugin named {plugin_name!r} is loaded already: give this one another name=")
        policy = RemoteParents(remote_parents)
        module = compile_module(source, self._engine, plugin_name, self._bridge.limits.module_bytes)
        functions = function_exports(module)
        faults = [*inspect_module(module, wasi=True).faults, *hook_faults(module)]
        if faults:
            raise ModuleRefused(plugin_name, faults)
        plugin = Plugin(
            plugin_name,
            functions,
            self._contained,
            lambda: self._new_instance(plugin_name, version, module, policy),
            self._version,
            on_close=lambda: self._plugins.pop(plugin_name, None),
        )
        self._plugins[plugin_name] = plugin
        return plugin

    def interrupt(self) -> None:
        """End every call that is running in a guest, as CallInterrupted; from any thread."""
        self._engine.increment_epoch()

    def close(self) -> None:
        """Close the plugins, the last loaded first, and flush the tracer. Raises FlushError where it could not hand over everything."""
        for plugin in reversed(self.plugins):
            plugin.close()
        self._closed = True
        self.tracer.flush()

    def _new_instance(self, name: str, version: str, module: Module, policy: RemoteParents) -> PluginInstance:
        linker = Linker(self._engine)
        linker.define_wasi()
        scope = self._bridge.add_to_linker(linker, plugin_name=name, plugin_version=version, remote_parents=policy)
        return PluginInstance(name, module, linker, scope)

    def _count_tracer_error(self) -> None:
        self.tracer_errors += 1

    def __enter__(self) -> PluginHost:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        try:
            self.close()
        except FlushError as failed:
            if error is None:
                raise
            log_safely(logger, logging.ERROR, "flush failed: %s", failed)  # what is under way matters more
