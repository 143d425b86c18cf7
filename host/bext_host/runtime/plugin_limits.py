"""PluginLimits: how much one plugin may use, per call and as a whole. The numbers alone; the runtime is what holds plugins to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from bext_abi import constants

from .expected import SECONDS, Rule, TableOf, whole

HOOK_FUEL: Final = MappingProxyType(
    {
        "on_server_start": 500_000_000,
        "on_request_complete": 100_000_000,
        "on_cache_write": 50_000_000,
        "on_cache_invalidate": 50_000_000,
        "on_reload": 200_000_000,
        "cleanup": 100_000_000,
    }
)
"""Fuel for a call of each hook, about one unit an instruction: the defaults that bext documents."""

OTHER_FUEL: Final = 100_000_000
"""Fuel for a call of any other export, on_server_stop among them, for which bext documents none: as much as for most hooks."""

TIMEOUT_SECONDS: Final = 10.0
"""bext's default for the wall clock of a call."""

MEMORY_BYTES: Final = 64 * 1024 * 1024
"""bext's default for the memory of a plugin."""

MEMORIES: Final = 1
"""Ours. wasmtime bounds each linear memory by itself, so that only with one of them `memory_bytes` is all that an instance has."""

TABLES: Final = 10
"""Ours. Compilers make one or two."""

TABLE_ELEMENTS: Final = 100_000
"""Ours, for each table. A program has one element for each function whose address it takes; each is 8 bytes of the host's."""

WASM_PAGE_BYTES: Final = 65536

LIMIT_RULES: Final[MappingProxyType[str, Rule]] = MappingProxyType(
    {
        "timeout_seconds": SECONDS,
        "memory_bytes": whole(WASM_PAGE_BYTES),  # less is no memory at all, or meant in another unit
        "memories": whole(1),
        "table_elements": whole(1),
        "tables": whole(1),
        "module_bytes": whole(1),
        "span_open_seconds": SECONDS,
    }
)
"""What each limit that is a single number may be."""

HOOK_RULES: Final[MappingProxyType[str, Rule]] = MappingProxyType({"fuel": whole(1), "hook_timeout_seconds": SECONDS})
"""What the numbers of a limit by hook may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginLimits:
    """The limits of one plugin. None of them can be switched off.

    `fuel` is per call, by hook: what is given here replaces single defaults. `timeout_seconds` is the wall clock of a call, the wait for
    an instance included; `hook_timeout_seconds` replaces it for single hooks. `memory_bytes` and `table_elements` bound each linear memory
    and each table, `memories` and `tables` how many of them an instance has; one instance is all that a store has.
    `module_bytes` is how large the module may be that is compiled, which takes neither fuel nor time from a call.
    `span_open_seconds` is how long a span may stay open. Raises ValueError for what is no such number.
    """

    fuel: Mapping[str, int] = field(default_factory=dict, hash=False)
    timeout_seconds: float = TIMEOUT_SECONDS
    hook_timeout_seconds: Mapping[str, float] = field(default_factory=dict, hash=False)
    memory_bytes: int = MEMORY_BYTES
    memories: int = MEMORIES
    table_elements: int = TABLE_ELEMENTS
    tables: int = TABLES
    module_bytes: int = constants.LIMIT_MODULE_BYTES
    span_open_seconds: float = constants.LIMIT_SPAN_OPEN_SECONDS

    def __post_init__(self) -> None:
        rules = LIMIT_RULES | {name: TableOf(rule) for name, rule in HOOK_RULES.items()}
        faults = (fault for name, rule in rules.items() for fault in rule.faults(getattr(self, name), name))
        fault = next(faults, None)
        if fault is not None:
            raise ValueError(fault)
        object.__setattr__(self, "fuel", MappingProxyType({**HOOK_FUEL, **self.fuel}))
        object.__setattr__(self, "hook_timeout_seconds", MappingProxyType(dict(self.hook_timeout_seconds)))

    def fuel_for(self, hook: str) -> int:
        """The fuel that a call of this export gets."""
        return self.fuel.get(hook, OTHER_FUEL)

    def timeout_for(self, hook: str) -> float:
        """How many seconds a call of this export may last."""
        return float(self.hook_timeout_seconds.get(hook, self.timeout_seconds))
