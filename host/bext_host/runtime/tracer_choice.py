"""The site's tracer, made from the names and the options in the configuration file. `tracer_registry` says which there are."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final, TypeAlias

from bext_abi import TracerPlugin
from bext_host.logs import log_safely
from bext_host.recorder import Sampler, SpanExporter, SpanRecorder
from bext_host.recorder.sampler import sampler_named
from bext_host.tracers import FanoutTracer

from .config import HostConfig, NamedTracer
from .errors import ConfigError
from .expected import key_path, shown, unknown
from .our_tracers import TracerFactory
from .tracer_options import options_of
from .tracer_registry import find_tracer, message_of

logger = logging.getLogger("bext_host.runtime")

_GIVE_BACK_SECONDS: Final = 5.0

_Made: TypeAlias = SpanExporter | TracerPlugin


def tracer_of(config: HostConfig) -> TracerPlugin:
    """The tracer that a configuration names: a SpanRecorder before an exporter, or a package's own TracerPlugin.

    Of several tracers all exporters share one SpanRecorder; it and the TracerPlugins are put together in a FanoutTracer, in the file's
    order, where the recorder has its first exporter's place. The sampler is the recorder's: a TracerPlugin samples by itself.

    Raises ConfigError for an unknown name, wrong options, the same tracer twice, a sampler that is none or has no effect, and a factory
    that fails; what SpanRecorder raises where the engine that the environment forces is missing. Whatever it raises, what was
    made by then is shut down.
    """
    sampler = _sampler_of(config)
    tracers = config.tracer.tracers
    _check_repetition(config)
    factories = [_factory_of(config, tracer) for tracer in tracers]
    with ExitStack() as undo:
        made = [_made(config, tracer, factory, undo) for tracer, factory in zip(tracers, factories, strict=True)]
        if sampler is not None and all(isinstance(one, TracerPlugin) for one in made):
            raise _error(config, f"{config.tracer.at}.sampler", _sample_by_themselves(tracers))
        whole = _combined(made, sampler)
        undo.pop_all()
    return whole


def close_tracer(tracer: TracerPlugin) -> None:
    """Close a tracer that the host made, where it can be closed."""
    close = getattr(tracer, "close", None)
    if callable(close):
        close()


def _combined(made: Sequence[_Made], sampler: Sampler | None) -> TracerPlugin:
    whole = [one for one in made if isinstance(one, TracerPlugin)]
    exporters = [one for one in made if not isinstance(one, TracerPlugin)]
    if exporters:
        whole.insert(made.index(exporters[0]), SpanRecorder(*exporters, sampler=sampler))
    return whole[0] if len(whole) == 1 else FanoutTracer(whole)


def _error(config: HostConfig, key: str, what: str) -> ConfigError:
    return ConfigError(str(config.path), f"{key}: {what}")


def _sampler_of(config: HostConfig) -> Sampler | None:
    name, ratio, at = config.tracer.sampler, config.tracer.sampler_arg, config.tracer.at
    if name is None:
        if ratio is not None:
            raise _error(config, f"{at}.sampler_arg", 'has no effect without sampler = "traceidratio"')
        return None
    try:
        return sampler_named(name, ratio)
    except ValueError as error:
        raise _error(config, f"{at}.sampler", str(error)) from None


def _sample_by_themselves(tracers: Sequence[NamedTracer]) -> str:
    names = ", ".join(shown(tracer.name) for tracer in tracers)
    return (
        f"{names} is a whole tracer, which samples by itself"
        if len(tracers) == 1
        else f"{names}: whole tracers, which sample by themselves"
    )


def _check_repetition(config: HostConfig) -> None:
    """Of one name there may be several tracers, with other options each: a span need not go to the same place twice."""
    tracers = config.tracer.tracers
    for index, tracer in enumerate(tracers):
        if tracer in tracers[:index]:
            raise _error(config, tracer.at, f"{shown(tracer.name)} is there twice with the same options")


def _factory_of(config: HostConfig, tracer: NamedTracer) -> TracerFactory:
    """What makes the tracer, where it takes these options."""
    try:
        factory = find_tracer(tracer.name).factory()
    except ValueError as error:
        raise _error(config, f"{tracer.at}.name", str(error)) from error.__cause__
    _check_options(config, tracer, factory)
    return factory


def _check_options(config: HostConfig, tracer: NamedTracer, factory: TracerFactory) -> None:
    """Find options that the factory does not take, or needs and does not get, where it tells."""
    known, at = options_of(factory), f"{tracer.at}.options"
    for given in tracer.options:
        if known.option(given) is None:
            raise _error(config, key_path(at, given), unknown("option", given, known.named))
    for name, option in known.named.items():
        if option.is_required and name not in tracer.options:
            raise _error(config, key_path(at, name), f"missing, {shown(tracer.name)} needs it")


def _made(config: HostConfig, tracer: NamedTracer, factory: TracerFactory, undo: ExitStack) -> _Made:
    """The exporter or TracerPlugin; `undo` learns how to let go of it."""
    try:
        made = factory(**tracer.options)
    except ImportError as error:  # what it needs is not installed: no option helps
        raise _error(config, f"{tracer.at}.name", f"{shown(tracer.name)}: {message_of(error)}") from error
    except Exception as error:
        raise _error(config, f"{tracer.at}.options", message_of(error)) from error
    if not isinstance(made, _Made):
        what = f"{shown(tracer.name)} made {type(made).__name__}, neither a SpanExporter nor a TracerPlugin"
        raise _error(config, f"{tracer.at}.name", what)
    undo.callback(discard, made)
    return made


def discard(made: _Made) -> None:
    """Let go of what will not be used. What that raises matters less than why."""
    try:
        if isinstance(made, TracerPlugin):
            close_tracer(made)
        else:
            made.shutdown(time.monotonic() + _GIVE_BACK_SECONDS)
    except Exception as error:  # noqa: BLE001  # a package's own code
        log_safely(logger, logging.DEBUG, "a tracer that is not used could not be shut down: %r", error)
