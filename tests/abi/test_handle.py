"""SpanHandle: a plain value with two forms on the boundary and one in a traceparent."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bext_abi import SpanHandle

U64 = st.integers(0, 2**64 - 1)
HANDLES = st.builds(SpanHandle.from_parts, U64, U64, U64)


@given(HANDLES)
def test_every_form_gives_the_same_handle_back(handle):
    assert SpanHandle.from_parts(*handle.to_parts()) == handle
    assert SpanHandle.from_bytes(handle.to_bytes()) == handle
    assert pickle.loads(pickle.dumps(handle)) == handle
    assert copy.deepcopy(handle) == handle
    assert eval(repr(handle)) == handle


@given(HANDLES.filter(lambda handle: not handle.is_invalid), st.booleans())
def test_a_valid_handle_survives_a_traceparent(handle, sampled):
    text = handle.to_traceparent(sampled=sampled)
    assert SpanHandle.from_traceparent(text) == handle
    assert text.endswith("-01" if sampled else "-00")


@given(HANDLES, HANDLES)
def test_handles_are_equal_by_value_and_hash_alike(one, other):
    assert (one == other) == (one.to_parts() == other.to_parts())
    assert hash(one) == hash(SpanHandle(one.trace_id, one.span_id))
    assert one != one.to_parts()


def test_in_memory_it_is_three_little_endian_u64():
    handle = SpanHandle.from_parts(0x0102030405060708, 0x1112131415161718, 0x2122232425262728)
    assert handle.to_bytes().hex() == "080706050403020118171615141312112827262524232221"
    assert handle.trace_id == 0x01020304050607081112131415161718
    assert (handle.trace_id_hi, handle.trace_id_lo) == (0x0102030405060708, 0x1112131415161718)


@pytest.mark.parametrize("handle", [SpanHandle(0, 0), SpanHandle(0, 1), SpanHandle(1, 0)], ids=str)
def test_a_zero_trace_id_or_span_id_is_invalid(handle):
    assert handle.is_invalid
    with pytest.raises(ValueError, match="traceparent"):
        handle.to_traceparent()


@pytest.mark.parametrize("handle", [SpanHandle(1, 1), SpanHandle(2**64, 1), SpanHandle(1, 2**63)], ids=str)
def test_any_other_is_valid(handle):
    assert not handle.is_invalid


def test_invalid_has_both_zero():
    assert SpanHandle(0, 0) == SpanHandle.INVALID


@pytest.mark.parametrize(("trace_id", "span_id"), [(-1, 1), (2**128, 1), (1, -1), (1, 2**64)])
def test_ids_out_of_range_are_refused(trace_id, span_id):
    with pytest.raises(ValueError, match="must be between 0 and"):
        SpanHandle(trace_id, span_id)


@pytest.mark.parametrize(("trace_id", "span_id"), [(1.0, 1), ("1", 1), (1, None), (True, 1), (1, False), (b"1", 1)])
def test_ids_that_are_no_ints_are_refused(trace_id, span_id):
    with pytest.raises(TypeError):
        SpanHandle(trace_id, span_id)


@pytest.mark.parametrize("parts", [(2**64, 0, 1), (0, 2**64, 1), (0, 1, 2**64), (-1, 0, 1), (0, -1, 1), (1, -1, 1), (0, 1, -1)])
def test_each_part_must_fit_in_64_bits(parts):
    """The lower half must not spill into the upper."""
    with pytest.raises(ValueError, match="between 0 and"):
        SpanHandle.from_parts(*parts)


@pytest.mark.parametrize("length", [0, 23, 25])
def test_only_24_bytes_are_a_handle(length):
    with pytest.raises(ValueError, match="24 bytes"):
        SpanHandle.from_bytes(bytes(length))


def test_it_cannot_be_changed():
    handle = SpanHandle(1, 2)
    for name in ("trace_id", "span_id", "other"):
        with pytest.raises(AttributeError):
            setattr(handle, name, 3)
    with pytest.raises(AttributeError):
        del handle.span_id
    assert handle == SpanHandle(1, 2)


def test_as_text_it_is_the_two_ids_in_hex():
    assert str(SpanHandle(0xAB, 0xCD)) == "000000000000000000000000000000ab-00000000000000cd"
