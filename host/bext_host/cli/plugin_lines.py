"""What is told of each plugin when a run is over, a line each. Everything in them is safe to show."""

from __future__ import annotations

from bext_host.escape import escape
from bext_host.runtime import Plugin


def drops_of(plugin: Plugin) -> str | None:
    """What the plugin recorded in vain, by reason: its author wants to know. None where that is nothing."""
    drops = [f"{count} {reason}" for reason, count in plugin.stats.dropped.items() if count]
    return f"{escape(plugin.name)}: dropped {', '.join(drops)}" if drops else None


def summary_of(plugin: Plugin) -> str:
    """What the plugin did and what that cost."""
    stats = plugin.all_stats
    failed = sum(stats.errors.values())
    facts = (
        _plural(sum(stats.calls.values()), "call"),
        *([f"{failed} failed"] if failed else []),
        _plural(stats.recorded.get("start_span", 0), "span"),
        f"fuel {stats.fuel:,}",
        _time(stats.seconds),
    )
    return f"{escape(plugin.name)}: {', '.join(facts)}"


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _time(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"
