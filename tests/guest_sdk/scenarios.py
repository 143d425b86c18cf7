"""The calls that wasm-fixtures/conformance/README.md asks for, written by hand from its text, with payloads packed by msgpack.

No guest SDK is involved, so that the golden files are held to something that they were not made from.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import msgpack

from guest_sdk.recording_host import HOST_SPAN, Handle, RawCall, handle_of

SERVER, CLIENT, PRODUCER, CONSUMER = 1, 2, 3, 4
UNSET, OK, ERROR = 0, 1, 2
T = 1_700_000_000_000_000_000
LOWEST, HIGHEST = -(2**63), 2**63 - 1
REMOTE = [0x0AF7651916CD43DD, 0x8448EB211C80319C, 0xB7AD6B7169203331]
CURRENT = [1, 1, HOST_SPAN]

Calls = Iterator[RawCall]


# --- Words ------------------------------------------------------------------------------------------------------------


def current() -> RawCall:
    return RawCall("current_span", handle_of(HOST_SPAN))


def start(span: int, name: str, **fields: Any) -> RawCall:
    """`fields` are in the ABI's order, without those at their default."""
    return RawCall("start_span", handle_of(span), msgpack.packb({"name": name, **fields}))


def set_(span: int, key: str, value: Any) -> RawCall:
    return RawCall("set_attribute", handle_of(span), msgpack.packb([key, value]))


def event(span: int, name: str, **fields: Any) -> RawCall:
    return RawCall("add_event", handle_of(span), msgpack.packb({"name": name, **fields}))


def status(span: int, code: int, **fields: Any) -> RawCall:
    return RawCall("set_status", handle_of(span), msgpack.packb({"code": code, **fields}))


def end(span: int, time: int = 0) -> RawCall:
    return RawCall("end_span", handle_of(span), time=time)


def under(span: int) -> Handle:
    return handle_of(span)


# --- Scenarios --------------------------------------------------------------------------------------------------------


def hello_span() -> Calls:
    yield current()
    yield start(1, "hello", parent=CURRENT)
    yield set_(1, "greeting", "hello from a plugin")
    yield set_(1, "answer", 42)
    yield event(1, "said hello")
    yield status(1, OK)
    yield end(1)


def nested_spans() -> Calls:
    yield current()
    yield start(1, "level 1", kind=SERVER, parent=CURRENT)
    for n in (2, 3, 4, 5):
        above, sibling, level = 2 * n - 3, 2 * n - 2, 2 * n - 1
        yield start(sibling, f"sibling {n}", parent=under(above))
        yield end(sibling)
        yield start(level, f"level {n}", parent=under(above))
    for level in (9, 7, 5, 3, 1):
        yield end(level)


def all_attribute_types() -> Calls:
    yield start(1, "all attribute types", attributes={"str": "text", "bool": True, "i64": LOWEST, "f64": -0.0})
    yield set_(1, "str", "overwritten")
    yield set_(1, "str_array", ["", "caf\u00e9", "\U0001f30d"])
    yield set_(1, "bool_array", [True, False])
    yield set_(1, "i64_array", [LOWEST, -33, -32, -1, 0, 127, 128, HIGHEST])
    yield set_(1, "f64_array", [0.5, -0.0, math.inf, math.nan])
    yield set_(1, "empty_array", [])
    yield event(1, "measured", attributes={"i64": -1, "bool_array": [True, False]})
    yield end(1)


def events_and_status() -> Calls:
    yield start(1, "failed", kind=CLIENT)
    yield event(1, "attempt")
    yield event(1, "attempt", attributes={"n": 2, "codes": [503, 504], "reason": "busy"})
    yield event(1, "gave up", time_unix_nanos=T)
    yield status(1, ERROR, message="no answer")
    yield end(1)
    yield start(2, "recovered")
    yield status(2, ERROR, message="first try")
    yield status(2, OK)
    yield status(2, ERROR, message="too late: ok is final")
    yield end(2)
    yield start(3, "undecided")
    yield status(3, UNSET)
    yield end(3)


def explicit_times() -> Calls:
    yield start(1, "explicit", start_time_unix_nanos=T)
    yield event(1, "between", time_unix_nanos=T + 1_500_000_000)
    yield end(1, T + 2_000_000_000)
    yield start(2, "ends before it starts", start_time_unix_nanos=T)
    yield end(2, T - 1)


def remote_parent() -> Calls:
    yield start(1, "inbound", kind=SERVER, parent=REMOTE, parent_is_remote=True, trace_state="vendor=value,other=1")
    yield start(2, "call out", kind=CLIENT, parent=under(1))
    yield set_(2, "http.request.header.traceparent", "00-00000000000000010000000000000001-0000000000000002-01")
    yield end(2)
    yield end(1)
    yield start(3, "no parent", kind=SERVER)
    yield end(3)


def links() -> Calls:
    yield start(1, "publish m-1", kind=PRODUCER)
    yield end(1)
    yield start(2, "publish m-2", kind=PRODUCER)
    yield end(2)
    to_first = {"handle": under(1), "attributes": {"messaging.message.id": "m-1", "retries": 2}}
    yield start(3, "consume batch", kind=CONSUMER, links=[to_first, {"handle": under(2)}])
    yield end(3)


def unsampled() -> Calls:
    remote = {"parent": REMOTE, "parent_is_remote": True}
    yield start(0, "not sampled", kind=SERVER, **remote, parent_flags=0, trace_state="vendor=value")
    yield start(1, "sampled", kind=SERVER, **remote, trace_state="vendor=value")
    yield start(2, "work", parent=under(1))
    yield set_(2, "items", 3)
    yield event(2, "half way")
    yield status(2, OK)
    yield end(2)
    yield end(1)


def large_payload() -> Calls:
    yield start(1, "large payload", attributes={"blob": "x" * 60_000})
    yield event(1, "numbers", attributes={"n": list(range(1000))})
    yield event(1, "too large", attributes={"blob": "y" * 70_000})
    yield set_(1, "after", True)
    yield end(1)


def ill_formed_strings() -> Calls:
    yield start(1, "a\ufffdb", attributes={"k\ufffd": "\ufffd\ufffd\ufffd!"})
    yield set_(1, "texts", ["ok", "\ufffd", "\U0001f30d"])
    yield event(1, "\ufffd\ufffde")
    yield status(1, ERROR, message="\ufffd")
    yield end(1)


BY_NAME: dict[str, Callable[[], Calls]] = {
    scenario.__name__: scenario
    for scenario in (
        hello_span,
        nested_spans,
        all_attribute_types,
        events_and_status,
        explicit_times,
        remote_parent,
        links,
        unsampled,
        large_payload,
        ill_formed_strings,
    )
}


def without_parent(calls: Calls) -> Calls:
    """The same calls where the host has no span of its own, so that the first one is a root."""
    for call in calls:
        fields = msgpack.unpackb(call.payload) if call.name == "start_span" else {}
        if call.name == "current_span":
            yield RawCall("current_span", None)
        elif fields.pop("parent", None) == CURRENT:
            yield RawCall("start_span", call.handle, msgpack.packb(fields))
        else:
            yield call
