"""HandleMaps: which handles the children of a FanoutTracer gave to each span. Bounded. No child is ever called under its lock."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeAlias

from bext_abi import SpanHandle

ChildHandles: TypeAlias = tuple[SpanHandle, ...]
"""One handle for each child, in their order; INVALID for a child that has no such span."""


class HandleMaps:
    """Open spans, at most `max_open`, and the last `max_ended` that ended: these may still be a parent or the target of a link.

    A start is `reserve`, then `claim` or `cancel`. Safe to use from many threads.
    """

    def __init__(self, children: int, max_open: int, max_ended: int) -> None:
        self._max_open = max_open
        self._max_ended = max_ended
        self._reserved = 0
        self._open: dict[SpanHandle, ChildHandles] = {}
        self._ended: OrderedDict[SpanHandle, ChildHandles] = OrderedDict()
        self._held: list[set[SpanHandle]] = [set() for _ in range(children)]  # of each child, so that none gives one out twice
        self.forgotten = 0
        self.after_fork_in_child()

    def after_fork_in_child(self) -> None:
        """The lock may be another thread's, which is not there; what was reserved is nobody's."""
        self._lock = threading.Lock()
        self._reserved = 0

    def __len__(self) -> int:
        return len(self._open)

    def reserve(self) -> bool:
        """Keep room for one more open span; false where there is none."""
        with self._lock:
            fits = len(self._open) + self._reserved < self._max_open
            self._reserved += fits
            return fits

    def cancel(self) -> None:
        """Give the room back."""
        with self._lock:
            self._reserved -= 1

    def claim(self, answers: ChildHandles) -> tuple[SpanHandle, list[int]]:
        """Use the room for a span that the children named so; its public handle, and the children whose answer is taken already.

        Such an answer counts as INVALID: the span would be two. The public handle is INVALID where no child has the span.
        """
        with self._lock:
            self._reserved -= 1
            twice = [i for i, handle in enumerate(answers) if not handle.is_invalid and handle in self._held[i]]
            handles = tuple(SpanHandle.INVALID if i in twice else handle for i, handle in enumerate(answers))
            public = self._public(handles)
            if not public.is_invalid:
                self._open[public] = handles
                for held, handle in zip(self._held, handles, strict=True):
                    held.add(handle)
                    held.discard(SpanHandle.INVALID)
            return public, twice

    def _public(self, handles: ChildHandles) -> SpanHandle:
        """The first child's that has the span; another of its trace where that names a span which only a later child has."""
        public = next((handle for handle in handles if not handle.is_invalid), SpanHandle.INVALID)
        while public in self._open:
            public = SpanHandle(public.trace_id, secrets.randbits(64) or 1)
        return public

    def opened(self, public: SpanHandle) -> ChildHandles | None:
        """The children's handles of an open span; None for another."""
        return self._open.get(public)

    def end(self, public: SpanHandle) -> ChildHandles | None:
        """Take an open span out, once; from now on its handle is only translated."""
        with self._lock:
            handles = self._open.get(public)
            if handles is None:
                return None
            for held, handle in zip(self._held, handles, strict=True):
                held.discard(handle)
            self._ended[public] = handles
            self._ended.move_to_end(public)
            del self._open[public]  # last, so that it is never in neither for a start that looks it up meanwhile
            if len(self._ended) > self._max_ended:
                self._ended.popitem(last=False)
                self.forgotten += 1
            return handles

    def translation(self, child: int) -> Callable[[SpanHandle], SpanHandle]:
        """Says what the child calls a span: its own handle, INVALID where it has none, unchanged for a span of somebody else's."""

        def translated(public: SpanHandle) -> SpanHandle:
            handles = self._open.get(public) or self._ended.get(public)
            return public if handles is None else handles[child]

        return translated
