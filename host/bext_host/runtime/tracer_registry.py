"""The tracers that are installed, by name: ours, and those of packages.

A package offers a tracer as an entry point of the group `bext.tracers`: a callable that takes the options as keyword arguments and gives
a SpanExporter, which gets a SpanRecorder before it, or a TracerPlugin. Ours come first, so that no package changes what they mean.
Packages are looked at only for a name that is not ours, and imported only for their own name, or to be described.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from bext_host.version import version

from .expected import shown, unknown
from .our_tracers import OURS, TracerFactory
from .tracer_options import TracerOptions, options_of

ENTRY_POINT_GROUP: Final = "bext.tracers"
OUR_PACKAGE: Final = "bext-tracer"


@dataclass(frozen=True, slots=True)
class InstalledTracer:
    """A tracer and where it comes from. `point` is its entry point; None for ours."""

    name: str
    package: str
    version: str
    point: EntryPoint | None = None

    def factory(self) -> TracerFactory:
        """What makes it. Raises ValueError for a package that cannot be imported, with its error as the cause, or offers no factory."""
        if self.point is None:
            return OURS[self.name]
        where = f"{shown(self.name)} of package {self.package}"
        try:
            factory = self.point.load()
        except (Exception, SystemExit) as error:
            raise ValueError(f"{where} cannot be imported: {message_of(error)}") from error
        if not callable(factory):
            raise ValueError(f"{where} is no factory but {type(factory).__name__}")  # noqa: TRY004  # the package is wrong, no type here
        return factory  # type: ignore[no-any-return]  # as much as can be known


@dataclass(frozen=True, slots=True)
class TracerDescription:
    """What there is to say of a tracer: `summary` is the first line of its docstring, `problem` why it cannot be used; "" where it can."""

    tracer: InstalledTracer
    summary: str = ""
    options: TracerOptions = field(default_factory=TracerOptions)
    problem: str = ""


def find_tracer(name: str) -> InstalledTracer:
    """The tracer with this name. Raises ValueError where there is none, or more than one package offers it."""
    if name in OURS:
        return _ours(name)
    offered = _offered()
    matching = [tracer for tracer in offered if tracer.name == name]
    if not matching:
        known = sorted({*OURS, *(tracer.name for tracer in offered)})
        raise ValueError(unknown(f"tracer {shown(name)}", name, known))
    if len(matching) > 1:
        raise ValueError(_ambiguous(name, matching))
    return matching[0]


def described_tracers() -> list[TracerDescription]:
    """All that are installed, by name, those that cannot be used among them. Never raises for what a package does."""
    offered = _offered()
    described = [_described(_ours(name)) for name in OURS]
    for tracer in offered:
        rivals = [other for other in offered if other.name == tracer.name]
        if tracer.name in OURS:
            described.append(TracerDescription(tracer, problem=f"{OUR_PACKAGE} has a tracer of this name, which is used"))
        elif len(rivals) > 1:
            described.append(TracerDescription(tracer, problem=_ambiguous(tracer.name, rivals)))
        else:
            described.append(_described(tracer))
    return sorted(described, key=lambda description: description.tracer.name)


def message_of(error: BaseException) -> str:
    """What an error says, on one line; its name where it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__


def _described(tracer: InstalledTracer) -> TracerDescription:
    try:
        factory = tracer.factory()
    except ValueError as error:
        return TracerDescription(tracer, problem=message_of(error))
    summary = (inspect.getdoc(factory) or "").strip().partition("\n")[0]
    return TracerDescription(tracer, summary, options_of(factory))


def _ours(name: str) -> InstalledTracer:
    return InstalledTracer(name, OUR_PACKAGE, version())


def _offered() -> list[InstalledTracer]:
    return [InstalledTracer(point.name, *_package_of(point), point) for point in entry_points(group=ENTRY_POINT_GROUP)]


def _package_of(point: EntryPoint) -> tuple[str, str]:
    """Name and version; a folder may be no whole package."""
    if point.dist is None:
        return point.value, ""
    return point.dist.name or point.value, point.dist.version or ""


def _ambiguous(name: str, rivals: Iterable[InstalledTracer]) -> str:
    return f"{shown(name)} is offered by more than one package: {', '.join(sorted(rival.package for rival in rivals))}"
