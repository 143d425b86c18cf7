"""A guest's trace on a real host, in the form of the golden files (wasm-fixtures/conformance/README.md, "Golden traces")."""

from __future__ import annotations

import re
from typing import Any

from bext_abi import AttrValue, SpanEvent, SpanHandle, SpanLink
from bext_host import FinishedSpan
from guest_sdk.conformance import HOOK, Guest
from support.plugin_host import Hosting
from support.vectors import attr_json, handle_json

T = 1_700_000_000_000_000_000
EXPLICIT = range(T - 1, T + 10_000_000_000)
"""Times that a guest gives. The clock's are later."""

TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-01")


def run(guest: Guest, engine: str) -> dict[str, Any]:
    """The trace that the guest makes, with the host's span that ends last, and what was dropped."""
    hosting = Hosting(engine=engine)
    plugin = hosting.load(guest.wasm, guest.scenario)
    hosting.exporter.clear()
    before = plugin.stats
    plugin.call(HOOK, guest.event)
    dropped = plugin.stats.dropped - before.dropped
    spans = hosting.spans()
    hosting.host.close()
    return {"trace": _Trace(spans).json(), "dropped": {str(reason): count for reason, count in dropped.items()}}


class _Trace:
    """Spans in the order in which they ended, numbered from 1; the numbers stand for their ids."""

    def __init__(self, spans: list[FinishedSpan]) -> None:
        self._spans = spans
        self._numbers = {span.handle: number for number, span in enumerate(spans, 1)}
        self._traces = {span.handle.trace_id: None for span in spans}

    def json(self) -> list[dict[str, Any]]:
        return [self._span(span) for span in self._spans]

    def _span(self, span: FinishedSpan) -> dict[str, Any]:
        fields = {
            "name": span.name,
            "kind": span.kind.name.lower(),
            "trace": list(self._traces).index(span.handle.trace_id) + 1,
            "parent": self._numbers[span.parent] if span.parent else None,
            "parent_is_remote": span.parent_is_remote,
            "trace_state": span.trace_state,
            "attributes": self._attributes(span.attributes),
            "events": [self._event(event) for event in span.events],
            "links": [self._link(link) for link in span.links],
            "status": {"code": span.status.code.name.lower(), **_given(message=span.status.message)},
            "start_time_unix_nanos": _time(span.start_time_unix_nanos),
            "end_time_unix_nanos": _time(span.end_time_unix_nanos),
            "dropped_attributes": span.dropped_attributes_count,
            "dropped_events": span.dropped_events_count,
            "dropped_links": span.dropped_links_count,
        }
        return {"name": span.name, **_given(**fields)}

    def _event(self, event: SpanEvent) -> dict[str, Any]:
        more = _given(
            attributes=self._attributes(event.attributes),
            time_unix_nanos=_time(event.time_unix_nanos or 0),
            dropped_attributes=event.dropped_attributes_count,
        )
        return {"name": event.name, **more}

    def _link(self, link: SpanLink) -> dict[str, Any]:
        number = self._numbers.get(link.handle)
        target: dict[str, Any] = {"span": number} if number else {"remote": handle_json(link.handle)}
        more = _given(
            trace_state=link.trace_state,
            attributes=self._attributes(link.attributes),
            dropped_attributes=link.dropped_attributes_count,
        )
        return {**target, **more}

    def _attributes(self, attributes: Any) -> list[Any]:
        """Those of the guest; what the host says of itself, under `bext.`, is left out."""
        return [[key, self._value(value)] for key, value in attributes.items() if not key.startswith("bext.")]

    def _value(self, value: AttrValue) -> dict[str, Any]:
        found = TRACEPARENT.fullmatch(value) if isinstance(value, str) else None
        if found:
            return {"traceparent_of": self._numbers[SpanHandle(*(int(part, 16) for part in found.groups()))]}
        if isinstance(value, str) and len(value) > 1024 and len(set(value)) == 1:
            return {"str": {"repeat_text": [value[0], len(value)]}}
        return attr_json(value)


def _time(nanos: int) -> str | None:
    return str(nanos) if nanos in EXPLICIT else None


def _given(**fields: Any) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value}
