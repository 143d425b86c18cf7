"""Keys that a back-end takes as commands: both encoders rename the same ones, and write the same bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bext_abi import SpanEvent, SpanHandle, SpanLink, SpanStart
from bext_host import engine
from bext_host.exporters.guarded_keys import GuardedKeys
from bext_host.exporters.otlp import encode_range, encode_resource
from support.recording import recorded_batch

pytestmark = pytest.mark.skipif(engine != "native", reason="this installation has no native engine")

GUARDED = GuardedKeys(frozenset({"a", "key", "\u00e9", "x" * 200}), ("p.", "lon"))
RESOURCE = encode_resource({"key": "the site's"})
PIECES = st.sampled_from(["a", "key", "\u00e9", "p.", "lon", "g", "x" * 200, "\0", "A"])
KEYS = st.lists(PIECES, min_size=1, max_size=3).map("".join)


@given(st.lists(st.dictionaries(KEYS, st.integers(0, 3), max_size=5), min_size=1, max_size=3))
def test_the_bytes_of_both_encoders_are_equal(many):
    def record(recorder):
        for attributes in many:
            handle = recorder.start_span(SpanStart("s", attributes=attributes, links=(SpanLink(SpanHandle(1, 2), attributes),)))
            recorder.add_event(handle, SpanEvent("e", attributes))
            recorder.end_span(handle)

    batch = recorded_batch(record, engine="native")
    count = len(many)
    native = encode_range(batch, 0, count, RESOURCE, GUARDED)
    assert native == encode_range(list(batch), 0, count, RESOURCE, GUARDED)
    renamed = any(GUARDED.harmless(key) != key for attributes in many for key in attributes)
    assert (native != encode_range(batch, 0, count, RESOURCE)) == renamed


@pytest.mark.parametrize("key", ["a", "key", "\u00e9", "p.", "p.q", "lon", "long", "x" * 200])
def test_a_guarded_key_is_renamed(key):
    assert GUARDED.harmless(key) == f"guest.{key}"


@pytest.mark.parametrize("key", ["", "A", "aa", "ke", "keys", "p", "P.q", "lo", "x" * 199, "guest.a"])
def test_another_is_not(key):
    assert GUARDED.harmless(key) == key
    assert GuardedKeys(frozenset()).harmless(key) == key
