"""`bext-tracer tracers`: which tracers are installed, where they come from, and what options they take."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import sys
from typing import Any, Final

from bext_host.escape import escape
from bext_host.runtime.tracer_options import TracerOption
from bext_host.runtime.tracer_registry import TracerDescription, described_tracers

_SHOWN_CHARACTERS: Final = 60
_EXAMPLES: Final = """\
examples:
  bext-tracer tracers
  bext-tracer tracers --json | jq '.[].name'
  bext-tracer run plugin.wasm --tracer tracer-stdout -o format=json

Packages offer tracers through entry points of the group bext.tracers. One that cannot be used is listed with the reason.

exit codes: 0 listed, 2 wrong usage
"""


def add_parser(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "tracers",
        help="list the tracers that are installed",
        description="List the tracers that `run --tracer` and a configuration's [tracer] can name, and their options.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="print the list as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the list."""
    with contextlib.redirect_stdout(sys.stderr):  # what packages print when they are imported is no part of the list
        found = described_tracers()
    print(json.dumps([_as_json(tracer) for tracer in found], indent=2, allow_nan=False) if arguments.json else "\n".join(map(_text, found)))
    return 0


def _as_json(description: TracerDescription) -> dict[str, object]:
    """The keys are stable: one may be added, none is renamed or dropped. A default that JSON does not have is Python's text."""
    tracer, options = description.tracer, description.options
    return {
        "name": tracer.name,
        "package": tracer.package,
        "version": tracer.version,
        "summary": description.summary,
        "options": [
            {
                "name": option.name,
                "type": option.type_words,
                "required": option.is_required,
                "default": None if option.is_required else _plain(option.default),
            }
            for option in options.named.values()
        ],
        "takes_any_option": options.others is not None,
        "problem": description.problem,
    }


def _plain(value: object) -> object:
    if isinstance(value, (bool, int, str)) or value is None or (isinstance(value, float) and math.isfinite(value)):
        return value
    return _repr(value)


def _text(description: TracerDescription) -> str:
    tracer, options = description.tracer, description.options
    lines = [f"{tracer.name}  ({' '.join(filter(None, (tracer.package, tracer.version)))})"]
    if description.summary:
        lines.append(f"  {description.summary}")
    if description.problem:
        lines.append(f"  cannot be used: {description.problem}")
    rows = [(f"-o {option.name}={option.type_words}", _standing(option)) for option in options.named.values()]
    if options.others is not None:
        rows.append((f"-o KEY={options.others.type_words}", "any other"))
    width = max((len(escape(head)) for head, _ in rows), default=0)
    return "\n".join([*map(escape, lines), *(f"    {escape(head):<{width}}  {escape(tail)}" for head, tail in rows)])


def _standing(option: TracerOption) -> str:
    if option.is_required:
        return "required"
    default = option.default
    if default is None:
        return "optional"
    shown = default if isinstance(default, str) and default else _repr(default)
    return f"default {shown[:_SHOWN_CHARACTERS]}"


def _repr(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    try:
        return repr(value)
    except Exception:  # noqa: BLE001  # a package's own code, which breaks no listing
        return type(value).__name__
