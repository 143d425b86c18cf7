"""TraceAssembler: which spans come out together, when, and in which order."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bext_host import FinishedSpan
from bext_host.exporters.assembly import Absence, Placeholder, Row, TraceAssembler, TraceTree
from host.exporters.sample_spans import OTHER_TRACE, TRACE, span


def shape(tree: TraceTree) -> list[str]:
    """A tree as text: one dot for each level, then the span's number, or the placeholder's reason and number."""
    return ["." * row.depth + words(row) for row in tree.rows]


def words(row: Row) -> str:
    number = str(row.content.handle.span_id)
    return f"{row.content.absence.value} {number}" if isinstance(row.content, Placeholder) else number


def shapes(trees: list[TraceTree]) -> list[list[str]]:
    return [shape(tree) for tree in trees]


def drained(assembler: TraceAssembler) -> list[list[str]]:
    return shapes(list(assembler.drain()))


def test_a_trace_is_held_back_until_its_local_root_has_come() -> None:
    assembler = TraceAssembler()
    assert assembler.add([span(3, 2)]) == []
    assert assembler.add([span(2, 1)]) == []
    assert assembler.held_spans == 2
    assert shapes(assembler.add([span(1)])) == [["1", ".2", "..3"]]
    assert assembler.held_spans == 0
    assert drained(assembler) == []


def test_children_come_in_the_order_of_their_start() -> None:
    batch = [span(4, 1, start=9), span(3, 1, start=5), span(2, 1, start=7), span(1)]
    assert shapes(TraceAssembler().add(batch)) == [["1", ".3", ".2", ".4"]]


def test_a_child_may_stand_behind_its_root_in_the_same_batch() -> None:
    assert shapes(TraceAssembler().add([span(1), span(2, 1)])) == [["1", ".2"]]


def test_the_rows_know_who_is_last_and_who_has_children() -> None:
    (tree,) = TraceAssembler().add([span(1), span(2, 1, start=1), span(3, 1, start=2), span(4, 2)])
    assert [(words(row), row.is_last, row.has_children) for row in tree.rows] == [
        ("1", True, True),
        ("2", False, True),
        ("4", True, False),
        ("3", True, False),
    ]


def test_a_span_with_a_remote_parent_is_a_local_root() -> None:
    assert shapes(TraceAssembler().add([span(2, 1), span(1, 99, parent_is_remote=True)])) == [["1", ".2"]]


def test_each_local_root_takes_its_own_subtree_and_leaves_the_rest() -> None:
    assembler = TraceAssembler()
    assembler.add([span(11, 1), span(21, 2), span(31, 3)])
    assert shapes(assembler.add([span(1, 99, parent_is_remote=True)])) == [["1", ".11"]]
    assert shapes(assembler.add([span(2, 99, parent_is_remote=True)])) == [["2", ".21"]]
    assert drained(assembler) == [["still open or lost 3", ".31"]]


def test_local_roots_of_one_trace_in_one_batch_share_a_tree() -> None:
    batch = [span(2, 99, start=5, parent_is_remote=True), span(11, 1), span(1, 99, parent_is_remote=True)]
    assert shapes(TraceAssembler().add(batch)) == [["1", ".11", "2"]]


def test_traces_do_not_mix() -> None:
    assembler = TraceAssembler()
    trees = assembler.add([span(2, 1), span(2, 1, trace_id=OTHER_TRACE), span(1)])
    assert [tree.trace_id for tree in trees] == [TRACE]
    assert [tree.trace_id for tree in assembler.drain()] == [OTHER_TRACE]


def test_a_late_child_comes_at_once_under_a_placeholder_for_its_printed_parent() -> None:
    assembler = TraceAssembler()
    assembler.add([span(1)])
    assembler.add([span(3, 2)])
    (tree,) = assembler.add([span(2, 1), span(4, 1, start=5)])
    assert shape(tree) == ["printed above 1", ".2", "..3", ".4"]
    assert not tree.is_incomplete


def test_only_so_many_printed_spans_are_remembered() -> None:
    assembler = TraceAssembler(max_remembered=1)
    assembler.add([span(1), span(2, trace_id=OTHER_TRACE)])
    assert assembler.add([span(3, 1)]) == []
    assert drained(assembler) == [["still open or lost 1", ".3"]]


def test_at_the_end_each_missing_parent_has_a_placeholder() -> None:
    assembler = TraceAssembler()
    assembler.add([span(4, 3), span(5, 9), span(3, 2), span(6, 9)])
    (tree,) = assembler.drain()
    assert shape(tree) == ["still open or lost 9", ".5", ".6", "still open or lost 2", ".3", "..4"]
    assert tree.is_incomplete


def test_beyond_the_limit_the_oldest_trace_comes_out_as_it_is() -> None:
    assembler = TraceAssembler(max_spans=2)
    assembler.add([span(2, 1), span(2, 1, trace_id=OTHER_TRACE)])
    (tree,) = assembler.add([span(3, 1, trace_id=OTHER_TRACE)])
    assert tree.trace_id == TRACE
    assert shape(tree) == ["still open or lost 1", ".2"]
    assert assembler.held_spans == 2


def test_what_is_held_back_is_bounded_in_size_as_well() -> None:
    assembler = TraceAssembler(max_characters=10_000)
    assert assembler.add([span(2, 1, attributes={"key": "x" * 9_000})]) == []
    assert len(assembler.add([span(3, 2, attributes={"keys": ("x" * 500, "y" * 500)})])) == 1
    assert assembler.held_spans == 0


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([span(1, 1)], ["parents form a loop 1", ".1"]),
        ([span(1, 2), span(2, 1)], ["parents form a loop 2", ".1", "..2"]),
        ([span(5, 1), span(1, 2), span(2, 1)], ["parents form a loop 1", ".5", ".2", "..1"]),
    ],
)
def test_parents_that_form_a_loop_come_out_once_each(spans: list[FinishedSpan], expected: list[str]) -> None:
    assembler = TraceAssembler()
    assert assembler.add(spans) == []
    assert drained(assembler) == [expected]


def test_spans_with_the_same_id_all_come_out() -> None:
    assert shapes(TraceAssembler().add([span(2, 1), span(2, 1), span(3, 2), span(1)])) == [["1", ".2", "..3", ".2"]]


IDS = st.integers(1, 6)
PARENTED = st.tuples(IDS, st.none() | IDS, st.booleans()).map(lambda parts: span(parts[0], parts[1], parent_is_remote=parts[2]))


@given(st.lists(st.lists(PARENTED, max_size=8), max_size=6), st.integers(0, 8), st.integers(1, 4))
def test_whatever_parents_are_named_every_span_comes_out_exactly_once(
    batches: list[list[FinishedSpan]], held: int, remembered: int
) -> None:
    assembler = TraceAssembler(max_spans=held, max_remembered=remembered)
    trees = [tree for batch in batches for tree in assembler.add(batch)]
    assert assembler.held_spans <= held
    trees += assembler.drain()
    assert assembler.held_spans == 0
    assert sorted(id(one) for tree in trees for one in tree.spans) == sorted(id(one) for batch in batches for one in batch)


@pytest.mark.parametrize(
    "spans",
    [
        pytest.param([span(number, number - 1 or None) for number in range(1, 15_001)], id="deep"),
        pytest.param([span(1)] + [span(number, 1) for number in range(2, 15_001)], id="wide"),
        pytest.param([span(number, number ^ 1) for number in range(2, 15_002)], id="loops"),
        pytest.param([span(1, 2, trace_id=number) for number in range(1, 15_001)], id="traces"),
    ],
)
def test_large_traces_take_neither_recursion_nor_quadratic_time(spans: list[FinishedSpan]) -> None:
    shuffled = random.Random(1).sample(spans, len(spans))
    started = time.perf_counter()
    assembler = TraceAssembler()
    trees = assembler.add(shuffled) + list(assembler.drain())
    assert sum(len(tree.spans) for tree in trees) == len(spans)
    assert time.perf_counter() - started < 10  # it takes a fraction of a second; quadratic work takes minutes


def test_the_reasons_are_words_for_people() -> None:
    assert [absence.value for absence in Absence] == ["still open or lost", "printed above", "parents form a loop"]
