"""What a hook is called with from the command line: the event that was given, or a sensible one."""

from __future__ import annotations

import json
from pathlib import Path

from bext_host.boundary.signatures import Signature
from bext_host.escape import escape
from bext_host.runtime.hooks import HOOKS, STRING, U32, HookArgument, params_of
from bext_host.runtime.sample_events import SAMPLE_ARGUMENTS

from .failure import USAGE, CommandFailed


def hook_arguments(hook: str, signature: Signature, event: str | None) -> list[HookArgument]:
    """The arguments for a hook. Raises CommandFailed where the event does not fit it."""
    kinds = HOOKS.get(hook) or _kinds_of(hook, signature)
    if event is None:
        return list(SAMPLE_ARGUMENTS.get(hook, ({},) if kinds else ()))
    if not kinds:
        raise CommandFailed(f"--event: hook {escape(hook)} takes no arguments", USAGE)
    text = _event_text(event)
    value = _parsed(text)
    if len(kinds) == 1:
        return [text]
    if not isinstance(value, list) or len(value) != len(kinds):
        raise CommandFailed(f"--event: hook {escape(hook)} takes a JSON array of {len(kinds)}: {', '.join(kinds)}", USAGE)
    return [_argument(item, kind) for item, kind in zip(value, kinds, strict=True)]


def _kinds_of(hook: str, signature: Signature) -> tuple[str, ...]:
    """What a hook that is not bext's takes, by its type: nothing, or one string."""
    for kinds in ((), (STRING,)):
        if signature.params == params_of(kinds):
            return kinds
    raise CommandFailed(f"hook {escape(hook)} is function {signature}: only () and (i32, i32) can be called from here", USAGE)


def _event_text(event: str) -> str:
    if not event.startswith("@"):
        return event
    try:
        return Path(event[1:]).read_text(encoding="utf-8")
    except OSError as error:
        raise CommandFailed(f"--event: cannot read {escape(event[1:])}: {error.strerror}", USAGE) from None
    except UnicodeDecodeError:
        raise CommandFailed(f"--event: {escape(event[1:])} is not UTF-8 text", USAGE) from None


def _parsed(text: str) -> object:
    try:
        return json.loads(text, parse_constant=_no_json)
    except (ValueError, RecursionError) as error:
        raise CommandFailed(f"--event: not JSON: {escape(str(error))} (a file is given as @FILE)", USAGE) from None


def _no_json(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON value")


def _argument(item: object, kind: str) -> HookArgument:
    if kind == U32:
        if isinstance(item, bool) or not isinstance(item, int) or not 0 <= item < 2**32:
            raise CommandFailed(f"--event: {escape(json.dumps(item))} is no number between 0 and 2**32 - 1", USAGE)
        return item
    return item if isinstance(item, str) else json.dumps(item)
