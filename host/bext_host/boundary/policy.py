"""ScopePolicy: what the embedder decided for one plugin instance."""

from __future__ import annotations

from dataclasses import dataclass

from bext_host.limits import Limits

from .parents import RemoteParents


@dataclass(frozen=True, slots=True)
class ScopePolicy:
    """The limits, what remote parents do, the instrumentation scope of the plugin's spans, and whether time in host calls is measured."""

    limits: Limits
    remote_parents: RemoteParents
    scope_name: str
    scope_version: str
    measure_host_time: bool = False
