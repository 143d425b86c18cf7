"""A resource's bytes, held against OpenTelemetry's generated class."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from bext_host.exporters.otlp import encode_resource
from bext_host.exporters.otlp.reference import _attributes, messages

SCALARS = (st.text(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats())
VALUES = st.one_of(*SCALARS, *[st.lists(items, max_size=3).map(tuple) for items in SCALARS])


@given(st.dictionaries(st.text(min_size=1), VALUES))
def test_a_resource_is_what_the_generated_class_writes(attributes):
    assert encode_resource(attributes) == Resource(attributes=_attributes(messages(), attributes)).SerializeToString()


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, "\ud800"])
def test_a_value_that_otlp_cannot_hold_is_refused(value):
    with pytest.raises(ValueError, match=r"64 bits|surrogates"):
        encode_resource({"k": value})


@pytest.mark.parametrize("value", [None, b"bytes", {"a": 1}, object()])
def test_a_value_of_another_type_is_refused(value: Any):
    with pytest.raises(TypeError, match="no type of an attribute"):
        encode_resource({"k": value})
