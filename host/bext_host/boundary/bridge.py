"""TracerBridge: connects a TracerPlugin with the linker of a wasmtime embedder."""

from __future__ import annotations

from collections.abc import Callable

from wasmtime import Linker, Store

from bext_abi import TRACER_IMPORT_MODULE, TracerPlugin
from bext_host.extension import NATIVE
from bext_host.limits import Limits

from .contained import ContainedTracer, LoggedErrors, require_tracer
from .engine_choice import choose_engine
from .host_calls import HostCalls
from .open_handles import OpenHandles
from .parents import RemoteParents
from .policy import ScopePolicy
from .reference import ReferenceCalls
from .scope import TracerScope
from .signatures import IMPORTS, defines


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
        if self.engine == NATIVE:  # here, and not at the first scope: a thread that imports when another forks hangs the child
            from . import native, native_tracer  # noqa: F401, PLC0415  # there is no such module without the extension
        self._open_handles = OpenHandles.of(tracer)
        self._logged: LoggedErrors = set()

    def add_to_linker(
        self,
        linker: Linker,
        *,
        plugin_name: str = "",
        plugin_version: str = "",
        remote_parents: RemoteParents | str = RemoteParents.LINK,
        measure_host_time: bool = False,
    ) -> TracerScope:
        """Define the six imports of module `bext` in `linker`, for one plugin instance, and give its scope.

        `plugin_name` and `plugin_version` become the instrumentation scope of its spans. `remote_parents` ("link", "continue" or
        "ignore") says what a remote parent that the guest names does. `measure_host_time` adds up the time in host calls, which costs
        two looks at a clock for each (see TracerScope.traffic). Raises ValueError for another policy, and for a linker that has the
        imports already.
        """
        policy = ScopePolicy(self.limits, RemoteParents(remote_parents), plugin_name, plugin_version, measure_host_time)
        _require_free(linker)
        scope = TracerScope(plugin_name)
        calls = self._host_calls(policy, scope)
        scope.attach(calls, self.contained(calls.count_tracer_error))
        calls.define_in(linker)
        return scope

    def _host_calls(self, policy: ScopePolicy, scope: TracerScope) -> HostCalls:
        if self.engine != NATIVE:
            return ReferenceCalls(policy, self._open_handles, self.contained, scope.hold_pending)
        from . import native, native_tracer  # noqa: PLC0415  # as above

        recorder = native.recorder_in_c(self.tracer)
        if recorder is not None:
            return native.RecorderCalls(policy, recorder, scope.hold_pending)
        return native_tracer.TracerCalls(policy, self._open_handles, self.contained, scope.hold_pending)

    def contained(self, on_error: Callable[[], None]) -> ContainedTracer:
        """The tracer for the host's own spans, so that it fails as harmlessly as in a guest's call."""
        return ContainedTracer(self.tracer, on_error, self._logged)


def _require_free(linker: Linker) -> None:
    """Raise ValueError where `linker` has one of the imports already; nothing is defined then."""
    store = Store(linker.engine)
    for name in IMPORTS:
        if defines(linker, store, TRACER_IMPORT_MODULE, name):
            raise ValueError(f"this linker already has {TRACER_IMPORT_MODULE}.{name}: give each plugin instance a linker of its own")
