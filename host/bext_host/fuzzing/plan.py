"""ModuleHooks: what of a module can be driven, found out once before anything of it runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wasmtime import MemoryType, Module

from bext_host.boundary.check import MEMORY_EXPORT, ModuleRefused, compile_module
from bext_host.runtime.hooks import HOOKS, function_exports
from bext_host.runtime.loading import plugin_report
from bext_host.runtime.plugin_engine import plugin_engine
from bext_host.runtime.plugin_limits import WASM_PAGE_BYTES, PluginLimits


@dataclass(frozen=True, slots=True)
class ModuleHooks:
    """A module that conforms. `hooks` are bext's that it exports, `memory_bytes` what its memory begins with (0 where it exports none)."""

    name: str
    wasm: bytes
    hooks: tuple[str, ...]
    memory_bytes: int

    @classmethod
    def of(cls, path: Path) -> ModuleHooks:
        """Those of a file. Raises ModuleRefused for a module that cannot be loaded, OSError for a file that cannot be read."""
        module = compile_module(path, plugin_engine(), path.stem, PluginLimits().module_bytes)
        faults = plugin_report(module).faults
        if faults:
            raise ModuleRefused(path.stem, faults)
        functions = function_exports(module)
        hooks = tuple(hook for hook in HOOKS if hook in functions)
        return cls(path.stem, path.read_bytes(), hooks, _memory_bytes(module))


def _memory_bytes(module: Module) -> int:
    found = next((item.type for item in module.exports if item.name == MEMORY_EXPORT), None)
    return found.limits.min * WASM_PAGE_BYTES if isinstance(found, MemoryType) else 0
