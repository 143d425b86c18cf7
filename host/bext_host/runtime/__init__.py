"""The runtime: plugins, their limits, their calls, and the host's own spans round them."""

from .errors import (
    AllocationFailed,
    CallCancelled,
    CallInterrupted,
    ConfigError,
    DeadlineExceeded,
    FuelExhausted,
    GuestEnded,
    GuestTrap,
    HookFailed,
    HookMissing,
    MemoryLimitExceeded,
    PluginClosed,
    PluginError,
    ReentrantCall,
)
from .host import PluginHost
from .plugin import Plugin
from .plugin_limits import PluginLimits
from .plugin_stats import HostStats, PluginStats

__all__ = [
    "AllocationFailed",
    "CallCancelled",
    "CallInterrupted",
    "ConfigError",
    "DeadlineExceeded",
    "FuelExhausted",
    "GuestEnded",
    "GuestTrap",
    "HookFailed",
    "HookMissing",
    "HostStats",
    "MemoryLimitExceeded",
    "Plugin",
    "PluginClosed",
    "PluginError",
    "PluginHost",
    "PluginLimits",
    "PluginStats",
    "ReentrantCall",
]
