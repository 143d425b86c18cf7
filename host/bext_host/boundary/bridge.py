"""TracerBridge: connects a TracerPlugin with the linker of a wasmtime embedder."""

from __future__ import annotations

from collections.abc import Callable

from wasmtime import Linker

from bext_abi import DropReason, TracerPlugin
from bext_host.limits import Limits

from .contained import ContainedTracer, LoggedErrors, require_tracer
from .engine_choice import choose_engine
from .open_handles import OpenHandles
from .parents import RemoteParents
from .reference import ReferenceCalls
from .rules import CallRules
from .scope import TracerScope
from .span_table import SpanTable
from .stats import ScopeStats


class TracerBridge:
    """Hands the host calls of guests to `tracer`.

    `limits` bounds what a guest can make the host keep. `engine` is "native", "reference" or "auto" (default: the variable
    BEXT_TRACER_ENGINE, else auto); raises ValueError for another, EngineUnavailable for a forced one that is missing, TypeError
    for a tracer that lacks a method.
    """

    def __init__(self, tracer: TracerPlugin, *, limits: Limits | None = None, engine: str | None = None) -> None:
        require_tracer(tracer)
        self.tracer = tracer
        self.limits = limits if limits is not None else Limits()
        self.engine = choose_engine(engine)
        self._open_handles = OpenHandles.of(tracer)
        self._logged: LoggedErrors = set()

    def add_to_linker(
        self,
        linker: Linker,
        *,
        plugin_name: str = "",
        plugin_version: str = "",
        remote_parents: RemoteParents | str = RemoteParents.LINK,
    ) -> TracerScope:
        """Define the six imports of module `bext` in `linker`, for one plugin instance, and give its scope.

        `plugin_name` and `plugin_version` become the instrumentation scope of its spans. `remote_parents` ("link", "continue" or
        "ignore") says what a remote parent that the guest names does. Raises ValueError for another policy, and for a linker that
        has the imports already.
        """
        policy = RemoteParents(remote_parents)
        stats = ScopeStats()
        table = SpanTable(self.limits, self._open_handles)
        tracer = self.contained(lambda: stats.drop(DropReason.TRACER_ERROR))
        scope = TracerScope(plugin_name, tracer, table, stats)
        rules = CallRules(tracer, table, stats, self.limits, policy, plugin_name, plugin_version)
        ReferenceCalls(rules, table, stats, self.limits, scope.hold_pending).define_in(linker)
        return scope

    def contained(self, on_error: Callable[[], None]) -> ContainedTracer:
        """The tracer for the host's own spans, so that it fails as harmlessly as in a guest's call."""
        return ContainedTracer(self.tracer, on_error, self._logged)
