"""The C decoder and the Python codec, given the same bytes: the same values, sizes and counts, or the same rejection.

BEXT_FUZZ_PAYLOADS sets how many edited payloads the bulk test makes, BEXT_FUZZ_SEED from which seed; the defaults are small and fixed.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bext_abi import MalformedPayload, codec, traceparent
from bext_abi.codec.framing import check_framing
from native import payloads
from native.c_decoder import CDecoder

BULK = int(os.environ.get("BEXT_FUZZ_PAYLOADS", "20000"))
SEED = int(os.environ.get("BEXT_FUZZ_SEED", "1"))
CORPUS = payloads.vector_payloads(longest=2000)
RANDOMS = st.randoms(use_true_random=False)

PYTHON: Mapping[str, Callable[[bytes], Any]] = {
    "attribute": codec.decode_attribute,
    "span_start": codec.decode_span_start,
    "span_status": codec.decode_span_status,
    "span_event": codec.decode_span_event,
}

every_struct = pytest.mark.parametrize("name", payloads.NAMES)


def outcome(decode: Callable[[bytes], Any], data: bytes) -> str:
    """The value as text, where 1, 1.0 and True differ, every NaN is one, and dicts show their order; or the rejection's word."""
    try:
        return repr(decode(data))
    except MalformedPayload as malformed:
        return f"rejected: {malformed.why}"


def assert_agreement(decoder: CDecoder, name: str, data: bytes) -> str:
    expected = outcome(PYTHON[name], data)
    assert outcome(getattr(decoder, f"decode_{name}"), data) == expected, (name, data.hex())
    return expected


def python_framing(data: bytes) -> str | None:
    try:
        check_framing(data)
    except MalformedPayload as malformed:
        return malformed.why
    return None


@every_struct
def test_they_agree_on_well_framed_payloads(decoder: CDecoder, name: str) -> None:
    @given(RANDOMS)
    def holds(rng: random.Random) -> None:
        assert_agreement(decoder, name, payloads.well_framed(rng, name))

    holds()


@every_struct
def test_they_agree_on_edited_payloads(decoder: CDecoder, name: str) -> None:
    @given(RANDOMS)
    def holds(rng: random.Random) -> None:
        assert_agreement(decoder, name, payloads.edited(rng, payloads.well_framed(rng, name), CORPUS))

    holds()


@every_struct
def test_they_agree_on_any_bytes(decoder: CDecoder, name: str) -> None:
    @given(st.binary(max_size=64))
    def holds(data: bytes) -> None:
        assert_agreement(decoder, name, data)

    holds()


def test_they_agree_on_edited_payloads_in_bulk(decoder: CDecoder) -> None:
    """Each payload goes through one struct's decoder: mostly its own. Rejections and values must both be common, or little is tested."""
    rng, accepted = random.Random(SEED), 0
    for number in range(BULK):
        name = rng.choice(payloads.NAMES)
        fresh = payloads.well_framed(rng, name) if rng.random() < 0.7 else rng.choice(CORPUS)
        data = fresh if number % 4 == 0 else payloads.edited(rng, fresh, CORPUS)
        accepted += not assert_agreement(decoder, name, data).startswith("rejected")
    assert BULK * 0.1 < accepted < BULK * 0.9


@every_struct
def test_they_agree_on_every_vector_cut_short_and_as_another_struct(decoder: CDecoder, name: str) -> None:
    for data in payloads.vector_payloads(longest=200):
        for length in range(len(data) + 1):
            assert_agreement(decoder, name, data[:length])


def test_they_agree_on_the_framing_of_every_pair_of_bytes(decoder: CDecoder) -> None:
    """Both passes meet every first byte, alone and before every other byte, with and without bytes behind."""
    for pair in map(bytes, product(range(256), range(256))):
        for data in (pair[:1], pair, pair + b"\x01\x02"):
            assert decoder.framing(data) == python_framing(data), data.hex()


@pytest.mark.parametrize("depth", range(12))
@pytest.mark.parametrize("header", [b"\x91", b"\xdc\x00\x01", b"\x81\x01", b"\xdf\x00\x00\x00\x01\x01"], ids=bytes.hex)
def test_they_agree_on_depth(decoder: CDecoder, header: bytes, depth: int) -> None:
    for leaf in (b"\x01", b"\x90", b"\x80", b"\xc1", b""):
        data = header * depth + leaf
        assert decoder.framing(data) == python_framing(data), data.hex()


def python_is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def test_they_agree_on_utf8_of_up_to_three_bytes(decoder: CDecoder) -> None:
    """All two-byte texts, and all three-byte texts whose last byte is at a boundary."""
    ends = (b"", b"\x7f", b"\x80", b"\xbf", b"\xc0")
    for first, second in product(range(256), range(256)):
        for end in ends:
            data = bytes((first, second)) + end
            assert decoder.is_utf8(data) == python_is_utf8(data), data.hex()


def test_they_agree_on_utf8_of_four_bytes_at_all_boundaries(decoder: CDecoder) -> None:
    bounds = (0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF)
    for quad in product((0xEF, *range(0xF0, 0x100)), bounds, bounds, bounds):
        assert decoder.is_utf8(bytes(quad)) == python_is_utf8(bytes(quad)), bytes(quad).hex()


@pytest.mark.parametrize("bad", [b"\x80", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc3\xa9"], ids=bytes.hex)
def test_they_agree_on_utf8_wherever_the_bytes_stand(decoder: CDecoder, bad: bytes) -> None:
    """Text is checked in eights of bytes: what is wrong must be seen at every place in and between them."""
    for before, after in product(range(18), range(18)):
        data = b"a" * before + bad + b"a" * after
        assert decoder.is_utf8(data) == python_is_utf8(data), data.hex()


def test_they_agree_on_utf8_of_any_bytes(decoder: CDecoder) -> None:
    @given(st.binary(max_size=40) | st.text(max_size=20).map(str.encode))
    def holds(data: bytes) -> None:
        assert decoder.is_utf8(data) == python_is_utf8(data)

    holds()


def test_they_agree_on_tracestates(decoder: CDecoder) -> None:
    @given(RANDOMS.map(payloads.trace_state) | st.text(max_size=12))
    def holds(text: str) -> None:
        assert decoder.is_trace_state(text.encode()) == (traceparent.valid_trace_state(text) == text)

    holds()


def test_they_agree_on_tracestates_in_bulk(decoder: CDecoder) -> None:
    rng, valid = random.Random(SEED), 0
    for _ in range(BULK):
        text = payloads.trace_state(rng)
        expected = traceparent.valid_trace_state(text) == text
        assert decoder.is_trace_state(text.encode()) == expected, text
        valid += expected
    assert valid > BULK * 0.02
