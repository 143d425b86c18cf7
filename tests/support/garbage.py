"""Values that are nothing that a recorder was made for, and structs that hold some of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from bext_abi import SpanEvent, SpanHandle, SpanKind, SpanLink, SpanStart, SpanStatus, StatusCode


class Hostile:
    """Raises whatever is done with it, but for what shows it in a report."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name) if name.startswith("_") else RuntimeError(name)

    def _refuse(self, *arguments: Any) -> Any:
        raise RuntimeError("hostile")

    __hash__ = __eq__ = __bool__ = __iter__ = __len__ = __int__ = __index__ = __float__ = _refuse  # type: ignore[assignment]


class HostileMapping(Mapping):
    """A mapping that fails half way."""

    def __getitem__(self, key: Any) -> Any:
        return 1

    def __iter__(self) -> Any:
        yield "good"
        raise RuntimeError("half way")

    def __len__(self) -> int:
        return 2


HOSTILE = Hostile()
HANDLES = st.sampled_from([SpanHandle.INVALID, SpanHandle(1, 2), SpanHandle(0, 1), SpanHandle(2**128 - 1, 2**64 - 1)])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, -1, 2**63, 2**64, -(2**63) - 1, 10**400]),
    st.floats(),
    st.text(st.characters(codec=None), max_size=20),
    st.binary(max_size=5),
    st.builds(Hostile),
    st.builds(HostileMapping),
    st.sampled_from([object(), int, Exception(), frozenset({1}), 1j]),
    HANDLES,
)
GARBAGE = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.lists(inner, max_size=3).map(tuple), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
ATTRIBUTES = st.one_of(
    GARBAGE, st.dictionaries(st.one_of(st.text(st.characters(codec=None), max_size=4), st.integers()), GARBAGE, max_size=4)
)


def mostly(good: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Values of which most are good, so that the others are met alone."""
    return st.one_of(good, good, good, good, good, GARBAGE)


TEXTS = mostly(st.text(max_size=10))
TIMES = mostly(st.one_of(st.none(), st.integers(1, 2**63 - 1)))
COUNTS = mostly(st.just(0))
LINKS = st.builds(SpanLink, mostly(HANDLES), ATTRIBUTES, TEXTS, COUNTS)
EVENTS = st.builds(SpanEvent, TEXTS, ATTRIBUTES, TIMES, COUNTS)
STATUSES = st.builds(SpanStatus, mostly(st.sampled_from(StatusCode)), TEXTS)
STARTS = st.builds(
    SpanStart,
    name=TEXTS,
    kind=mostly(st.sampled_from(SpanKind)),
    parent=mostly(st.one_of(st.none(), HANDLES)),
    parent_is_remote=mostly(st.booleans()),
    parent_flags=mostly(st.integers(0, 255)),
    trace_state=TEXTS,
    attributes=ATTRIBUTES,
    links=mostly(st.lists(LINKS, max_size=3).map(tuple)),
    start_time_unix_nanos=TIMES,
    scope_name=TEXTS,
    scope_version=TEXTS,
    dropped_attributes_count=COUNTS,
    dropped_links_count=COUNTS,
)
