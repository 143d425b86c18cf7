"""The boundary: the host functions that guests import, against their linear memory."""

from bext_host.extension import EngineUnavailable

from .bridge import TracerBridge
from .check import ModuleItem, ModuleRefused, ModuleReport, check_module, inspect_module
from .define import define_function
from .engine_choice import engine, engine_reason
from .parents import RemoteParents
from .scope import TracerScope
from .stats import ScopeStats, Traffic

__all__ = [
    "EngineUnavailable",
    "ModuleItem",
    "ModuleRefused",
    "ModuleReport",
    "RemoteParents",
    "ScopeStats",
    "TracerBridge",
    "TracerScope",
    "Traffic",
    "check_module",
    "define_function",
    "engine",
    "engine_reason",
    "inspect_module",
]
