"""What the command line of `bext-tracer run` says about the tracer: `--tracer`, `-o` and `--format`."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bext_host.escape import escape
from bext_host.runtime import ConfigError
from bext_host.runtime.config import STDOUT_TRACER, TracerConfig
from bext_host.runtime.expected import shown, unknown
from bext_host.runtime.tracer_options import TracerOptions, options_of
from bext_host.runtime.tracer_registry import find_tracer

from .failure import USAGE, CommandFailed

_FORMAT: Final = "format"


@dataclass(frozen=True, slots=True)
class TracerArguments:
    """`name` and `format` are None where nothing is said; `options` are keys and texts, of which the last for a key counts."""

    name: str | None = None
    options: Sequence[tuple[str, str]] = ()
    format: str | None = None

    @classmethod
    def of(cls, arguments: Namespace) -> TracerArguments:
        """Those of a command line."""
        return cls(arguments.tracer, arguments.option, arguments.format)

    def replaces(self, tracer: TracerConfig) -> bool:
        """Whether the tracer is another than the configured one."""
        return self.name not in (None, tracer.name)

    def applied_to(self, tracer: TracerConfig, who: str = "the tracer") -> TracerConfig:
        """A configuration's tracer with these in the place of what it was; of another tracer its options are not kept.

        `who` is the configured tracer in errors, escaped. Raises CommandFailed.
        """
        if self.name is not None and self.replaces(tracer):
            tracer, who = replace(tracer, name=self.name, options={}), "the tracer"
        return replace(tracer, options={**tracer.options, **self._given(tracer.name, who)})

    def _given(self, name: str, who: str) -> Mapping[str, object]:
        given = _parsed(name, dict(self.options))
        if self.format is None:
            return given
        if name != STDOUT_TRACER:
            raise CommandFailed(f"--format: {who} is {escape(name)}, only {STDOUT_TRACER} has a format", USAGE)
        if _FORMAT in given:
            raise CommandFailed("--format: -o format says it, too; give one of them", USAGE)
        return {**given, _FORMAT: self.format}


def _parsed(name: str, texts: Mapping[str, str]) -> Mapping[str, object]:
    """The options as values. Where the tracer cannot be had, nothing is: that is told when it is to be made."""
    if not texts:
        return {}
    try:
        known = options_of(find_tracer(name).factory())
    except ValueError:
        return {}
    return {key: _value(known, key, text) for key, text in texts.items()}


def _value(known: TracerOptions, key: str, text: str) -> object:
    option = known.option(key)
    if option is None:
        raise CommandFailed(f"-o {escape(key)}: {unknown('option', key, known.named)}", USAGE)
    try:
        return option.parsed(text)
    except ValueError as error:
        raise CommandFailed(f"-o {escape(key)}: {escape(str(error))}", USAGE) from None


def refused(name: str, error: ConfigError) -> CommandFailed:
    """The failure of a tracer that the command line chose, in the command line's words instead of the configuration file's."""
    key, _, what = error.what.partition(": ")
    if key == "tracer.name":
        return CommandFailed(f"--tracer: {escape(what)}", USAGE)
    if key == "tracer.options":
        return CommandFailed(f"--tracer: {shown(name)}: {escape(what)}", USAGE)
    if key.startswith("tracer.options."):
        return CommandFailed(f"-o {escape(key.removeprefix('tracer.options.'))}: {escape(what)}", USAGE)
    return CommandFailed(str(error), USAGE)
