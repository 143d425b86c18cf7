"""Properties of the codec that hold for all values and all bytes (ABI.md, "Decoding", "Canonical encoding")."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bext_abi import MalformedPayload, Rejection, SpanEvent, SpanHandle, SpanKind, SpanLink, SpanStart, SpanStatus, StatusCode, codec
from support.msgpack_forms import Ext, Map, write, write_in_any_form

U64 = st.integers(0, 2**64 - 1)
TEXT = st.text(max_size=40)
KEYS = st.text(min_size=1, max_size=20)
SCALARS = (TEXT, st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats())
VALUES = st.one_of(*SCALARS, *(st.lists(items, max_size=4).map(tuple) for items in SCALARS))
ATTRIBUTES = st.dictionaries(KEYS, VALUES, max_size=5)
TIMES = st.none() | st.integers(1, 2**63 - 1)
HANDLES = st.builds(SpanHandle.from_parts, U64, U64, U64)
LINKS = st.builds(SpanLink, HANDLES.filter(lambda handle: not handle.is_invalid), ATTRIBUTES)
STARTS = st.builds(
    SpanStart,
    TEXT,
    st.sampled_from(SpanKind),
    st.none() | HANDLES,
    st.booleans(),
    U64,
    st.sampled_from(["", "a=b", "k@v=1, x=2"]),
    ATTRIBUTES,
    st.lists(LINKS, max_size=3).map(tuple),
    TIMES,
)
STATUSES = st.builds(SpanStatus, st.sampled_from(StatusCode), TEXT)
EVENTS = st.builds(SpanEvent, TEXT, ATTRIBUTES, TIMES)
PAIRS = st.tuples(KEYS, VALUES)
SEEDS = st.integers(0, 2**32)

UNKNOWN_LEAVES = st.one_of(st.none(), st.binary(max_size=9), st.builds(Ext, st.integers(0, 127), st.binary(max_size=17)), U64, *SCALARS)
UNKNOWN = st.recursive(
    UNKNOWN_LEAVES, lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(inner, inner), max_size=2).map(Map), max_leaves=5
)


def start_of(data: bytes) -> SpanStart:
    return codec.decode_span_start(data).span


def attribute_bytes(pair: tuple[str, Any]) -> bytes:
    return codec.encode_attribute(*pair)


STRUCTS: dict[str, tuple[Any, Callable[[Any], bytes], Callable[[bytes], Any]]] = {
    "SpanStart": (STARTS, codec.encode_span_start, start_of),
    "SpanStatus": (STATUSES, codec.encode_span_status, codec.decode_span_status),
    "SpanEvent": (EVENTS, codec.encode_span_event, codec.decode_span_event),
    "Attribute": (PAIRS, attribute_bytes, codec.decode_attribute),
}
DECODERS = [decode for _, _, decode in STRUCTS.values()]
every_struct = pytest.mark.parametrize(("values", "encode", "decode"), STRUCTS.values(), ids=STRUCTS.keys())
PAYLOADS = st.one_of(*(values.map(encode) for values, encode, _ in STRUCTS.values()))


def outcome(decode: Callable[[bytes], Any], data: bytes) -> tuple[Any, Rejection | None]:
    """What a decoder makes of the bytes, and why it rejects them; any exception but MalformedPayload fails the test."""
    try:
        return decode(data), None
    except MalformedPayload as error:
        return None, error.why


def depth(value: Any) -> int:
    children = [item for pair in value for item in pair] if isinstance(value, Map) else value
    return 1 + max(map(depth, children), default=0) if isinstance(value, list) else 0


def unpack(data: bytes) -> Any:
    """What msgpack's own unpacker makes of it. Maps become tuples of pairs, so that any key will do.

    It reads extension type -1 as a time and judges its length and its nanoseconds, which is not framing.
    """
    try:
        return msgpack.unpackb(data, strict_map_key=False, use_list=False, object_pairs_hook=tuple, unicode_errors="surrogateescape")
    except ValueError as error:
        if "imestamp" not in str(error) and "nanoseconds" not in str(error):
            raise
        return None


def shortest(forms: list[bytes]) -> bytes:
    """The form that the canonical encoding takes: the first of `msgpack_forms`, which for a float is the 64-bit one."""
    return forms[0]


DEFAULTS = {
    "kind": 0,
    "parent": None,
    "parent_is_remote": False,
    "parent_flags": 1,
    "trace_state": "",
    "attributes": [],
    "links": [],
    "start_time_unix_nanos": None,
    "message": "",
    "time_unix_nanos": None,
}


def without_defaults(node: Any) -> Any:
    """A struct's tree without the fields that have their default, and with one NaN for all."""
    if isinstance(node, Map):
        return Map((key, without_defaults(item)) for key, item in node if not (key in DEFAULTS and item == DEFAULTS[key]))
    if isinstance(node, (list, tuple)):
        return list(map(without_defaults, node))
    return math.nan if isinstance(node, float) and math.isnan(node) else node


def attribute_map(attributes: dict[str, Any]) -> Map:
    return Map(attributes.items())


def tree(value: Any) -> Any:
    """A struct as the msgpack that stands for it, with every field written."""
    match value:
        case SpanHandle():
            return list(value.to_parts())
        case SpanLink():
            return Map([("handle", tree(value.handle)), ("attributes", attribute_map(value.attributes))])
        case SpanStatus():
            return Map([("code", int(value.code)), ("message", value.message)])
        case SpanEvent():
            pairs = [("name", value.name), ("attributes", attribute_map(value.attributes))]
            return Map([*pairs, ("time_unix_nanos", value.time_unix_nanos)])
        case SpanStart():
            return Map(
                [
                    ("name", value.name),
                    ("kind", int(value.kind)),
                    ("parent", None if value.parent is None else tree(value.parent)),
                    ("parent_is_remote", value.parent_is_remote),
                    ("parent_flags", value.parent_flags),
                    ("trace_state", value.trace_state),
                    ("attributes", attribute_map(value.attributes)),
                    ("links", list(map(tree, value.links))),
                    ("start_time_unix_nanos", value.start_time_unix_nanos),
                ]
            )
    return list(value)


@every_struct
def test_what_is_encoded_is_decoded_to_the_same(values, encode, decode):
    """Compared as text: 1, 1.0 and True differ there, and a NaN is itself."""

    @given(values)
    def holds(value):
        assert repr(decode(encode(value))) == repr(value)

    holds()


@every_struct
def test_encoding_what_was_decoded_gives_the_same_bytes(values, encode, decode):
    @given(values)
    def holds(value):
        data = encode(value)
        assert encode(decode(data)) == data

    holds()


@every_struct
def test_the_canonical_encoding_leaves_defaults_out_and_takes_the_shortest_form_of_the_rest(values, encode, decode):
    @given(values)
    def holds(value):
        assert encode(value) == write(without_defaults(tree(value)), shortest)

    holds()


@every_struct
def test_any_legal_form_is_decoded_to_the_same(values, encode, decode):
    @given(values, SEEDS)
    def holds(value, seed):
        assert repr(decode(write_in_any_form(tree(value), seed))) == repr(value)

    holds()


@pytest.mark.parametrize("name", ["SpanStart", "SpanStatus", "SpanEvent"])
def test_fields_may_come_in_any_order_among_unknown_ones_and_the_last_of_two_counts(name):
    values, _, decode = STRUCTS[name]

    @given(values, st.data(), SEEDS)
    def holds(value, data, seed):
        fields = data.draw(st.permutations(tree(value)))
        known = [key for key, _ in fields]
        unknown = UNKNOWN.filter(lambda one: depth(one) <= 7)
        before = data.draw(st.lists(st.tuples(st.sampled_from(known) | TEXT, unknown), max_size=3))
        after = data.draw(st.lists(st.tuples(TEXT.filter(lambda key: key not in known), unknown), max_size=2))
        assert repr(decode(write_in_any_form(Map([*before, *fields, *after]), seed))) == repr(value)

    holds()


@every_struct
def test_msgpacks_own_unpacker_reads_the_same_values(values, encode, decode):
    @given(values, SEEDS)
    def holds(value, seed):
        data = write_in_any_form(tree(value), seed)
        plain = write(tree(decode(data)), shortest)
        assert repr(unpack(data)) == repr(unpack(plain))

    holds()


@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_or_malformed(data):
    for decode in DECODERS:
        decoded, why = outcome(decode, data)
        assert (decoded is None) == isinstance(why, Rejection)


@given(PAYLOADS, st.lists(st.tuples(U64, st.integers(0, 255)), min_size=1, max_size=4))
def test_a_damaged_payload_is_decoded_or_malformed_and_what_is_decoded_is_msgpack(payload, damage):
    damaged = bytearray(payload)
    for position, byte in damage:
        damaged[position % len(damaged)] = byte
    for decode in DECODERS:
        if outcome(decode, bytes(damaged))[1] is None:
            unpack(bytes(damaged))


@given(PAYLOADS, SEEDS)
def test_no_part_of_a_payload_is_a_payload(payload, seed):
    """The framing comes first, so every decoder says the same."""
    cut = payload[: seed % len(payload)]
    for decode in DECODERS:
        with pytest.raises(MalformedPayload) as malformed:
            decode(cut)
        assert malformed.value.why in (Rejection.TRUNCATED, Rejection.COUNT_EXCEEDS_BYTES)


@given(PAYLOADS, st.binary(min_size=1, max_size=3))
def test_nothing_may_follow_a_payload(payload, rest):
    for decode in DECODERS:
        with pytest.raises(MalformedPayload) as malformed:
            decode(payload + rest)
        assert malformed.value.why is Rejection.TRAILING_BYTES


@given(ATTRIBUTES, st.lists(st.tuples(UNKNOWN_LEAVES, UNKNOWN), max_size=4), st.randoms(use_true_random=False), SEEDS)
def test_pairs_that_are_no_attributes_are_dropped_alone(attributes, others, random, seed):
    """Those that happen to be attributes are taken like the rest."""
    pairs = [*attributes.items(), *((key, value) for key, value in others if depth(value) <= 6)]
    random.shuffle(pairs)
    expected: dict[str, Any] = {}
    dropped = 0
    for key, value in pairs:
        pair, _ = outcome(codec.decode_attribute, write_in_any_form([key, value], seed))
        if pair is None:
            dropped += 1
        else:
            expected[pair[0]] = pair[1]
    event = codec.decode_span_event(write_in_any_form(Map([("name", "e"), ("attributes", Map(pairs))]), seed))
    assert repr(event) == repr(SpanEvent("e", expected, None, dropped))


@given(ATTRIBUTES)
def test_the_bytes_of_each_attribute_are_those_of_its_key_and_value(attributes):
    payload = write(Map([("name", ""), ("attributes", attribute_map(attributes))]), shortest)
    expected = {key: len(write(key, shortest) + write(value, shortest)) for key, value in attributes.items()}
    assert codec.decode_span_start(payload).attribute_bytes == expected
