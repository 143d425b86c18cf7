"""What becomes of each part of a span in the body for a Datadog agent."""

from __future__ import annotations

import json
import math
from typing import Any

import msgpack
import pytest

from bext_abi import SpanEvent, SpanHandle, SpanKind, SpanLink, SpanStatus, StatusCode
from bext_host import FinishedSpan
from bext_host.exporters.datadog import DatadogSettings, encode
from host.exporters.sample_spans import HOSTILE, OTHER_TRACE, START, TRACE, a_request, span, span_that_says

SETTINGS = DatadogSettings(service="shop", env="prod", version="3.1", tags={"team": "checkout"})
FAILED = SpanStatus(StatusCode.ERROR, "no stock")


def chunks(*spans: FinishedSpan, settings: DatadogSettings = SETTINGS) -> list[list[dict[str, Any]]]:
    payload = encode(spans, settings)
    found = msgpack.unpackb(payload.body)
    assert payload.chunks == len(found)
    return found


def encoded(settings: DatadogSettings = SETTINGS, **changes: Any) -> dict[str, Any]:
    [[only]] = chunks(span(2, 1, **changes), settings=settings)
    return only


def tags(**attributes: Any) -> dict[str, Any]:
    """What `meta` and `metrics` hold for these attributes, beyond what is there without any."""
    one, without = encoded(attributes=attributes), encoded()
    assert not set(one["meta"]) & set(one["metrics"])
    both, base = {**one["meta"], **one["metrics"]}, {**without["meta"], **without["metrics"]}
    return {key: value for key, value in both.items() if base.get(key) != value}


def exception(message: str, **attributes: str) -> SpanEvent:
    return SpanEvent("exception", {"exception.message": message, **attributes}, START)


def test_the_fields_of_a_span():
    one = encoded(name="load cart", start=5, end=30)
    assert {key: one[key] for key in ("service", "name", "resource", "type", "span_id", "parent_id", "start", "duration", "error")} == {
        "service": "shop",
        "name": "internal",
        "resource": "load cart",
        "type": "custom",
        "span_id": 2,
        "parent_id": 1,
        "start": START + 5,
        "duration": 25,
        "error": 0,
    }


def test_an_id_is_split_and_its_upper_half_is_on_the_first_span_only():
    [[first, second]] = chunks(span(2, 1), span(1))
    assert first["span_id"] == 1, "the local root comes first"
    assert first["trace_id"] == second["trace_id"] == TRACE & (2**64 - 1)
    assert first["meta"]["_dd.p.tid"] == "4bf92f3577b34da6"
    assert "_dd.p.tid" not in second["meta"]
    assert first["meta"]["otel.trace_id"] == second["meta"]["otel.trace_id"] == f"{TRACE:032x}"


def test_ids_of_64_bits_pass_whole():
    one = encoded(handle=SpanHandle(2**128 - 1, 2**64 - 1), parent=SpanHandle(2**128 - 1, 2**64 - 2))
    assert (one["trace_id"], one["span_id"], one["parent_id"]) == (2**64 - 1, 2**64 - 1, 2**64 - 2)
    assert one["meta"]["_dd.p.tid"] == "f" * 16


def test_a_short_trace_id_has_sixteen_zeros_above_it():
    assert encoded(trace_id=7)["meta"]["_dd.p.tid"] == "0" * 16


def test_a_trace_id_is_never_0_though_its_lower_half_is():
    one = encoded(trace_id=0xABC << 64)
    assert (one["trace_id"], one["meta"]["_dd.p.tid"], one["meta"]["otel.trace_id"]) == (0xABC, f"{0xABC:016x}", f"{0xABC:016x}" + "0" * 16)


def test_a_batch_is_grouped_by_whole_trace_ids():
    found = chunks(span(1), span(2, trace_id=OTHER_TRACE), span(3, 1))
    assert [[one["span_id"] for one in chunk] for chunk in found] == [[1, 3], [2]]
    assert found[0][0]["trace_id"] == found[1][0]["trace_id"], "the two share their lower half"


def test_sampling_priority_is_on_local_roots_and_on_the_first_of_each_chunk():
    remote = span(9, 1, parent_is_remote=True)
    [chunk] = chunks(span(2, 1), span(1), span(3, 2), remote)
    assert {one["span_id"]: one["metrics"].get("_sampling_priority_v1") for one in chunk} == {1: 1.0, 9: 1.0, 2: None, 3: None}
    assert encoded()["metrics"]["_sampling_priority_v1"] == 1.0


def test_a_root_has_no_parent_and_a_remote_parent_is_one():
    assert chunks(span(1))[0][0]["parent_id"] == 0
    assert encoded(parent_is_remote=True)["parent_id"] == 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text", {"k": "text"}),
        ("", {"k": ""}),
        (True, {"k": "true"}),
        (False, {"k": "false"}),
        (7, {"k": 7.0}),
        (-(2**53), {"k": -(2.0**53)}),
        (2**53, {"k": 2.0**53}),
        (2**53 + 1, {"k": "9007199254740993"}),
        (-(2**63), {"k": "-9223372036854775808"}),
        (1.5, {"k": 1.5}),
        (math.nan, {"k": "NaN"}),
        (math.inf, {"k": "Infinity"}),
        (-math.inf, {"k": "-Infinity"}),
        (("a", "b"), {"k.0": "a", "k.1": "b"}),
        ((1, 2**60), {"k.0": 1.0, "k.1": str(2**60)}),
        ((True,), {"k.0": "true"}),
        ((), {"k": "[]"}),
    ],
)
def test_values(value, expected):
    assert tags(k=value) == expected


def test_metrics_are_floats_and_meta_is_text():
    one = encoded(attributes={"i": 1, "f": 1.5, "s": "x", "b": True})
    assert {type(value) for value in one["metrics"].values()} == {float}
    assert {type(value) for value in one["meta"].values()} == {str}


def test_a_status_code_of_http_is_text_under_datadogs_name():
    assert tags(**{"http.response.status_code": 404}) == {"http.status_code": "404"}
    assert tags(**{"http.status_code": 404}) == {"http.status_code": "404"}


def test_a_text_and_a_number_of_one_name_are_one_tag():
    assert tags(**{"k": ("text",), "k.0": 1}) == {"k.0": 1.0}


@pytest.mark.parametrize("kind", SpanKind)
def test_the_kind_is_a_tag_and_the_spans_at_the_edges_are_measured(kind):
    one = encoded(kind=kind)
    assert one["meta"]["span.kind"] == kind.name.lower()
    assert ("_dd.measured" in one["metrics"]) == (kind is not SpanKind.INTERNAL)


def test_the_site_is_on_every_span_and_a_guest_does_not_overwrite_it():
    one = encoded(attributes={"team": "mine", "env": "dev"})
    assert {key: one["meta"][key] for key in ("env", "version", "team", "guest.env")} == {
        "env": "prod",
        "version": "3.1",
        "team": "checkout",
        "guest.env": "dev",
    }
    assert "team" not in encoded(attributes={"team": 5})["metrics"]


def test_what_the_site_does_not_say_is_left_out():
    assert not {"env", "version"} & set(encoded(settings=DatadogSettings())["meta"])


def test_the_scope():
    meta = encoded(scope_name="payments", scope_version="0.9")["meta"]
    assert meta["otel.library.name"] == meta["otel.scope.name"] == "payments"
    assert meta["otel.library.version"] == meta["otel.scope.version"] == "0.9"
    assert "otel.library.name" not in encoded()["meta"]


def test_trace_state_and_dropped_counts():
    one = encoded(trace_state="a=1", dropped_attributes_count=1, dropped_events_count=2, dropped_links_count=3)
    assert one["meta"]["w3c.tracestate"] == "a=1"
    assert {key: value for key, value in one["metrics"].items() if "dropped" in key} == {
        "otel.dropped_attributes_count": 1.0,
        "otel.dropped_events_count": 2.0,
        "otel.dropped_links_count": 3.0,
    }
    assert not [key for key in encoded()["metrics"] if "dropped" in key]


@pytest.mark.parametrize(
    ("code", "word", "error"), [(StatusCode.UNSET, "Unset", 0), (StatusCode.OK, "Ok", 0), (StatusCode.ERROR, "Error", 1)]
)
def test_status(code, word, error):
    one = encoded(status=SpanStatus(code))
    assert (one["error"], one["meta"]["otel.status_code"]) == (error, word)
    assert not [key for key in one["meta"] if key.startswith("error.")]


def test_an_error_takes_its_tags_from_the_last_exception_and_its_message_from_the_status():
    events = (
        exception("first"),
        exception("last", **{"exception.type": "OutOfStock", "exception.stacktrace": "at f"}),
        SpanEvent("x", {}, 1),
    )
    meta = encoded(status=FAILED, events=events)["meta"]
    assert (meta["error.message"], meta["error.type"], meta["error.stack"]) == ("no stock", "OutOfStock", "at f")
    assert meta["otel.status_description"] == "no stock"
    assert encoded(status=SpanStatus(StatusCode.ERROR), events=events)["meta"]["error.message"] == "last"


def test_an_exception_on_a_span_that_did_not_fail_is_no_error():
    one = encoded(events=(exception("caught"),))
    assert one["error"] == 0
    assert "error.message" not in one["meta"]
    assert one["meta"]["_dd.span_events.has_exception"] == "true"


def test_the_attribute_error_type_stands_where_nothing_better_is_known():
    assert encoded(status=FAILED, attributes={"error.type": "timeout"})["meta"]["error.type"] == "timeout"


def test_events():
    events = (
        SpanEvent("cache.miss", {"key": "c", "n": 2**60, "x": math.nan, "b": True, "l": (1, 2)}, START + 1, 4),
        SpanEvent("e", {}, START),
    )
    meta = encoded(events=events)["meta"]
    assert json.loads(meta["events"]) == [
        {
            "time_unix_nano": START + 1,
            "name": "cache.miss",
            "attributes": {"key": "c", "n": 2**60, "x": "NaN", "b": True, "l": [1, 2]},
            "dropped_attributes_count": 4,
        },
        {"time_unix_nano": START, "name": "e"},
    ]
    assert "_dd.span_events.has_exception" not in meta


def test_links():
    links = (SpanLink(SpanHandle(OTHER_TRACE, 7), {"a": 1, "b": True, "l": (1.5, 2.0)}, "v=1", 2), SpanLink(SpanHandle(1, 2)))
    assert json.loads(encoded(links=links)["meta"]["_dd.span_links"]) == [
        {
            "trace_id": f"{OTHER_TRACE:032x}",
            "span_id": "0000000000000007",
            "tracestate": "v=1",
            "attributes": {"a": "1", "b": "true", "l.0": "1.5", "l.1": "2"},
            "dropped_attributes_count": 2,
        },
        {"trace_id": f"{1:032x}", "span_id": f"{2:016x}"},
    ]


def test_an_empty_name_gives_its_place_to_the_operation():
    assert encoded(name="")["resource"] == "internal"


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_encodes_and_hurts_no_neighbour(text):
    [chunk] = chunks(*span_that_says(text), span(3, 1))
    assert len(chunk) == 3
    meta = chunk[0]["meta"]
    assert chunk[0]["resource"] == text.encode("utf-8", "replace").decode()
    assert len(json.loads(meta["events"])) == len(json.loads(meta["_dd.span_links"])) == 1


def test_nothing_is_an_empty_array():
    assert chunks() == []


def test_a_realistic_trace_is_one_chunk_with_its_root_first():
    [chunk] = chunks(*a_request())
    assert [one["resource"] for one in chunk][:2] == ["on_request_complete", "verify token"]
    assert [one["name"] for one in chunk if one["resource"] == "SELECT carts"] == ["postgresql.query"]
