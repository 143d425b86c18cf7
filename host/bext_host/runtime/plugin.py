"""Plugin: a loaded module whose hooks can be called, each call in a span of the host's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bext_host.boundary import ScopeStats
from bext_host.boundary.contained import ContainedTracer
from bext_host.boundary.signatures import Signature

from .call_lock import CallLock
from .errors import HookFailed, HookMissing, PluginClosed, PluginError
from .hook_span import HookSpan, message_of
from .hooks import HOOKS, STRING, U32, HookArgument, encode_argument, is_helper, is_hook_of
from .instance import PluginInstance


class Plugin:
    """Made by `PluginHost.load`. May be called from many threads; calls queue for the one instance.

    After a trap the next call gets a fresh instance; what the old one left open is ended as abandoned.
    """

    def __init__(
        self,
        name: str,
        functions: dict[str, Signature],
        tracer: ContainedTracer,
        new_instance: Callable[[], PluginInstance],
        version: str,
        on_close: Callable[[], object],
    ) -> None:
        self.name = name
        self.functions = functions
        self._tracer = tracer
        self._new_instance = new_instance
        self._version = version
        self._on_close = on_close
        self._lock = CallLock(name)
        self._stats_of_gone = ScopeStats()
        self._closed = False
        self._instance: PluginInstance | None = None
        try:
            self._started_instance()
        except BaseException as error:
            self._discard_instance(error)
            raise

    @property
    def hooks(self) -> tuple[str, ...]:
        """The hooks of bext that this plugin exports."""
        return tuple(hook for hook in HOOKS if hook in self.functions)

    @property
    def stats(self) -> ScopeStats:
        """What the plugin recorded and dropped, over all its instances."""
        instance = self._instance
        return self._stats_of_gone if instance is None else self._stats_of_gone + instance.scope.stats

    def call(self, hook: str, *arguments: HookArgument, traceparent: str | None = None, tracestate: str = "") -> None:
        """Run a hook in a span of the host's: a str argument as it is, a dict or list as JSON, an int as u32.

        A valid `traceparent` (W3C, with its `tracestate`) makes the span part of that trace; one that is not valid is ignored, as
        W3C says. Raises PluginError for whatever goes wrong, TypeError or ValueError for arguments of the wrong kind.
        """
        encoded = [encode_argument(argument) for argument in arguments]
        self._check_hook(hook, tuple(U32 if isinstance(argument, int) else STRING for argument in encoded))
        with self._exclusively(hook):
            span = HookSpan(self._tracer, self.name, hook, traceparent, tracestate, self._version)
            try:
                self._started_instance().call(hook, encoded, span.handle)
            except BaseException as error:
                if not isinstance(error, HookFailed):  # a hook that reports failure leaves a sound instance behind
                    self._discard_instance(error)
                span.end(error)
                raise
            span.end(None)

    def close(self) -> None:
        """End what is open as abandoned, and let go of the instance. Closing again does nothing."""
        with self._lock.held("close"):
            self._closed = True
            self._discard_instance(None)
        self._on_close()

    def _check_hook(self, hook: str, kinds: tuple[str, ...]) -> None:
        signature = self.functions.get(hook)
        if signature is None or is_helper(hook):
            raise HookMissing(self.name, hook, f"no such hook; the plugin has {', '.join(self.hooks) or 'none'}")
        if HOOKS.get(hook, kinds) != kinds or not is_hook_of(signature, kinds):
            given = ", ".join(kinds) or "no arguments"
            raise HookMissing(self.name, hook, f"is function {signature}, which cannot be called with {given}")

    @contextmanager
    def _exclusively(self, hook: str) -> Iterator[None]:
        """One call at a time, while the plugin is open."""
        with self._lock.held(hook):
            if self._closed:
                raise PluginClosed(self.name, hook, "the plugin is closed")
            yield

    def _started_instance(self) -> PluginInstance:
        """The instance; a new one, started, where there is none."""
        if self._instance is None:
            self._instance = self._new_instance()
            self._instance.start()
        return self._instance

    def _discard_instance(self, error: BaseException | None) -> None:
        instance, self._instance = self._instance, None
        if instance is None:
            return
        reason = "closed" if error is None else _reason(error)
        instance.scope.close(reason, error, message=None if error is None else message_of(error))
        self._stats_of_gone += instance.scope.stats


def _reason(error: BaseException) -> str:
    return error.outcome if isinstance(error, PluginError) else type(error).__name__
