"""What `bext-tracer run` runs: one module, or the plugins of a configuration file."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from bext_host.escape import escape
from bext_host.runtime import PluginHost, PluginLimits
from bext_host.runtime.config import HostConfig, PluginConfig, read_config
from bext_host.runtime.hooks import HOOKS

from .failure import FAULT, USAGE, CommandFailed
from .run_options import LimitOptions
from .run_tracer import NO_FILES, TracerArguments


class Source(Protocol):
    """Asked in this order."""

    def config(self) -> HostConfig:
        """The configuration whose tracer the host gets. Raises ConfigError, CommandFailed."""
        ...

    def load(self, host: PluginHost) -> None:
        """Load what there is into the host. Raises CommandFailed, ModuleRefused, PluginError where nothing can be run then."""
        ...

    def hook_is_missing(self, host: PluginHost, hook: str) -> CommandFailed:
        """The failure of a run in which no plugin of the host exports the hook."""
        ...

    def start(self, host: PluginHost) -> None:
        """Let the host run, where it is to."""
        ...


def source_of(arguments: argparse.Namespace) -> Source:
    """What the command line names."""
    limits, tracer = LimitOptions.of(arguments), TracerArguments.of(arguments)
    if arguments.config is not None:
        return ConfigSource(arguments.config, limits, tracer)
    return ModuleSource(arguments.module, limits, tracer)


class ModuleSource:
    """One module, of which the hook alone is called: its host does not run."""

    def __init__(self, module: str, limits: LimitOptions, tracer: TracerArguments) -> None:
        self._module = module
        self._limits = limits
        self._tracer = tracer

    def config(self) -> HostConfig:
        """No file's: traces are printed, unless the command line chooses another tracer."""
        return HostConfig(path=Path(self._module), tracer=self._tracer.applied_to(NO_FILES))

    def load(self, host: PluginHost) -> None:
        """Load the module, or fail."""
        path = Path(self._module)
        try:
            host.load(path, path.stem, limits=self._limits.applied_to(PluginLimits()))
        except OSError as error:
            raise CommandFailed(f"cannot read {escape(self._module)}: {error.strerror}") from None

    def hook_is_missing(self, host: PluginHost, hook: str) -> CommandFailed:
        """Whoever names a module names a hook of it."""
        return CommandFailed(f"{escape(Path(self._module).stem)}: no hook {escape(hook)}; it has: {_hooks_of(host)}", USAGE)

    def start(self, host: PluginHost) -> None:
        """Nothing: on_server_start is a hook like others, here."""


class ConfigSource:
    """The plugins of a configuration file, and its tracer."""

    def __init__(self, file: str, limits: LimitOptions, tracer: TracerArguments) -> None:
        self._file = file
        self._limits = limits
        self._tracer = tracer
        self._plugins: tuple[PluginConfig, ...] = ()

    def config(self) -> HostConfig:
        """The file's, with what the command line says about the tracer."""
        config = read_config(self._file)
        if not config.plugins:
            raise CommandFailed(f"{escape(self._file)}: plugins: none, expected a table [plugins.NAME] for each", USAGE)
        self._plugins = tuple(replace(plugin, limits=self._limits.applied_to(plugin.limits)) for plugin in config.plugins)
        return replace(config, tracer=self._tracer.applied_to(config.tracer, escape(self._file)))

    def load(self, host: PluginHost) -> None:
        """Load all that can be loaded; the host logs which cannot."""
        host.load_configured(self._plugins)

    def hook_is_missing(self, host: PluginHost, hook: str) -> CommandFailed:
        """The plugins that could not be loaded may have it."""
        return CommandFailed(f"{escape(self._file)}: no plugin has a hook {escape(hook)}; there are: {_hooks_of(host)}", FAULT)

    def start(self, host: PluginHost) -> None:
        """on_server_start of every plugin."""
        host.start()


def _hooks_of(host: PluginHost) -> str:
    return ", ".join(hook for hook in HOOKS if any(hook in plugin.hooks for plugin in host.plugins)) or "none"
