"""What the tables of `bext.config.toml` that are ours may hold. Data, and the two rules that only this file needs."""

from __future__ import annotations

import math
import os.path
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bext_host.boundary import RemoteParents

from .expected import (
    ANY_TABLE,
    BOOLEAN,
    MAX_WHOLE,
    RATIO,
    SECONDS,
    STRING,
    STRINGS,
    Expected,
    Rule,
    Table,
    TableOf,
    key_path,
    one_of,
    shown,
    whole,
)
from .hooks import HOOKS
from .plugin_limits import HOOK_RULES, LIMIT_RULES

WASM: Final = "wasm"
MAX_PRIORITY: Final = 2**32 - 1

PERMISSIONS: Final[dict[str, Rule]] = {
    "allowed_urls": STRINGS,
    "storage_quota_kb": whole(0),
    "max_fetch_per_minute": whole(0),
    "kv_namespaces": STRINGS,
    "queue_names": STRINGS,
}
"""What bext's own runtime lets a plugin do. The file may be bext's as well, so they are known here, and mean nothing."""

ONLY_WASM: Final = Expected(f'"{WASM}", the only sandbox that runs here', lambda value: value == WASM)

FOR_ALL_TRACERS: Final = ("flush_seconds", "sampler", "sampler_arg")
"""What a site says once, whether it has one tracer or several."""

_TRACER: Final[dict[str, Rule]] = {
    "name": STRING,
    "flush_seconds": SECONDS,
    "sampler": STRING,
    "sampler_arg": RATIO,
    "options": ANY_TABLE,
}
_NAME: Final = {"name": "the name of a tracer"}


@dataclass(frozen=True, slots=True)
class InFirst:
    """A key that stands in the first table of an array, whatever its value is here."""

    array: str

    def faults(self, value: object, at: str) -> Iterator[str]:
        """One fault, always."""
        yield f"{at}: holds for all, and so stands in the first, {self.array}[0]"


class TracerTables:
    """The table of the only tracer, or an array of tables, one for each of several, in which a name must be."""

    def faults(self, value: object, at: str) -> Iterator[str]:
        """Those of each table as they come."""
        if not isinstance(value, list):
            yield from Table(_TRACER).faults(value, at)
            return
        if not value:
            yield f"{at}: expected a table, or an array of them, found an empty array"
        further = _TRACER | dict.fromkeys(FOR_ALL_TRACERS, InFirst(at))
        for index, table in enumerate(value):
            yield from Table(further if index else _TRACER, _NAME).faults(table, f"{at}[{index}]")


@dataclass(frozen=True, slots=True)
class PluginFile:
    """The name of a file that is there, relative to a folder."""

    folder: Path

    def faults(self, value: object, at: str) -> Iterator[str]:
        """One fault where it is no string, or there is no such file."""
        if not isinstance(value, str):
            yield from STRING.faults(value, at)
        elif not os.path.isfile(self.folder / value):  # noqa: PTH113  # Path.is_file raises for some names in some Pythons
            yield f"{at}: no such file: {self.folder / value}"


class HookConfig:
    """What `on_server_start` is given: a string as it is, or a table of values that JSON has, too."""

    def faults(self, value: object, at: str) -> Iterator[str]:
        """A fault for each value in it that cannot be passed on."""
        if isinstance(value, (dict, str)):
            yield from _json_faults(value, at)
        else:
            yield f"{at}: expected a table or a string, found {shown(value)}"


def _json_faults(value: object, at: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _json_faults(item, key_path(at, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _json_faults(item, f"{at}[{index}]")
    elif not _is_json_scalar(value):
        yield f"{at}: expected a value that JSON has, found {shown(value)}"


def _is_json_scalar(value: object) -> bool:
    if isinstance(value, int):
        return -MAX_WHOLE <= value <= MAX_WHOLE
    return isinstance(value, str) or (isinstance(value, float) and math.isfinite(value))


def schema(folder: Path) -> Table:
    """The tables that are ours, in a file in `folder`."""
    by_hook = {name: Table(dict.fromkeys(HOOKS, rule)) for name, rule in HOOK_RULES.items()}
    plugin = Table(
        {
            "sandbox": ONLY_WASM,
            "path": PluginFile(folder),
            "config": HookConfig(),
            "version": STRING,
            "instances": whole(1),
            "priority": whole(0, MAX_PRIORITY),
            "remote_parents": one_of(*(policy.value for policy in RemoteParents)),
            "measure_host_time": BOOLEAN,
            **LIMIT_RULES,
            "fuel": by_hook["fuel"],
            "timeout": by_hook["hook_timeout_seconds"],
            **PERMISSIONS,
            "permissions": Table(PERMISSIONS),
        },
        required={"sandbox": f'"{WASM}"', "path": "the name of the plugin's .wasm file"},
    )
    return Table({"plugins": TableOf(plugin), "tracer": TracerTables()})
