"""The tags that Datadog takes as commands or that this exporter writes itself, and what becomes of a guest's attribute of that name.

Nothing is thrown away: the attribute keeps its value under a name that commands nothing, `guest.` before its own. A guest that sets
`service.name` because OpenTelemetry taught it to can still be searched by `guest.service.name`, but does not move its spans, their
statistics and their bill to another service. Names are compared without case and surrounding space, since a back-end may fold both.

The site's own tags (DD_TAGS, `tags=`) are not a guest's, and are not renamed.
"""

from __future__ import annotations

from typing import Final

from bext_host.exporters.guarded_keys import RENAMED_PREFIX

COMMAND_PREFIXES: Final = {
    "_": "the agent's and the tracers' own: _dd.p.tid (the id's upper half), _dd.p.dm, _dd.measured, _dd.origin, _dd.hostname, "
    "_dd.span_links, _dd.span_sampling.*, _dd1.sr.eausr, _sampling_priority_v1, _sample_rate, _top_level; each release adds some",
    "datadog.": "the agent's: datadog.trace_metrics forces statistics",
    "otel.": "written by this exporter from the span itself: the trace id, the scope, the status, the dropped counts",
}
"""Every key that starts like this is a command, for the reason given."""

COMMAND_KEYS: Final = {
    "service": "overrides the span's service where tags are remapped",
    "service.name": "overrides the span's service",
    "resource.name": "overrides the span's resource",
    "operation.name": "overrides the span's operation name",
    "span.type": "overrides the span's type, and with it how the agent obfuscates the resource",
    "span.kind": "written from the span's kind; the agent computes statistics by it",
    "env": "moves the span to another environment: unified service tagging",
    "version": "moves the span to another version of the service: unified service tagging",
    "sampling.priority": "decides over keeping the whole trace",
    "manual.keep": "keeps the whole trace, against every sampling rule",
    "manual.drop": "drops the whole trace",
    "analytics.event": "indexes the span (App Analytics)",
    "events": "written from the span's events; must be a JSON array",
    "w3c.tracestate": "written from the span's trace state; the agent reads a sampling rate out of it",
    "samplerate": "a sampling rate, by which back-ends multiply their counts",
}
"""These keys, in lower case, are commands, for the reason given."""

_PREFIXES: Final = tuple(COMMAND_PREFIXES)


def harmless(key: str) -> str:
    """The name under which a guest's attribute is sent: its own, or one with `guest.` before it."""
    folded = key.strip().lower()
    return RENAMED_PREFIX + key if folded in COMMAND_KEYS or folded.startswith(_PREFIXES) else key
