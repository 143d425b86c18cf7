"""A report of `bext-tracer fuzz`, for people and for machines. Everything in it is safe to show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from bext_host.escape import escape
from bext_host.exporters.tree_wording import plural
from bext_host.fuzzing import FuzzReport
from bext_host.fuzzing.report import Finding
from bext_host.fuzzing.running import Ran
from bext_host.runtime.hooks import HookArgument

_SHOWN_CHARACTERS: Final = 200


def progress_line(report: FuzzReport, seconds: float) -> str:
    """How far a run is."""
    found = len(report.findings)
    calls = plural(sum(report.calls.values()), "call")
    return f"{plural(report.cases, 'case')}, {calls} in {seconds:.0f} s, {plural(found, 'finding') if found else 'nothing found'}"


def text_of(report: FuzzReport, *, with_case: bool) -> str:
    """The report as lines."""
    head = f"{report.module}: {plural(report.cases, 'case')}{_seeds(report)}, {plural(sum(report.calls.values()), 'call')}"
    lines = [head, *(_of_case(report.last) if with_case and report.last is not None else ())]
    lines += [f"  cut short    {_counted(report.cut_short)}, by limits that were tight on purpose"] if report.cut_short else []
    lines += [f"  refused      {_told(finding)}" for finding in report.refused]
    lines += [f"  dropped      {line}" for line in _drops(report)]
    lines += [f"found: {finding.kind}: {_told(finding)}" for finding in report.findings]
    if report.findings:
        return "\n".join([*lines, *_backtrace(report, with_case=with_case)])
    return "\n".join([*lines, "nothing found"])


def _seeds(report: FuzzReport) -> str:
    if report.seeds is None:
        return ""
    first, last = report.seeds
    return f" (seed {first})" if first == last else f" (seeds {first} to {last})"


def _told(finding: Finding) -> str:
    times = f", {finding.times:,} times" if finding.times > 1 else ""
    return f"{finding.hook}: {_short(finding.what)}{times} (--seed {finding.seed})"


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {word}" for word, count in sorted(counts.items()))


def _drops(report: FuzzReport) -> Iterator[str]:
    for reason, drops in sorted(report.dropped.items()):
        if drops.count:
            yield f"{drops.count:,} {reason} (--seed {drops.seed})"
    on_purpose = {reason: drops.on_purpose for reason, drops in report.dropped.items() if drops.on_purpose}
    if on_purpose:
        yield f"{_counted(on_purpose)}, in cases with little room for spans or a tracer that fails"


def _of_case(ran: Ran) -> Iterator[str]:
    """What the one case did, call by call."""
    case = ran.case
    yield f"  tracer       {case.tracer}"
    yield f"  limits       {case.tight}"
    yield f"  surrounded   by {case.surrounding}"
    for call in ran.calls:
        arguments = ", ".join(map(_shown, call.step.arguments))
        outcome = f"{call.outcome}: {_short(call.what)}" if call.what else call.outcome
        yield f"  called       {call.step.hook}({arguments})  {outcome}{' (on purpose)' if call.on_purpose else ''}"


def _backtrace(report: FuzzReport, *, with_case: bool) -> Iterator[str]:
    """Where the guest was: in a replay, or it would be as long as all the rest."""
    for finding in report.findings if with_case else ():
        for line in finding.backtrace.splitlines():
            yield f"  {escape(line)}"


def _shown(argument: HookArgument) -> str:
    return _short(argument) if isinstance(argument, str) else str(argument)


def _short(text: str) -> str:
    shown = escape(text[: _SHOWN_CHARACTERS + 1])
    return shown if len(text) <= _SHOWN_CHARACTERS else f"{escape(text[:_SHOWN_CHARACTERS])}… ({len(text):,} characters)"


def as_json(report: FuzzReport, *, with_case: bool) -> dict[str, Any]:
    """The report as values for JSON. Texts are whole, and not escaped but by JSON itself."""
    values: dict[str, Any] = {
        "module": report.module,
        "hooks": report.hooks,
        "first_seed": None if report.seeds is None else report.seeds[0],
        "cases": report.cases,
        "calls": dict(report.calls),
        "findings": [_finding(finding) for finding in report.findings],
        "refused": [_finding(finding) for finding in report.refused],
        "cut_short": dict(report.cut_short),
        "dropped": {
            reason: {"count": drops.count, "seed": drops.seed, "on_purpose": drops.on_purpose} for reason, drops in report.dropped.items()
        },
    }
    if with_case and report.last is not None:
        values["case"] = _case(report.last)
    return values


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "hook": finding.hook,
        "what": finding.what,
        "times": finding.times,
        "seed": finding.seed,
        "backtrace": finding.backtrace,
    }


def _case(ran: Ran) -> dict[str, Any]:
    calls = [
        {
            "hook": call.step.hook,
            "arguments": list(call.step.arguments),
            "outcome": call.outcome,
            "what": call.what,
            "on_purpose": call.on_purpose,
        }
        for call in ran.calls
    ]
    case = ran.case
    return {"seed": case.seed, "tracer": case.tracer, "limits": str(case.tight), "surrounded_by": case.surrounding, "calls": calls}
