"""No attribute of a guest reaches a Datadog agent under a name that commands something."""

from __future__ import annotations

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bext_host.exporters.datadog import DatadogSettings, encode
from bext_host.exporters.datadog.commands import COMMAND_KEYS, COMMAND_PREFIXES, RENAMED_PREFIX, harmless
from host.exporters.sample_spans import span

FROM_AGENT_AND_TRACERS = [
    "_dd.p.tid", "_dd.p.dm", "_dd.measured", "_dd.origin", "_dd.hostname", "_dd.span_links", "_dd.base_service", "_dd1.sr.eausr",
    "_top_level", "_sampling_priority_v1", "_sample_rate", "datadog.trace_metrics", "manual.keep", "manual.drop", "sampling.priority",
    "analytics.event", "service.name", "resource.name", "operation.name", "span.type", "span.kind", "service", "env", "version",
    "SampleRate", "otel.trace_id", "events", "w3c.tracestate",
]  # fmt: skip
VALUES = st.one_of(st.text(max_size=3), st.booleans(), st.integers(0, 9), st.floats(allow_nan=False), st.just(("a",)), st.just(()))


def sent(attributes):
    [[one]] = msgpack.unpackb(encode([span(2, 1, attributes=attributes)], DatadogSettings()).body)
    return one


@pytest.mark.parametrize("key", FROM_AGENT_AND_TRACERS)
@pytest.mark.parametrize("value", ["1", 2, True, 1.5])
def test_a_command_is_renamed_with_its_value(key, value):
    with_it, without = sent({key: value}), sent({})
    own = RENAMED_PREFIX + key
    found = {**with_it["meta"], **with_it["metrics"]}.pop(own)
    assert found == (float(value) if type(value) in (int, float) else str(value).lower())
    with_it["meta"].pop(own, None)
    with_it["metrics"].pop(own, None)
    assert with_it == without


@pytest.mark.parametrize("key", ["Manual.Keep", " manual.keep", "SERVICE.NAME", " _dd.p.tid", "\tenv\n"])
def test_case_and_space_around_do_not_get_a_command_through(key):
    assert harmless(key) == RENAMED_PREFIX + key


@pytest.mark.parametrize(
    "key", ["http.url", "service.instance.id", "environment", "dd.x", "peer.service", "a_b", "error.type", "bext.hook"]
)
def test_other_keys_keep_their_name(key):
    assert harmless(key) == key


def test_every_entry_has_a_reason_and_is_folded():
    for key, reason in {**COMMAND_KEYS, **COMMAND_PREFIXES}.items():
        assert key == key.strip().lower()
        assert reason


@given(
    st.dictionaries(st.sampled_from([*FROM_AGENT_AND_TRACERS, "manual", "_", "_dd"]) | st.text(min_size=1, max_size=4), VALUES, max_size=6)
)
def test_whatever_a_guest_sets_the_commands_stay_what_they_are(attributes):
    ours, theirs = sent({}), sent(attributes)
    for part in ("meta", "metrics"):
        commands = {key: value for key, value in theirs[part].items() if harmless(key) != key}
        assert commands == {key: value for key, value in ours[part].items() if harmless(key) != key}
    assert {key: value for key, value in theirs.items() if key not in ("meta", "metrics")} == {
        key: value for key, value in ours.items() if key not in ("meta", "metrics")
    }
