"""The golden files against what the README says, written by hand: they are made from the C guests, and must not only agree with these."""

from __future__ import annotations

from typing import Any

import pytest

from guest_sdk import golden_calls, scenarios
from guest_sdk.conformance import CONFORMANCE, GOLDEN, LANGUAGES, NOT_YET, SCENARIOS, declared_gaps, golden

Row = tuple[str, str, str | None, str]

ROOT: Row = ("on_request_complete", "internal", None, "unset")
TRACES: dict[str, list[Row]] = {
    "hello_span": [("hello", "internal", "on_request_complete", "ok"), ROOT],
    "nested_spans": [
        *((f"sibling {n}", "internal", f"level {n - 1}", "unset") for n in (2, 3, 4, 5)),
        *((f"level {n}", "internal", f"level {n - 1}", "unset") for n in (5, 4, 3, 2)),
        ("level 1", "server", "on_request_complete", "unset"),
        ROOT,
    ],
    "all_attribute_types": [("all attribute types", "internal", None, "unset"), ROOT],
    "events_and_status": [
        ("failed", "client", None, "error: no answer"),
        ("recovered", "internal", None, "ok"),
        ("undecided", "internal", None, "unset"),
        ROOT,
    ],
    "explicit_times": [("explicit", "internal", None, "unset"), ("ends before it starts", "internal", None, "unset"), ROOT],
    "remote_parent": [
        ("call out", "client", "inbound", "unset"),
        ("inbound", "server", None, "unset"),
        ("no parent", "server", None, "unset"),
        ROOT,
    ],
    "links": [
        ("publish m-1", "producer", None, "unset"),
        ("publish m-2", "producer", None, "unset"),
        ("consume batch", "consumer", None, "unset"),
        ROOT,
    ],
    "unsampled": [("work", "internal", "sampled", "ok"), ("sampled", "server", None, "unset"), ROOT],
    "large_payload": [("large payload", "internal", None, "unset"), ROOT],
    "ill_formed_strings": [("a\ufffdb", "internal", None, "error: \ufffd"), ROOT],
}
"""Name, kind, the parent's name and the status, in the order of the ends."""

REMOTE = {"trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331"}


def row_of(span: dict[str, Any], spans: list[dict[str, Any]]) -> Row:
    parent = spans[span["parent"] - 1]["name"] if "parent" in span else None
    return span["name"], span["kind"], parent, ": ".join(span["status"].values())


def span_of(scenario: str, name: str) -> dict[str, Any]:
    (span,) = [span for span in golden(scenario)["trace"] if span["name"] == name]
    return span


def test_the_readme_the_files_and_the_table_name_the_same_scenarios():
    assert list(SCENARIOS) == list(scenarios.BY_NAME) == list(TRACES)
    assert sorted(path.stem for path in GOLDEN.glob("*.json")) == sorted(SCENARIOS)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_calls_are_those_of_the_readme(scenario: str):
    assert golden(scenario)["calls"] == [golden_calls.call_json(call) for call in scenarios.BY_NAME[scenario]()]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_trace_has_its_spans(scenario: str):
    spans = golden(scenario)["trace"]
    assert [row_of(span, spans) for span in spans] == TRACES[scenario]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_only_what_is_too_large_is_dropped(scenario: str):
    assert golden(scenario)["dropped"] == ({"too_large": 1} if scenario == "large_payload" else {})


def test_what_was_set_again_counts():
    attributes = span_of("all_attribute_types", "all attribute types")["attributes"]
    assert attributes[0] == ["str", {"str": "overwritten"}]
    assert [key for key, _ in attributes[1:]] == ["bool", "i64", "f64", "str_array", "bool_array", "i64_array", "f64_array", "empty_array"]


def test_a_remote_parent_becomes_a_link():
    inbound = span_of("remote_parent", "inbound")
    assert inbound["links"] == [{"remote": REMOTE, "trace_state": "vendor=value,other=1"}]
    assert span_of("remote_parent", "call out")["attributes"] == [["http.request.header.traceparent", {"traceparent_of": 1}]]


def test_links_name_their_spans():
    first, second = span_of("links", "consume batch")["links"]
    assert (first["span"], second) == (1, {"span": 2})
    assert first["attributes"] == [["messaging.message.id", {"str": "m-1"}], ["retries", {"i64": "2"}]]


def test_an_end_before_the_start_is_the_start():
    early = span_of("explicit_times", "ends before it starts")
    assert early["start_time_unix_nanos"] == early["end_time_unix_nanos"] == str(scenarios.T)
    assert span_of("explicit_times", "explicit")["end_time_unix_nanos"] == str(scenarios.T + 2_000_000_000)


def test_the_event_that_is_too_large_counts_on_its_span():
    large = span_of("large_payload", "large payload")
    assert ([event["name"] for event in large["events"]], large["dropped_events"]) == (["numbers"], 1)


# --- What is declared missing -----------------------------------------------------------------------------------------


def test_every_gap_names_a_cell_and_a_reason():
    for (language, scenario), reason in declared_gaps().items():
        assert (language in LANGUAGES, scenario in SCENARIOS, bool(reason)) == (True, True, True)
        assert not (CONFORMANCE / language / f"{scenario}.wasm").exists(), "no gap any more"


def test_a_language_that_has_guests_is_not_one_to_come():
    there = {path.parent.name for path in CONFORMANCE.glob("*/*.wasm")}
    assert there <= set(LANGUAGES)
    assert there & NOT_YET == set()
