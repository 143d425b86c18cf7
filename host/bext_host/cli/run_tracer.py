"""What the command line of `bext-tracer run` says about tracers: `--tracer`, `-o` and `--format`."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bext_host.escape import escape
from bext_host.runtime import ConfigError
from bext_host.runtime.config import STDOUT_TRACER, NamedTracer, TracerConfig
from bext_host.runtime.expected import shown, unknown
from bext_host.runtime.tracer_options import TracerOptions, options_of
from bext_host.runtime.tracer_registry import find_tracer

from .failure import USAGE, CommandFailed
from .run_options import Assignment

_FORMAT: Final = "format"
_COMMAND_LINE: Final = "--tracer"
"""Where a tracer stands that no file has."""
NO_FILES: Final = TracerConfig(tracers=(NamedTracer(at=_COMMAND_LINE),))
"""The tracer of a run without a configuration, which only the command line can make wrong."""


@dataclass(frozen=True, slots=True)
class TracerWords:
    """`--tracer NAME` and the `-o KEY=VALUE` that are its; of a key the last text counts. `name` is None where only options are given."""

    name: str | None = None
    options: Sequence[Assignment] = ()


@dataclass(frozen=True, slots=True)
class TracerArguments:
    """What is said of each tracer, and `format`, None where it is not given."""

    tracers: Sequence[TracerWords] = ()
    format: str | None = None

    @classmethod
    def of(cls, arguments: Namespace) -> TracerArguments:
        """Those of a command line. Raises CommandFailed for an option that may be any tracer's."""
        return cls(_grouped(arguments.tracer_words), arguments.format)

    def applied_to(self, config: TracerConfig, file: str | None = None) -> TracerConfig:
        """A configuration's tracer with these in the place of what it was. Tracers of the file that are named keep their options.

        `file` is whose tracers they are, escaped. Raises CommandFailed.
        """
        tracers = _chosen(self.tracers, config.tracers, file)
        if self.format is not None:
            tracers = _formatted(tracers, self.format, file)
            self._check_that_format_is_said_once()
        return replace(config, tracers=tracers)

    def _check_that_format_is_said_once(self) -> None:
        keys = {key for words in self.tracers if words.name in (None, STDOUT_TRACER) for key, _ in words.options}
        if _FORMAT in keys:
            raise CommandFailed(f"--format: -o {_FORMAT} says it, too; give one of them", USAGE)


def _grouped(words: Sequence[str | Assignment]) -> Sequence[TracerWords]:
    """The names with the options behind each; those before the only name are its, too."""
    groups = [TracerWords()]
    for word in words:
        if isinstance(word, str):
            groups.append(TracerWords(word))
        else:
            groups[-1] = replace(groups[-1], options=(*groups[-1].options, word))
    first, *named = groups
    if len(named) == 1:
        return [replace(named[0], options=(*first.options, *named[0].options))]
    if named and first.options:
        key, _ = first.options[0]
        raise CommandFailed(f"-o {escape(key)}: with several tracers, each -o belongs to the --tracer before it", USAGE)
    return named or ([first] if first.options else [])


def _chosen(words: Sequence[TracerWords], configured: Sequence[NamedTracer], file: str | None) -> tuple[NamedTracer, ...]:
    """The tracers that are named, or the configured ones with the options that are given without a name."""
    if not words:
        return tuple(configured)
    left, chosen = list(configured), []
    for index, word in enumerate(words):
        tracer = _matching(word, left, file) or NamedTracer(name=word.name or "", at=f"{_COMMAND_LINE}[{index}]")
        given = _parsed(tracer.name, dict(word.options), _prefix(tracer.name, len(words)))
        chosen.append(replace(tracer, options={**tracer.options, **given}))
    return tuple(chosen)


def _matching(word: TracerWords, left: list[NamedTracer], file: str | None) -> NamedTracer | None:
    """Take out the configured tracer that is meant: the next of its name; without a name the only one there is."""
    if word.name is None and len(left) > 1:
        key, _ = word.options[0]
        raise CommandFailed(f"-o {escape(key)}: {file or 'the run'} has {len(left)} tracers, choose with --tracer", USAGE)
    found = next((tracer for tracer in left if word.name in (None, tracer.name)), None)
    if found is not None:
        left.remove(found)
    return found


def _prefix(name: str, tracers: int) -> str:
    """What tells an option of one tracer from that of another, as it was typed."""
    return "" if tracers == 1 else f"{_COMMAND_LINE} {escape(name)} "


def _formatted(tracers: tuple[NamedTracer, ...], format: str, file: str | None) -> tuple[NamedTracer, ...]:
    """The tracers, of which the one that prints has this format."""
    printing = [tracer for tracer in tracers if tracer.name == STDOUT_TRACER]
    if not printing:
        raise CommandFailed(f"--format: {_whose(tracers, file)}, only {STDOUT_TRACER} has a format", USAGE)
    if len(printing) > 1:
        raise CommandFailed(f"--format: {len(printing)} tracers are {STDOUT_TRACER}; give each its -o {_FORMAT}=...", USAGE)
    return tuple(replace(tracer, options={**tracer.options, _FORMAT: format}) if tracer in printing else tracer for tracer in tracers)


def _whose(tracers: Sequence[NamedTracer], file: str | None) -> str:
    are_the_files = file is not None and not any(_is_typed(tracer) for tracer in tracers)
    who = "the tracer" if len(tracers) == 1 else "the tracers"
    names = escape(", ".join(tracer.name for tracer in tracers))
    return f"{who}{f' of {file}' if are_the_files else ''} {'is' if len(tracers) == 1 else 'are'} {names}"


def _is_typed(tracer: NamedTracer) -> bool:
    """Whether it stands on the command line and in no file."""
    return tracer.at.startswith(_COMMAND_LINE)


def _parsed(name: str, texts: Mapping[str, str], prefix: str) -> Mapping[str, object]:
    """The options as values. Where the tracer cannot be had, nothing is: that is told when it is to be made."""
    if not texts:
        return {}
    try:
        known = options_of(find_tracer(name).factory())
    except ValueError:
        return {}
    return {key: _value(known, key, text, prefix) for key, text in texts.items()}


def _value(known: TracerOptions, key: str, text: str, prefix: str) -> object:
    where = f"{prefix}-o {escape(key)}"
    option = known.option(key)
    if option is None:
        raise CommandFailed(f"{where}: {unknown('option', key, known.named)}", USAGE)
    try:
        return option.parsed(text)
    except ValueError as error:
        raise CommandFailed(f"{where}: {escape(str(error))}", USAGE) from None


def refused(config: TracerConfig, error: ConfigError) -> CommandFailed:
    """The failure of a run whose tracer cannot be made; of one that stands on the command line in its words, not in a file's."""
    key, _, what = error.what.partition(": ")
    tracer = next((tracer for tracer in config.tracers if _is_typed(tracer) and f"{key}.".startswith(f"{tracer.at}.")), None)
    if tracer is None:
        return CommandFailed(str(error), USAGE)
    option = key.removeprefix(f"{tracer.at}.options").removeprefix(".")
    if key in (tracer.at, f"{tracer.at}.name"):
        return CommandFailed(f"--tracer: {escape(what)}", USAGE)
    if not option:
        return CommandFailed(f"--tracer: {shown(tracer.name)}: {escape(what)}", USAGE)
    return CommandFailed(f"{_prefix(tracer.name, len(config.tracers))}-o {escape(option)}: {escape(what)}", USAGE)
