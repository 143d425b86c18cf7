"""Reads the tables of `bext.config.toml` that are ours: the plugins, and the site's tracer. It reads; it loads and starts nothing.

    [plugins.shop]                    sandbox = "wasm" and path, which is relative to the file's folder; may have config, version,
                                      instances, priority, remote_parents, measure_host_time, and the limits timeout_seconds,
                                      memory_bytes, memories, table_elements, tables, module_bytes,
                                      span_open_seconds
    [plugins.shop.config]             what on_server_start is given; a string serves, too
    [plugins.shop.fuel]               fuel for a call, by hook
    [plugins.shop.timeout]            seconds for a call, by hook
    [tracer]                          name, flush_seconds, sampler, sampler_arg
    [tracer.options]                  what the tracer's factory takes
    [[tracer]]                        in their place: one of several tracers, each with a name, and options below it; what holds for
                                      all (flush_seconds, sampler, sampler_arg) stands in the first

Tables of other names belong to bext and are not looked at. The keys of a plugin that only bext's own runtime obeys (what it may fetch
and store) may stand there; they are checked for their types and mean nothing here. Any other key is an error, so that none is
misspelt in silence.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from bext_host.boundary import RemoteParents

from .config_schema import FOR_ALL_TRACERS, schema
from .errors import ConfigError
from .plugin_limits import LIMIT_RULES, PluginLimits

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

STDOUT_TRACER: Final = "tracer-stdout"
DEFAULT_TRACER: Final = STDOUT_TRACER
DEFAULT_FLUSH_SECONDS: Final = 5.0
ONE_TRACER: Final = "tracer"
"""The key of the only tracer's table; of several it is `tracer[0]` and so on."""

_TOML_ERROR: Final = re.compile(r"(?P<what>.*) \(at (?P<where>line \d+, column \d+|end of document)\)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginConfig:
    """A plugin of the file. `path` is absolute, and was a file when the configuration was read.

    `config` is for on_server_start, a string as it is, a dict as JSON. `priority` is None where the file says nothing about it.
    """

    name: str
    path: Path
    config: str | dict[str, object] = field(default_factory=dict, hash=False)
    limits: PluginLimits = field(default_factory=PluginLimits)
    instances: int = 1
    priority: int | None = None
    version: str = ""
    remote_parents: RemoteParents = RemoteParents.LINK
    measure_host_time: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedTracer:
    """A tracer to be made: the name of one that is installed, and what its factory takes. `at` is the key of its table, for errors."""

    name: str = DEFAULT_TRACER
    options: Mapping[str, object] = field(default_factory=dict, hash=False)
    at: str = field(default=ONE_TRACER, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", MappingProxyType(dict(self.options)))


@dataclass(frozen=True, slots=True, kw_only=True)
class TracerConfig:
    """The site's tracer: one of `tracers`, or all of them, in the file's order. Without a `sampler` the environment decides.

    `at` is the key of the table with what holds for all, for errors. The environment is that of `bext_host.settings`.
    """

    tracers: tuple[NamedTracer, ...] = (NamedTracer(),)
    flush_seconds: float = DEFAULT_FLUSH_SECONDS
    sampler: str | None = None
    sampler_arg: float | None = None
    at: str = field(default=ONE_TRACER, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostConfig:
    """What a file says: `path` is the file as it was named, the plugins are in its order."""

    path: Path
    plugins: tuple[PluginConfig, ...] = ()
    tracer: TracerConfig = field(default_factory=TracerConfig)


def read_config(path: str | os.PathLike[str]) -> HostConfig:
    """Read a configuration file. Raises ConfigError, which names the first thing that is wrong and how many others there are."""
    file = os.fspath(path)
    folder = Path(path).absolute().parent
    try:
        data = _parsed(file, _text(file))
        faults = list(schema(folder).faults(_ours(data), ""))
    except RecursionError:
        raise ConfigError(file, "nested too deep") from None
    if faults:
        raise ConfigError(file, faults[0], len(faults) - 1)
    return HostConfig(
        path=Path(path),
        plugins=tuple(_plugin(name, table, folder) for name, table in data.get("plugins", {}).items()),
        tracer=_tracer(data.get("tracer", {})),
    )


def _text(file: str) -> str:
    try:
        data = Path(file).read_bytes()
    except OSError as error:
        raise ConfigError(file, f"cannot be read: {error.strerror}") from None
    except ValueError as error:  # a name that no file can have
        raise ConfigError(file, f"cannot be read: {error}") from None
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(file, f"line {line}: not UTF-8 text") from None


def _parsed(file: str, text: str) -> dict[str, Any]:
    try:
        return dict(tomllib.loads(text))
    except ValueError as error:  # TOMLDecodeError, or what Python says of a number that is too long
        message = str(error)
        located = _TOML_ERROR.fullmatch(message)
        what = f"{located['where']}: {located['what'][:1].lower()}{located['what'][1:]}" if located else message
        raise ConfigError(file, what) from None


def _ours(data: Mapping[str, object]) -> dict[str, object]:
    return _picked(data, "plugins", "tracer")


def _tracer(found: dict[str, Any] | Sequence[dict[str, Any]]) -> TracerConfig:
    """The tracer of a table, or the tracers of an array of tables, of which the first has what holds for all."""
    tables = {ONE_TRACER: found} if isinstance(found, dict) else {f"{ONE_TRACER}[{i}]": table for i, table in enumerate(found)}
    tracers = tuple(NamedTracer(at=at, **_picked(table, "name", "options")) for at, table in tables.items())
    at, first = next(iter(tables.items()))
    return TracerConfig(tracers=tracers, at=at, **_picked(first, *FOR_ALL_TRACERS))


def _picked(table: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: table[key] for key in keys if key in table}


def _plugin(name: str, table: dict[str, Any], folder: Path) -> PluginConfig:
    limits = PluginLimits(
        fuel=table.get("fuel", {}),
        hook_timeout_seconds=table.get("timeout", {}),
        **_picked(table, *LIMIT_RULES),
    )
    plain = _picked(table, "config", "instances", "priority", "version", "measure_host_time")
    policy = RemoteParents(table.get("remote_parents", RemoteParents.LINK))
    return PluginConfig(name=name, path=folder / table["path"], limits=limits, remote_parents=policy, **plain)
