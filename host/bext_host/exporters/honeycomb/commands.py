"""The attributes that Honeycomb takes as commands, or writes itself from what a span is: a guest's are sent under another name.

Honeycomb makes a flat event of a span, and of each of its events and links. What it does with which key was read in its own translator
(honeycombio/husky, otlp/traces_direct.go): it compares keys as they are, so case counts; an attribute comes before the field of the same
name that is written from the span, and the first one is kept. The resource is the site's, and may command.
"""

from __future__ import annotations

from typing import Final

from bext_host.exporters.guarded_keys import GuardedKeys

COMMAND_KEYS: Final = {
    "sampleRate": "counts the span, its events and its links so many times; taken out of the attributes",
    "SampleRate": "the same",
    "name": "written from the span's name",
    "type": "written from the span's kind",
    "span.kind": "written from the span's kind",
    "span.num_events": "written from the span's events",
    "span.num_links": "written from the span's links",
    "duration_ms": "written from the span's times",
    "status_code": "written from the span's status",
    "status_message": "written from the span's status",
    "error": "written from the span's status, which the runtime's verdict may have set",
    "parent_name": "written into events and links from the span's name",
    "library.name": "written from the scope: which plugin recorded the span",
    "library.version": "written from the scope",
    "telemetry.instrumentation_library": "written from the scope",
    "service.name": "written from the resource; moves the span to another service in every query by service",
    "traceId": "Refinery reads the trace from it",
    "parentId": "Refinery reads the parent from it",
}
"""These keys are commands, for the reason given."""

COMMAND_PREFIXES: Final = {
    "meta.": "Honeycomb's and Refinery's own: meta.annotation_type makes the span another's event, meta.refinery.* steers sampling",
    "trace.": "written from the span's ids: trace.trace_id, trace.span_id, trace.parent_id put it anywhere in any trace",
}
"""Every key that starts like this is a command, for the reason given."""

COMMANDS: Final = GuardedKeys(frozenset(COMMAND_KEYS), tuple(COMMAND_PREFIXES))
