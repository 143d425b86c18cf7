"""Makes finished spans for the tests of exporters, and shows what becomes of them."""

from __future__ import annotations

import io
import math
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from bext_abi import SpanEvent, SpanHandle, SpanKind, SpanLink, SpanStatus, StatusCode
from bext_host import FinishedSpan
from bext_host.exporters import StdoutExporter

TRACE = 0x4BF92F3577B34DA6A3CE929D0E0E4736
OTHER_TRACE = 0xAAAA2F3577B34DA6A3CE929D0E0E4736
START = 1_700_000_000_000_000_000
LATER = 10.0  # a deadline; no exporter here looks at it
ANSI_STYLE = re.compile(r"\x1b\[[0-9;]*m")

HOSTILE = (
    "\x1b[31mred\x1b[0m",
    "\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "\x9b2J\x07\x08\x7f",
    "two\nlines\r\n\u2028\u2029",
    "\u202egnp.exe\u2066\u200f",
    "[bold red]markup[/] [link=http://evil.example]x[/link] :skull:",
    "\ud800 lone \udfff",
    "\x00",
)


def span(span_id: int, parent_id: int | None = None, name: str = "work", start: int = 0, end: int = 1_000, **changes: Any) -> FinishedSpan:
    """A finished span; `start` and `end` are nanoseconds after `START`, everything else as in FinishedSpan."""
    fields: dict[str, Any] = {
        "name": name,
        "kind": SpanKind.INTERNAL,
        "handle": SpanHandle(changes.pop("trace_id", TRACE), span_id),
        "parent": None,
        "parent_is_remote": False,
        "trace_state": "",
        "start_time_unix_nanos": START + start,
        "end_time_unix_nanos": START + end,
        "attributes": {},
        "events": (),
        "links": (),
        "status": SpanStatus(),
    }
    if parent_id is not None:
        fields["parent"] = SpanHandle(fields["handle"].trace_id, parent_id)
    return FinishedSpan(**{**fields, **changes})


# --- Every field, every type of a value, at the edges ---

EVERY_VALUE: dict[str, Any] = {
    "text": "grüße ☃ 𝄞",
    "empty": "",
    "yes": True,
    "no": False,
    "zero": 0,
    "least": -(2**63),
    "most": 2**63 - 1,
    "beyond a double": 2**53 + 1,
    "half": 0.5,
    "whole": 1.0,
    "nought": 0.0,
    "minus nought": -0.0,
    "tiny": 5e-324,
    "huge": 1.7976931348623157e308,
    "nan": math.nan,
    "inf": math.inf,
    "-inf": -math.inf,
    "none": (),
    "texts": ("", "b"),
    "bools": (True, False),
    "ints": (0, -1, 2**63 - 1),
    "floats": (0.0, math.nan, math.inf, -math.inf, 1e16),
}
FULL = span(
    0xF067AA0BA902B7,
    1,
    "load",
    5,
    25,
    kind=SpanKind.CLIENT,
    parent_is_remote=True,
    trace_state="vendor=1",
    attributes=EVERY_VALUE,
    events=(SpanEvent("e", EVERY_VALUE, START + 6, 3), SpanEvent("", {}, START + 7)),
    links=(SpanLink(SpanHandle(OTHER_TRACE, 7), EVERY_VALUE, "a=b", 4), SpanLink(SpanHandle(1, 2**64 - 1))),
    status=SpanStatus(StatusCode.ERROR, "no"),
    dropped_attributes_count=1,
    dropped_events_count=2,
    dropped_links_count=2**32 - 1,
    scope_name="shop",
    scope_version="1.2",
)
"""A span in which nothing has its default."""


def span_that_says(text: str) -> list[FinishedSpan]:
    """A root and a child that carry `text` in every place that has one."""
    attributes = {text: text, "array": (text, text)}
    root = span(
        1,
        name=text,
        trace_state=text,
        parent_is_remote=False,
        attributes=attributes,
        events=(SpanEvent(text, attributes, START + 10),),
        links=(SpanLink(SpanHandle(OTHER_TRACE, 7), attributes, text),),
        status=SpanStatus(StatusCode.ERROR, text),
        scope_name=text,
        scope_version=text,
    )
    return [span(2, 1, name=text, scope_name=text + "2"), root]


def a_request() -> list[FinishedSpan]:
    """A realistic trace, in the order in which its spans end."""
    ms = 1_000_000
    shop = {"scope_name": "shop", "scope_version": "3.0.1"}
    payments = {"scope_name": "payments", "scope_version": "0.9"}
    select = {"db.system": "postgresql", "db.query.text": "SELECT * FROM carts WHERE id = $1", "db.response.returned_rows": 3}
    misses = (
        SpanEvent("cache.miss", {"key": "cart:c-77"}, START + 5_700_000),
        SpanEvent("cache.fill", {"key": "cart:c-77", "ttl_s": 300}, START + 17_300_000),
    )
    declined = SpanEvent("exception", {"exception.type": "CardDeclined", "exception.message": "insufficient funds"}, START + 46_300_000)
    return [
        span(2, 1, "verify token", 1_310_000, 4_420_000, status=SpanStatus(StatusCode.OK), attributes={"token.cached": True}, **shop),
        span(4, 3, "SELECT carts", 8 * ms, 17_250_000, kind=SpanKind.CLIENT, attributes=select, **shop),
        span(3, 1, "load cart", 5_100_000, 18 * ms, attributes={"cart.skus": ("A-1", "B 2")}, events=misses, **shop),
        span(6, 5, "POST /v1/charges", 19_600_000, 46_100_000, kind=SpanKind.CLIENT, attributes={"status": 402}, **payments),
        span(
            5,
            1,
            "charge card",
            18_900_000,
            46_700_000,
            attributes={"payment.amount": 59.9, "payment.order": "77"},
            events=(declined,),
            links=(SpanLink(SpanHandle(OTHER_TRACE, 7), {"reason": "retry"}),),
            status=SpanStatus(StatusCode.ERROR, "card declined: insufficient funds"),
            dropped_attributes_count=2,
            **payments,
        ),
        span(1, None, "on_request_complete", 0, 48_200_000, kind=SpanKind.SERVER, attributes={"url.path": "/checkout"}),
    ]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def printed(spans: Sequence[FinishedSpan], stream: io.StringIO | None = None) -> str:
    """All that a tree exporter writes of these spans, shutdown included."""
    stream = io.StringIO() if stream is None else stream
    exporter = StdoutExporter(stream=stream)
    exporter.export(spans, LATER)
    exporter.shutdown(LATER)
    return stream.getvalue()


def below_the_header(*spans: FinishedSpan) -> list[str]:
    """The same on a pipe, without the line about the trace and the empty one at the end."""
    return printed(spans).splitlines()[1:-1]


def unsafe_characters(output: str) -> list[str]:
    """What must not be in an output: controls but the line feed, separators, surrogates, and what reorders text."""
    return [character for character in output if character != "\n" and _is_unsafe(character)]


def _is_unsafe(character: str) -> bool:
    reorders = unicodedata.bidirectional(character) in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    return unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} or reorders or character in "\u061c\u200e\u200f"
