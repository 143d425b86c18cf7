"""HostCalls: what an engine is to a scope. The reference engine and the native engine are both one, and behave alike."""

from __future__ import annotations

from typing import Protocol

from wasmtime import Linker

from bext_abi import SpanHandle

from .stats import ScopeStats, Traffic


class HostCalls(Protocol):
    """The six host functions of one plugin instance, and the tables behind them."""

    def define_in(self, linker: Linker) -> None:
        """Define the six imports, which `linker` must not have yet."""
        ...

    def stats(self) -> ScopeStats:
        """The counters as they stand."""
        ...

    def traffic(self) -> Traffic:
        """How much crossed the boundary so far."""
        ...

    def count_tracer_error(self) -> None:
        """Count a call of the tracer that failed."""
        ...

    @property
    def closed(self) -> bool:
        """Whether host calls are dropped as `scope_closed`."""
        ...

    @property
    def open_spans(self) -> int:
        """How many spans of the guest's own are open."""
        ...

    def push_current(self, handle: SpanHandle) -> None:
        """From now on `current_span` answers `handle`."""
        ...

    def pop_current(self) -> None:
        """Undo the last `push_current`."""
        ...

    def grant(self, handle: SpanHandle) -> None:
        """Make a handle a known parent."""
        ...

    def mark_time(self, now_millis: int) -> None:
        """The time from now on at which spans start, by a clock of the caller's that never goes back. Before the first mark it is 0."""
        ...

    def take_started_before(self, millis: int) -> list[SpanHandle]:
        """Give up the open spans that started before that time, the last started first."""
        ...

    def drain(self) -> list[SpanHandle]:
        """Close, and give up what was open, the last started first."""
        ...
