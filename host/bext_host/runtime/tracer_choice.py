"""The site's tracer, made from the name and the options in the configuration file.

A name is one of ours, or one that an installed package offers as an entry point of the group `bext_tracer.tracers`: a callable that takes
the options as keyword arguments and gives a SpanExporter, which gets a SpanRecorder before it, or a TracerPlugin. Ours come first, so
that no package changes what they mean. Packages are looked at only for a name that is not ours.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, TypeAlias

from bext_abi import TracerPlugin
from bext_host.exporters import FileExporter, StdoutExporter
from bext_host.exporters.file import DEFAULT_BYTES, DEFAULT_FILES
from bext_host.exporters.stdout import StdoutFormat
from bext_host.recorder import Sampler, SpanExporter, SpanRecorder
from bext_host.recorder.sampler import sampler_named

from .config import HostConfig
from .errors import ConfigError
from .expected import key_path, shown, unknown

ENTRY_POINT_GROUP: Final = "bext_tracer.tracers"

TracerFactory: TypeAlias = Callable[..., Any]
"""Takes the options of `[tracer.options]`, gives a SpanExporter or a TracerPlugin."""


def _stdout(*, format: StdoutFormat = "tree") -> SpanExporter:
    return StdoutExporter(format)


def _file(*, path: str, max_bytes: int = DEFAULT_BYTES, max_files: int = DEFAULT_FILES) -> SpanExporter:
    if not isinstance(path, str) or not path:
        raise ValueError(f"path must be the name of a file, not {path!r}")
    return FileExporter(path, max_bytes=max_bytes, max_files=max_files)


_OURS: Final[dict[str, TracerFactory]] = {"tracer-file": _file, "tracer-stdout": _stdout}


def tracer_of(config: HostConfig) -> TracerPlugin:
    """The tracer that a configuration names: a SpanRecorder before an exporter, or a package's own TracerPlugin.

    Raises ConfigError for an unknown name, wrong options, a sampler that is none or has no effect, and a factory that fails; what
    SpanRecorder raises where the engine that the environment forces is missing.
    """
    sampler = _sampler_of(config)
    made = _made(config, _factory_of(config))
    if isinstance(made, TracerPlugin):
        if sampler is not None:
            raise _error(config, "tracer.sampler", f"{shown(config.tracer.name)} is a whole tracer, which samples by itself")
        return made
    if isinstance(made, SpanExporter):
        return SpanRecorder(made, sampler=sampler)
    raise _error(
        config, "tracer.name", f"{shown(config.tracer.name)} made {type(made).__name__}, neither a SpanExporter nor a TracerPlugin"
    )


def _error(config: HostConfig, key: str, what: str) -> ConfigError:
    return ConfigError(str(config.path), f"{key}: {what}")


def _sampler_of(config: HostConfig) -> Sampler | None:
    name, ratio = config.tracer.sampler, config.tracer.sampler_arg
    if name is None:
        if ratio is not None:
            raise _error(config, "tracer.sampler_arg", 'has no effect without sampler = "traceidratio"')
        return None
    try:
        return sampler_named(name, ratio)
    except ValueError as error:
        raise _error(config, "tracer.sampler", str(error)) from None


def _factory_of(config: HostConfig) -> TracerFactory:
    name = config.tracer.name
    if name in _OURS:
        return _OURS[name]
    offered = entry_points(group=ENTRY_POINT_GROUP)
    matching = [point for point in offered if point.name == name]
    if not matching:
        known = sorted({*_OURS, *(point.name for point in offered)})
        raise _error(config, "tracer.name", unknown(f"tracer {shown(name)}", name, known))
    if len(matching) > 1:
        packages = ", ".join(sorted(_package(point) for point in matching))
        raise _error(config, "tracer.name", f"{shown(name)} is offered by more than one package: {packages}")
    return _loaded(config, matching[0])


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value


def _loaded(config: HostConfig, point: EntryPoint) -> TracerFactory:
    where = f"{shown(point.name)} of package {_package(point)}"
    try:
        factory = point.load()
    except Exception as error:
        raise _error(config, "tracer.name", f"{where} cannot be imported: {_message(error)}") from error
    if not callable(factory):
        raise _error(config, "tracer.name", f"{where} is no factory but {type(factory).__name__}")
    return factory  # type: ignore[no-any-return]  # as much as can be known


def _made(config: HostConfig, factory: TracerFactory) -> object:
    _check_options(config, factory)
    try:
        return factory(**config.tracer.options)
    except Exception as error:
        raise _error(config, "tracer.options", _message(error)) from error


def _check_options(config: HostConfig, factory: TracerFactory) -> None:
    """Find options that the factory does not take, or needs and does not get, where it tells."""
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):  # some that are written in C do not tell
        return
    by_name = {
        parameter.name: parameter for parameter in parameters if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    }
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    for option in config.tracer.options:
        if option not in by_name and not takes_any:
            raise _error(config, key_path("tracer.options", option), unknown("option", option, by_name))
    for name, parameter in by_name.items():
        if parameter.default is parameter.empty and name not in config.tracer.options:
            raise _error(config, key_path("tracer.options", name), f"missing, {shown(config.tracer.name)} needs it")


def _message(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
