"""Traces of the Node host and of ours in one form, without what two runs never share: ids and the clock's times."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from bext_abi import SpanEvent, SpanLink
from bext_host import FinishedSpan
from support.vectors import attr_json, handle_json

CLOCK = range(1_750_000_000 * 10**9, 4_000_000_000 * 10**9)
"""Times that only a clock gives; the guests' own are earlier or later."""

_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-01")

Json = dict[str, Any]


def trace_json(spans: Iterable[FinishedSpan]) -> list[Json]:
    """Finished spans as the Node host prints them (tests/node_host/lib/trace.mjs)."""
    listed = list(spans)
    numbers = {span.handle: number for number, span in enumerate(listed, 1)}
    traces = list(dict.fromkeys(span.handle.trace_id for span in listed))

    def link(one: SpanLink) -> Json:
        number = numbers.get(one.handle)
        target = {"span": number} if number else {"remote": handle_json(one.handle)}
        return target | _given(trace_state=one.trace_state) | _attributes(one)

    def parent(span: FinishedSpan) -> Json:
        if span.parent is None:
            return {}
        number = numbers.get(span.parent)
        return {"parent": number} if number else {"parent_handle": handle_json(span.parent)}

    def one(span: FinishedSpan) -> Json:
        return {
            "name": span.name,
            "kind": span.kind.name.lower(),
            "trace": traces.index(span.handle.trace_id) + 1,
            **parent(span),
            **_given(parent_is_remote=span.parent_is_remote, trace_state=span.trace_state),
            **_attributes(span),
            **_given(events=[_event(event) for event in span.events], links=[link(each) for each in span.links]),
            **_given(dropped_events=span.dropped_events_count, dropped_links=span.dropped_links_count),
            "status": {"code": span.status.code.name.lower(), **_given(message=span.status.message)},
            "start_time_unix_nanos": str(span.start_time_unix_nanos),
            "end_time_unix_nanos": str(span.end_time_unix_nanos),
            "handle": handle_json(span.handle),
        }

    return [one(span) for span in listed]


def _event(event: SpanEvent) -> Json:
    return {"name": event.name, **_attributes(event), "time_unix_nanos": str(event.time_unix_nanos)}


def _attributes(carrier: FinishedSpan | SpanLink | SpanEvent) -> Json:
    attributes = [[key, attr_json(value)] for key, value in carrier.attributes.items()]
    return _given(attributes=attributes, dropped_attributes=carrier.dropped_attributes_count)


def _given(**fields: object) -> Json:
    return {key: value for key, value in fields.items() if value}


# --- What two runs share ----------------------------------------------------------------------------------------------


def comparable(trace: list[Json]) -> list[Json]:
    """A trace without ids, clock times and what a host says in its own words: the texts about a span that it had to end."""
    numbers = {_traceparent(span): number for number, span in enumerate(trace, 1)}
    return [_comparable_span(span, numbers) for span in trace]


def _traceparent(span: Json) -> str:
    return "-".join(span["handle"].values())


def _comparable_span(span: Json, numbers: Mapping[str, int]) -> Json:
    attributes = span.get("attributes", [])
    shown = {key: value for key, value in span.items() if key != "handle"}
    shown["attributes"] = [[key, _without_ids(value, numbers)] for key, value in attributes if not key.startswith("bext.")]
    shown["events"] = [_without_clock(event) for event in span.get("events", [])]
    if any(key == "bext.abandoned" for key, _ in attributes) or _is_failed_call(span):
        *guests, exception = shown["events"]
        shown |= {"events": guests, "ended by the host": exception["name"], "status": span["status"]["code"]}
    return _without_clock(shown)


def _is_failed_call(span: Json) -> bool:
    """Whether this is the host's span of a call that failed: the status says what the last event says."""
    told = [attribute[1] for attribute in span.get("events", [{}])[-1].get("attributes", []) if attribute[0] == "exception.message"]
    return told == [{"str": span["status"].get("message")}]


def _without_ids(value: Json, numbers: Mapping[str, int]) -> Json:
    text = value.get("str")
    found = _TRACEPARENT.fullmatch(text) if isinstance(text, str) else None
    number = numbers.get("-".join(found.groups())) if found else None
    return {"traceparent_of": number} if number else value


def _without_clock(timed: Json) -> Json:
    return {key: "clock" if key.endswith("_unix_nanos") and int(value) in CLOCK else value for key, value in timed.items()}
