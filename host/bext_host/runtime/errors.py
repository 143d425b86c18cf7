"""What can go wrong with plugins and their configuration. The embedder gets these; the trace tells the same of calls.

BextTracerError
├── ConfigError (ValueError)    the configuration file is at fault
└── PluginError (RuntimeError)
    ├── GuestEnded              the guest did not return, and its instance is gone
    │   ├── GuestTrap           it trapped, or exited
    │   ├── FuelExhausted       it used up the fuel of its call
    │   ├── DeadlineExceeded    the time of the call was over, while it ran or before it got an instance
    │   ├── CallInterrupted     the host interrupted the call
    │   └── CallCancelled       whoever awaited the call cancelled it
    ├── MemoryLimitExceeded     the module needs more memory or larger tables than it may have
    ├── HookFailed              the hook returned something other than 0
    ├── HookMissing             the plugin exports no such hook, or takes other arguments
    ├── AllocationFailed        the guest gave no memory for an argument
    ├── ReentrantCall           a call into a plugin from inside its own call
    └── PluginClosed            the plugin or its host is closed
"""

from __future__ import annotations

from bext_abi import BextTracerError
from bext_host.escape import escape


class ConfigError(BextTracerError, ValueError):
    """A configuration file that cannot be used. The message is one line, safe to show: file, key, what was expected and what was found.

    `file` is the file as it was named, `what` the first thing that is wrong with it, `more` how many others there are.
    """

    def __init__(self, file: str, what: str, more: int = 0) -> None:
        super().__init__(escape(f"{file}: {what}") + (f" (and {more} more)" if more else ""))
        self.file = file
        self.what = what
        self.more = more


class PluginError(BextTracerError, RuntimeError):
    """A call into a plugin that did not end well. `plugin` and `hook` say which; the message is safe to show."""

    outcome = "error"
    """The word for it in the attribute `bext.plugin.outcome`."""

    def __init__(self, plugin: str, hook: str, what: str) -> None:
        super().__init__(f"{escape(plugin)}: {escape(hook)}: {escape(what)}")
        self.plugin = plugin
        self.hook = hook
        self.what = what


class GuestEnded(PluginError):
    """The guest did not return; its instance is gone.

    `backtrace` is wasmtime's, a line for each frame, as the guest named them; "" where the guest never ran. `memory_pages` is what the
    guest's memory had then, in pages of 64 KiB, of the `memory_limit_pages` that it may have.
    """

    def __init__(
        self, plugin: str, hook: str, what: str, backtrace: str = "", *, memory_pages: int = 0, memory_limit_pages: int = 0
    ) -> None:
        super().__init__(plugin, hook, what)
        self.backtrace = backtrace
        self.memory_pages = memory_pages
        self.memory_limit_pages = memory_limit_pages


class GuestTrap(GuestEnded):
    """The guest trapped or exited."""

    outcome = "trap"


class FuelExhausted(GuestEnded):
    """The guest used up the fuel of its call."""

    outcome = "fuel_exhausted"


class DeadlineExceeded(GuestEnded):
    """The time of the call was over: while the guest ran, or while the call waited for an instance."""

    outcome = "deadline_exceeded"


class CallInterrupted(GuestEnded):
    """The host interrupted the call."""

    outcome = "interrupted"


class CallCancelled(GuestEnded):
    """Whoever awaited the call cancelled it. The trace tells of it; the awaiting code gets its asyncio.CancelledError."""

    outcome = "cancelled"


class MemoryLimitExceeded(PluginError):
    """The module needs more memory, or more or larger tables, than its plugin may have: it cannot be instantiated."""

    outcome = "memory_limit_exceeded"


class HookFailed(PluginError):
    """The hook returned `result`, which is not 0."""

    outcome = "failed"

    def __init__(self, plugin: str, hook: str, result: int) -> None:
        super().__init__(plugin, hook, f"returned {result}, where 0 is success")
        self.result = result


class HookMissing(PluginError):
    """The plugin exports no such hook, or one that takes other arguments."""


class AllocationFailed(PluginError):
    """The guest's bext_alloc gave no memory that an argument fits in."""


class ReentrantCall(PluginError):
    """A call into a plugin from inside its own call, through a tracer or a host function: it would never end."""


class PluginClosed(PluginError):
    """The plugin or its host is closed."""
