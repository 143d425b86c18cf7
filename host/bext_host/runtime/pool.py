"""InstancePool: which call has which instance of a plugin, in the order in which they came, and never a wait that could not end.

A tracer or a host function may call into plugins from inside a call. A thread that would wait for a plugin all of whose callers wait,
through others or not, for this thread itself would wait for ever; it gets ReentrantCall instead.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Generic, NamedTuple, TypeVar
from weakref import WeakSet, ref

from .call_control import CallControl
from .errors import PluginClosed, ReentrantCall
from .guest_errors import ended_while_waiting

T = TypeVar("T")

_lock = threading.Lock()
"""Guards all pools of the process; held for a few steps at a time."""

_waiting_for: dict[int, InstancePool[object]] = {}
"""The pool that each waiting thread waits for, by thread id."""

_pools: Final[WeakSet[InstancePool[object]]] = WeakSet()


class Slot(Generic[T]):
    """A place for an instance, which the one who has the slot fills and empties. `is_in_doubt`: its last call never gave it back."""

    __slots__ = ("instance", "is_in_doubt")

    def __init__(self) -> None:
        self.instance: T | None = None
        self.is_in_doubt = False


class Lease(Generic[T]):
    """That a call has a slot. Where a signal's handler raises just before the slot is given back, the end of this object tells it."""

    __slots__ = ("__weakref__", "slot")

    def __init__(self) -> None:
        self.slot: Slot[T] = Slot()  # until it gets one of the pool's


class _Holder(NamedTuple):
    """Who has a slot: the thread, and its Lease while that lives."""

    thread: int
    lease: ref[Lease[Any]]


class _Waiter(Generic[T]):
    def __init__(self, thread: int) -> None:
        self.thread = thread
        self.lease = Lease[T]()
        self.has_slot = False
        self.ready = threading.Event()


class InstancePool(Generic[T]):
    """`size` slots. A slot that has an instance is given out before one that has none."""

    def __init__(self, plugin: str, size: int) -> None:
        self._plugin = plugin
        self._size = size
        self._closed = False
        self._slots: list[Slot[T]] = [Slot() for _ in range(size)]
        self._free = list(self._slots)
        self._holders: dict[Slot[T], _Holder] = {}
        self._waiters: deque[_Waiter[T]] = deque()
        self._when_late: Callable[[Slot[T]], None] | None = None
        _pools.add(self)  # type: ignore[arg-type]  # only its own methods touch what is in it

    @property
    def instances(self) -> list[T]:
        """The instances that there are, in use or not."""
        with _lock:
            return [slot.instance for slot in (*self._free, *self._holders) if slot.instance is not None]

    def take(self, hook: str, control: CallControl) -> Lease[T]:
        """Wait for a slot; it must be given back. Who could not, because it was interrupted, must let go of the lease.

        Raises ReentrantCall where the wait could not end, PluginClosed where the plugin is closed, and the error of a call that was
        ended where that happens before it gets one.
        """
        thread = threading.get_ident()
        with _lock:
            lease = self._taken_at_once(thread, hook)
            if lease is not None:
                return lease
            waiter = _Waiter[T](thread)
            self._waiters.append(waiter)
            _waiting_for[thread] = self  # type: ignore[assignment]  # as above
        lease = self._waited(waiter, control)
        if lease is not None:
            return lease
        if self._closed:
            raise PluginClosed(self._plugin, hook, "the plugin is closed")
        raise ended_while_waiting(self._plugin, hook, control)

    def give_back(self, lease: Lease[T]) -> None:
        """Let go of a slot: whoever waits longest gets it."""
        slot = lease.slot
        with _lock:
            self._holders.pop(slot, None)
            if self._when_late is None:
                self._pass_on(slot)
                return
        self._when_late(slot)

    def _pass_on(self, slot: Slot[T]) -> None:
        waiter = self._next_waiter()
        if waiter is not None:
            self._hold(slot, waiter.thread, waiter.lease)
            waiter.has_slot = True
            waiter.ready.set()
        elif slot.instance is None:
            self._free.insert(0, slot)
        else:
            self._free.append(slot)

    def _hold(self, slot: Slot[T], thread: int, lease: Lease[T]) -> None:
        lease.slot = slot
        self._holders[slot] = _Holder(thread, ref(lease))

    def _recover(self) -> None:
        """Find the slots that were not given back, and those that a signal's handler left between two steps of ours."""
        for slot, holder in list(self._holders.items()):
            if holder.lease() is None:
                slot.is_in_doubt = True
                del self._holders[slot]
        if len(self._free) + len(self._holders) < self._size:
            known = {*self._free, *self._holders}
            self._free[:0] = [slot for slot in self._slots if slot not in known]

    def _is_held_by(self, thread: int) -> bool:
        return any(holder.thread == thread for holder in self._holders.values())

    def close(self, control: CallControl, each: Callable[[Slot[T]], None]) -> None:
        """Refuse every later call, and call `each` with every slot as it becomes free. Closing again does nothing.

        One that does not become free in time is given to `each` by the thread that gives it back. Raises ReentrantCall from inside a
        call of this plugin's.
        """
        with _lock:
            if self._closed:
                return
            self._recover()
            if self._is_held_by(threading.get_ident()):
                raise ReentrantCall(self._plugin, "close", "called from inside the plugin's own call")
            self._closed = True
            for waiter in self._waiters:
                waiter.ready.set()
        for _ in range(self._size):
            lease = self._take_last(control)
            if lease is None:
                break
            each(lease.slot)
        with _lock:
            self._when_late = each
            late, self._free = self._free, []
        for slot in late:
            each(slot)

    def _taken_at_once(self, thread: int, hook: str) -> Lease[T] | None:
        """A free slot; None where the thread must wait, and may."""
        if not self._closed and len(self._free) < self._size:
            self._recover()
        if self._is_held_by(thread):
            raise ReentrantCall(self._plugin, hook, "called from inside the plugin's own call")
        if self._closed:
            raise PluginClosed(self._plugin, hook, "the plugin is closed")
        if self._free:
            lease = Lease[T]()
            self._hold(self._free.pop(), thread, lease)
            return lease
        if self._leads_to(thread, set()):
            raise ReentrantCall(self._plugin, hook, "called from inside a call that the plugin's own calls wait for")
        return None

    def _waited(self, waiter: _Waiter[T], control: CallControl) -> Lease[T] | None:
        is_interrupted = True
        try:
            control.has_waited = True
            control.call_at_end(waiter.ready.set)
            waiter.ready.wait(min(control.remaining, threading.TIMEOUT_MAX))
            is_interrupted = False
        finally:
            control.call_at_end(None)
            with _lock:
                _waiting_for.pop(waiter.thread, None)
                if not waiter.has_slot:
                    with suppress(ValueError):  # one who gave a slot back was interrupted as it took the waiter out
                        self._waiters.remove(waiter)
            if is_interrupted and waiter.has_slot:  # a signal came just as it got one
                self.give_back(waiter.lease)
        return waiter.lease if waiter.has_slot else None

    def _take_last(self, control: CallControl) -> Lease[T] | None:
        """A slot for the closing thread, None where none becomes free in time."""
        thread = threading.get_ident()
        with _lock:
            if self._free:
                lease = Lease[T]()
                lease.slot = self._free.pop()
                return lease
            waiter = _Waiter[T](thread)
            self._waiters.append(waiter)
        return self._waited(waiter, control)

    def _next_waiter(self) -> _Waiter[T] | None:
        """The first that was not woken to go: such a one takes itself out."""
        waiter = next((waiter for waiter in self._waiters if not waiter.ready.is_set()), None)
        if waiter is not None:
            self._waiters.remove(waiter)
        return waiter

    def _leads_to(self, thread: int, seen: set[int]) -> bool:
        """Whether every slot's holder is `thread`, or waits for a pool of which the same is true."""
        if id(self) in seen or not self._holders:
            return False
        seen.add(id(self))
        holders = (holder.thread for holder in self._holders.values())
        return all(holder == thread or self._is_stuck(holder, thread, seen) for holder in holders)

    @staticmethod
    def _is_stuck(holder: int, thread: int, seen: set[int]) -> bool:
        pool = _waiting_for.get(holder)
        return pool is not None and pool._leads_to(thread, seen)  # noqa: SLF001  # its own class

    def _after_fork_in_child(self, thread: int) -> None:
        self._waiters.clear()
        gone = [slot for slot, holder in self._holders.items() if holder.thread != thread]
        for slot in gone:
            del self._holders[slot]
            _keep_for_ever(slot.instance)
            self._slots[self._slots.index(slot)] = new = Slot[T]()
            self._free.insert(0, new)


def _keep_for_ever(instance: object) -> None:
    """One that another thread was in when this process was forked: its store must never be touched, not even freed at the end."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(instance))


def _after_fork_in_child() -> None:
    global _lock  # noqa: PLW0603  # whoever held it is gone
    _lock = threading.Lock()
    _waiting_for.clear()
    thread = threading.get_ident()
    for pool in list(_pools):
        pool._after_fork_in_child(thread)  # noqa: SLF001  # its own module


os.register_at_fork(after_in_child=_after_fork_in_child)
