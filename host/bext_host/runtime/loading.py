"""PluginLoader: from a file or bytes to a plugin. Compiles, checks, and makes the instances with all that they import."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from wasmtime import Linker, Module

from bext_host.boundary import ModuleReport, RemoteParents, TracerBridge
from bext_host.boundary.check import Bytes, ModuleRefused, compile_module, inspect_module
from bext_host.boundary.contained import ContainedTracer

from .fork_gate import no_fork
from .guest_output import GuestOutput
from .hooks import function_exports, hook_faults
from .host_functions import HostFunctions
from .instance import PluginInstance
from .log_events import LogEvents
from .log_import import LOG_IMPORT, define_log, log_faults
from .module_cache import ModuleCache
from .plugin import Plugin, PluginHome, PluginSettings
from .plugin_engine import ENGINE_CONFIGURATION, plugin_engine
from .start_section import has_start_section


@dataclass(frozen=True, slots=True)
class LoadOrder:
    """What a plugin is loaded with. `priority` replaces what it exports, None does not."""

    settings: PluginSettings
    remote_parents: RemoteParents
    measure_host_time: bool
    priority: int | None


def plugin_report(module: Module, functions: HostFunctions | None = None) -> ModuleReport:
    """What a plugin's module imports and exports, and everything that keeps it from being loaded."""
    given = functions if functions is not None else HostFunctions()
    report = inspect_module(module, wasi=True, provided=(LOG_IMPORT, *given.names))
    return replace(report, faults=(*report.faults, *hook_faults(module), *log_faults(module), *given.faults(module)))


class PluginLoader:
    """Loads for one host."""

    def __init__(self, bridge: TracerBridge, tracer: ContainedTracer, cache: ModuleCache, functions: HostFunctions) -> None:
        self._bridge = bridge
        self._tracer = tracer
        self._cache = cache
        self._functions = functions

    def load(self, source: Bytes | str | os.PathLike[str], order: LoadOrder, home: PluginHome) -> Plugin:
        """The plugin, not started yet. Raises ModuleRefused, OSError as PluginHost.load says."""
        engine, name = plugin_engine(), order.settings.name
        starts: list[bool] = []

        def compiled(wasm: bytes) -> Module:
            made = self._cache.module(wasm, engine, ENGINE_CONFIGURATION)
            starts.append(has_start_section(wasm))
            return made

        module = compile_module(source, engine, name, order.settings.limits.module_bytes, compiled)
        report = plugin_report(module, self._functions)
        if report.faults:
            raise ModuleRefused(name, report.faults)
        return Plugin(order.settings, function_exports(module), home, lambda: self._new_instance(module, order, starts[0]))

    def _new_instance(self, module: Module, order: LoadOrder, runs_at_start: bool) -> PluginInstance:
        with no_fork():  # linkers and stores take locks of wasmtime's
            return self._linked_instance(module, order, runs_at_start)

    def _linked_instance(self, module: Module, order: LoadOrder, runs_at_start: bool) -> PluginInstance:
        settings = order.settings
        linker = Linker(plugin_engine())
        scope = self._bridge.add_to_linker(
            linker,
            plugin_name=settings.name,
            plugin_version=settings.version,
            remote_parents=order.remote_parents,
            measure_host_time=order.measure_host_time,
        )
        events = LogEvents(self._tracer)
        output = GuestOutput(settings.name, on_log=events.add)
        define_log(linker, output, scope.hold_pending)
        self._functions.define_in(linker, scope.hold_pending)
        return PluginInstance(settings.name, module, linker, scope, output, events, settings.limits, runs_at_start=runs_at_start)
