"""bext-tracer's host side: TracerBridge for embedders of wasmtime, SpanRecorder and its exporters, PluginHost for plugins."""

from .boundary import (
    EngineUnavailable,
    GuestStopped,
    ModuleRefused,
    RemoteParents,
    ScopeStats,
    TracerBridge,
    TracerScope,
    check_module,
    engine,
    engine_reason,
)
from .limits import Limits
from .recorder import FinishedSpan, SpanExporter, SpanRecorder
from .runtime import (
    AllocationFailed,
    CallInterrupted,
    ConfigError,
    GuestTrap,
    HookFailed,
    HookMissing,
    Plugin,
    PluginClosed,
    PluginError,
    PluginHost,
    ReentrantCall,
)

__all__ = [
    "AllocationFailed",
    "CallInterrupted",
    "ConfigError",
    "EngineUnavailable",
    "FinishedSpan",
    "GuestStopped",
    "GuestTrap",
    "HookFailed",
    "HookMissing",
    "Limits",
    "ModuleRefused",
    "Plugin",
    "PluginClosed",
    "PluginError",
    "PluginHost",
    "ReentrantCall",
    "RemoteParents",
    "ScopeStats",
    "SpanExporter",
    "SpanRecorder",
    "TracerBridge",
    "TracerScope",
    "check_module",
    "engine",
    "engine_reason",
]
