"""What is told of each plugin when a run is over, a line each. Everything in them is safe to show."""

from __future__ import annotations

from bext_host.escape import escape
from bext_host.exporters.tree_surface import Surface
from bext_host.exporters.tree_wording import duration, plural
from bext_host.runtime import Plugin


def drops_of(plugin: Plugin) -> str | None:
    """What the plugin recorded in vain, by reason: its author wants to know. None where that is nothing."""
    drops = [f"{count} {reason}" for reason, count in plugin.stats.dropped.items() if count]
    return f"{escape(plugin.name)}: dropped {', '.join(drops)}" if drops else None


def summary_of(plugin: Plugin, surface: Surface) -> str:
    """What the plugin did and what that cost."""
    stats = plugin.all_stats
    failed = sum(stats.errors.values())
    facts = (
        plural(sum(stats.calls.values()), "call"),
        *([f"{failed:,} failed"] if failed else []),
        plural(stats.recorded.get("start_span", 0), "span"),
        f"fuel {stats.fuel:,}",
        duration(round(stats.seconds * 1e9), surface),
    )
    return f"{escape(plugin.name)}: {', '.join(facts)}"
