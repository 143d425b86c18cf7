"""The runtime: plugins, their calls, and the host's own spans round them."""

from .errors import (
    AllocationFailed,
    CallInterrupted,
    ConfigError,
    GuestTrap,
    HookFailed,
    HookMissing,
    PluginClosed,
    PluginError,
    ReentrantCall,
)
from .host import PluginHost
from .plugin import Plugin

__all__ = [
    "AllocationFailed",
    "CallInterrupted",
    "ConfigError",
    "GuestTrap",
    "HookFailed",
    "HookMissing",
    "Plugin",
    "PluginClosed",
    "PluginError",
    "PluginHost",
    "ReentrantCall",
]
