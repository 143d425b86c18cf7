"""Plugin: a loaded module whose hooks can be called, each call in a span of the host's."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakSet

from bext_abi import SpanHandle
from bext_host.boundary import ScopeStats
from bext_host.boundary.contained import ContainedTracer
from bext_host.boundary.signatures import Signature
from bext_host.logs import log_safely

from .call_control import CallControl, Ending
from .call_meter import CallBegin, CallCost, CallMeter
from .call_threads import CallThreads
from .errors import CallInterrupted, GuestEnded, HookFailed, HookMissing, PluginClosed, PluginError
from .guest_errors import ended_while_waiting
from .hook_span import CallContext, HookSpan, message_of, outcome_of
from .hooks import CLEANUP, HOOKS, START, STOP, STRING, U32, HookArgument, encode_argument, is_helper, is_hook_of
from .instance import PluginInstance
from .plugin_limits import PluginLimits
from .plugin_stats import CallCounters, PluginStats
from .pool import InstancePool, Lease, Slot

logger = logging.getLogger("bext_host.runtime")

_plugins: Final[WeakSet[Plugin]] = WeakSet()


@dataclass(frozen=True, slots=True)
class PluginSettings:
    """What the host knows of a plugin: how much it may use, how many instances it has, what on_server_start is given."""

    name: str
    version: str
    limits: PluginLimits
    instances: int
    config: HookArgument


@dataclass(frozen=True, slots=True)
class PluginHome:
    """What a plugin needs of its host. `is_running`: its instances get on_server_start."""

    tracer: ContainedTracer
    version: str
    is_running: Callable[[], bool]
    on_call: Callable[[], None]
    on_close: Callable[[str], None]


class Plugin:
    """Made and started by `PluginHost.load`. May be called from many threads; calls queue for its instances, first come, first served.

    After a trap the next call gets a fresh instance; what the old one left open is ended as abandoned.
    """

    def __init__(
        self, settings: PluginSettings, functions: dict[str, Signature], home: PluginHome, new_instance: Callable[[], PluginInstance]
    ) -> None:
        self.name = settings.name
        self.functions = functions
        self.limits = settings.limits
        self._config = settings.config
        self._home = home
        self._new_instance = new_instance
        self._pool: InstancePool[PluginInstance] = InstancePool(settings.name, settings.instances)
        self._counters = CallCounters()
        self._counters_lock = threading.Lock()
        self._threads = CallThreads()
        self._running: set[CallControl] = set()  # added to, taken from and copied in one step each, which needs no lock
        self.priority: int | None = None
        _plugins.add(self)

    @property
    def hooks(self) -> tuple[str, ...]:
        """The hooks of bext that this plugin exports."""
        return tuple(hook for hook in HOOKS if hook in self.functions)

    @property
    def stats(self) -> ScopeStats:
        """What the plugin recorded and dropped, over all its instances."""
        with self._counters_lock:
            total = self._counters.of_gone
        for instance in self._pool.instances:
            total = total + instance.scope.stats
        return total

    @property
    def all_stats(self) -> PluginStats:
        """Everything that is counted of the plugin."""
        instances = self._pool.instances
        scopes = self.stats
        with self._counters_lock:
            counters = self._counters
            output = counters.output_of_gone
            for instance in instances:
                output = output + instance.output.stats
            return PluginStats(
                calls=dict(counters.calls),
                errors=dict(counters.errors),
                fuel=counters.fuel,
                seconds=counters.seconds,
                recorded=dict(scopes.recorded),
                dropped=dict(scopes.dropped),
                abandoned=scopes.abandoned,
                output=output,
                instances=len(instances),
                open_spans=sum(instance.scope.open_spans for instance in instances),
            )

    def call(
        self,
        hook: str,
        *arguments: HookArgument,
        parent: SpanHandle | None = None,
        traceparent: str | None = None,
        tracestate: str = "",
    ) -> None:
        """Run a hook in a span of the host's: a str argument as it is, a dict or list as JSON, an int as u32.

        The span is a child of `parent`, a span of the host's tracer; of one that is INVALID, nothing is sampled. Without a parent a
        valid `traceparent` (W3C, with its `tracestate`) makes the span part of that trace; one that is not valid is ignored, as W3C
        says. Raises PluginError for whatever goes wrong, TypeError or ValueError for arguments of the wrong kind.
        """
        context = CallContext.of(parent, traceparent, tracestate)
        self._call(hook, self._encoded(hook, arguments), context, self._new_control(hook))

    async def call_async(
        self,
        hook: str,
        *arguments: HookArgument,
        parent: SpanHandle | None = None,
        traceparent: str | None = None,
        tracestate: str = "",
    ) -> None:
        """As `call`, in a thread of the host's. Where the awaiting task is cancelled, so is the call: the guest is ended.

        The cancellation goes on when the guest has ended, which takes the time of a host call at most.
        """
        context = CallContext.of(parent, traceparent, tracestate)
        encoded, control = self._encoded(hook, arguments), self._new_control(hook)
        try:
            future = asyncio.get_running_loop().run_in_executor(self._threads.executor(), self._call, hook, encoded, context, control)
        except RuntimeError:
            self._running.discard(control)
            raise PluginClosed(self.name, hook, "the plugin is closed") from None
        try:
            await asyncio.shield(future)
        except asyncio.CancelledError:
            control.end(Ending.CANCELLED)
            future.add_done_callback(_know_error)  # the call was cancelled, and may be once more while it ends
            await asyncio.wait([future])
            raise

    def interrupt(self) -> None:
        """End every call that runs or waits, as CallInterrupted; from any thread."""
        for control in list(self._running):
            control.end(Ending.INTERRUPTED)

    def start(self) -> None:
        """Make an instance where there is none, and give it on_server_start in a running host. Raises PluginError where that fails."""
        with self._controlled(START) as control:
            lease = self._pool.take(START, control)
            try:
                self._fill(lease.slot, control)
            finally:
                self._pool.give_back(lease)

    def expire_spans(self) -> None:
        """End, as abandoned, the guests' spans that have been open for longer than they may."""
        for instance in self._pool.instances:
            instance.expire_spans()

    def close(self) -> None:
        """Run on_server_stop and cleanup where the plugin has them and was started, and let go of the instances.

        What is open is ended as abandoned. Waits for the calls that run, within the time of a call. Closing again does nothing.
        """
        self._pool.close(CallControl(self.limits.timeout_for(STOP)), self._empty)
        self._threads.close()
        self._home.on_close(self.name)

    def after_fork_in_child(self) -> None:
        """No thread is left that could let go of a lock."""
        self._counters_lock = threading.Lock()

    def _new_control(self, hook: str) -> CallControl:
        """The control of a call, which `interrupt` finds until it is discarded."""
        control = CallControl(self.limits.timeout_for(hook))
        self._running.add(control)
        return control

    @contextmanager
    def _controlled(self, hook: str, during: CallControl | None = None) -> Iterator[CallControl]:
        """A call of its own; one that is made during another ends when somebody ends that one, but not at its deadline."""
        control = self._new_control(hook)
        try:
            if during is not None:
                during.call_at_end(lambda: control.end(during.ending or Ending.INTERRUPTED))
            yield control
        finally:
            if during is not None:
                during.call_at_end(None)
            self._running.discard(control)

    def _encoded(self, hook: str, arguments: Sequence[HookArgument]) -> list[bytes | int]:
        encoded = [encode_argument(argument) for argument in arguments]
        self._check_hook(hook, tuple(U32 if isinstance(argument, int) else STRING for argument in encoded))
        return encoded

    def _check_hook(self, hook: str, kinds: tuple[str, ...]) -> None:
        signature = self.functions.get(hook)
        if signature is None or is_helper(hook):
            raise HookMissing(self.name, hook, f"no such hook; the plugin has {', '.join(self.hooks) or 'none'}")
        if HOOKS.get(hook, kinds) != kinds or not is_hook_of(signature, kinds):
            given = ", ".join(kinds) or "no arguments"
            raise HookMissing(self.name, hook, f"is function {signature}, which cannot be called with {given}")

    def _call(self, hook: str, encoded: Sequence[bytes | int], context: CallContext, control: CallControl) -> None:
        try:
            begin = CallBegin(control)
            lease = self._taken(hook, context, begin)
            try:
                self._run(lease.slot, hook, encoded, context, begin)
            finally:
                self._pool.give_back(lease)
                self._home.on_call()
        finally:
            self._running.discard(control)

    def _taken(self, hook: str, context: CallContext, begin: CallBegin) -> Lease[PluginInstance]:
        """A slot. A call that is over before it gets one has a span, too, and counts."""
        try:
            return self._pool.take(hook, begin.control)
        except GuestEnded as error:
            self._span(hook, context, begin).end(error, None)
            self._count(hook, error, CallCost(), begin)
            raise

    def _run(self, slot: Slot[PluginInstance], hook: str, encoded: Sequence[bytes | int], context: CallContext, begin: CallBegin) -> None:
        """Run a hook in the instance of a slot that this thread has; a new one, started, where there is none."""
        span = self._span(hook, context, begin)
        meter: CallMeter | None = None
        failure: BaseException | None = None
        try:
            instance = self._ready(slot, hook, begin.control)
            meter = CallMeter(instance)
            instance.call(hook, encoded, span.handle, begin.control)
        except BaseException as error:
            failure = error
            if meter is not None and not isinstance(error, HookFailed):  # a hook that reports failure leaves a sound instance behind
                self._discard(slot, error)
            raise
        finally:
            self._count(hook, failure, CallCost() if meter is None else meter.cost, begin)
            span.end(failure, meter)

    def _span(self, hook: str, context: CallContext, begin: CallBegin) -> HookSpan:
        return HookSpan(self._home.tracer, self.name, hook, context, self._home.version, begin.start_time)

    def _count(self, hook: str, error: BaseException | None, cost: CallCost, begin: CallBegin) -> None:
        outcome = None if error is None else outcome_of(error)
        with self._counters_lock:
            self._counters.add_call(hook, outcome, cost.fuel, begin.seconds)

    # --- Instances ---

    def _ready(self, slot: Slot[PluginInstance], hook: str, control: CallControl) -> PluginInstance:
        """The instance of a slot, for a call that still has time; one that has none leaves a sound instance alone."""
        if control.ending is None:
            self._fill(slot, control)
        if control.ending is not None or slot.instance is None:
            raise ended_while_waiting(self.name, hook, control)
        return slot.instance

    def _fill(self, slot: Slot[PluginInstance], control: CallControl) -> None:
        """Put an instance where there is none. One that runs in a running host has had on_server_start. `control` is the call's."""
        try:
            if slot.is_in_doubt:  # what it left open is ended; nobody knows where it was stopped
                self._discard(slot, CallInterrupted(self.name, START, "its last call was interrupted"))
                slot.is_in_doubt = False
            if slot.instance is None:
                slot.instance = self._new_instance()
                with self._controlled(START, control) as starting:
                    slot.instance.start(START, starting)
                    if self.priority is None:
                        self.priority = slot.instance.priority(starting)
            if self._home.is_running() and not slot.instance.has_started:
                slot.instance.has_started = True
                self._run_if_there(slot, START, self._config, during=control)
        except BaseException as error:  # an instance whose start-up failed is not used
            self._discard(slot, error)
            raise

    def _run_if_there(self, slot: Slot[PluginInstance], hook: str, *arguments: HookArgument, during: CallControl | None = None) -> None:
        if hook in self.functions:
            encoded = [encode_argument(argument) for argument in arguments]
            with self._controlled(hook, during) as control:
                self._run(slot, hook, encoded, CallContext(), CallBegin(control))

    def _empty(self, slot: Slot[PluginInstance]) -> None:
        """The end of an instance; whatever its hooks do, it is let go."""
        for hook in (STOP, CLEANUP):
            if slot.instance is None or not slot.instance.has_started:
                break
            try:
                self._run_if_there(slot, hook)
            except PluginError as error:  # the span tells it; nobody called
                log_safely(logger, logging.WARNING, "%s", error)
        self._discard(slot, None)

    def _discard(self, slot: Slot[PluginInstance], error: BaseException | None) -> None:
        instance, slot.instance = slot.instance, None
        if instance is None:
            return
        reason = "closed" if error is None else _reason(error)
        instance.scope.close(reason, error, message=None if error is None else message_of(error))
        with self._counters_lock:
            self._counters.of_gone += instance.scope.stats
            self._counters.output_of_gone += instance.output.stats


def _reason(error: BaseException) -> str:
    return error.outcome if isinstance(error, PluginError) else type(error).__name__


def _know_error(future: asyncio.Future[Any]) -> None:
    """Take note of how a future ended, so that asyncio does not complain that nobody did."""
    if not future.cancelled():
        future.exception()


def _after_fork_in_child() -> None:
    for plugin in list(_plugins):
        plugin.after_fork_in_child()


os.register_at_fork(after_in_child=_after_fork_in_child)
