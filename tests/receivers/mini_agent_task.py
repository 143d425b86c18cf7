"""What the test and the process in the namespaces tell each other about Datadog's agent core."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bext_host import FinishedSpan
from bext_host.exporters.datadog import DatadogSettings

SETTINGS = DatadogSettings(service="shop", env="test", version="1.2.3", tags={"team": "checkout"})
"""Of the spans that are sent; but for the agent's address, which is known within alone."""


@dataclass(frozen=True)
class Task:
    """What is to be sent to it."""

    program: Path
    batches: list[list[FinishedSpan]]
    bodies: list[bytes]


@dataclass(frozen=True)
class Outcome:
    """What became of it: the exporter's errors, the statuses that the bodies were answered with, and what was forwarded to the site."""

    errors: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    paths: set[str] = field(default_factory=set)
    forwarded: list[bytes] = field(default_factory=list)
