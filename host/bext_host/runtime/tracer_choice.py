"""The site's tracer, made from the name and the options in the configuration file. `tracer_registry` says which there are."""

from __future__ import annotations

from bext_abi import TracerPlugin
from bext_host.recorder import Sampler, SpanExporter, SpanRecorder
from bext_host.recorder.sampler import sampler_named

from .config import HostConfig
from .errors import ConfigError
from .expected import key_path, shown, unknown
from .our_tracers import TracerFactory
from .tracer_options import options_of
from .tracer_registry import find_tracer, message_of


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
    try:
        return find_tracer(config.tracer.name).factory()
    except ValueError as error:
        raise _error(config, "tracer.name", str(error)) from error.__cause__


def _made(config: HostConfig, factory: TracerFactory) -> object:
    _check_options(config, factory)
    try:
        return factory(**config.tracer.options)
    except ImportError as error:  # what it needs is not installed: no option helps
        raise _error(config, "tracer.name", f"{shown(config.tracer.name)}: {message_of(error)}") from error
    except Exception as error:
        raise _error(config, "tracer.options", message_of(error)) from error


def _check_options(config: HostConfig, factory: TracerFactory) -> None:
    """Find options that the factory does not take, or needs and does not get, where it tells."""
    known = options_of(factory)
    for given in config.tracer.options:
        if known.option(given) is None:
            raise _error(config, key_path("tracer.options", given), unknown("option", given, known.named))
    for name, option in known.named.items():
        if option.is_required and name not in config.tracer.options:
            raise _error(config, key_path("tracer.options", name), f"missing, {shown(config.tracer.name)} needs it")
