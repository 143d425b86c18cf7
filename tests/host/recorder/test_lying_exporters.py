"""Exporters that break the contract: whatever they claim, their thread goes on, no span is uncounted, and the others never notice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest

from bext_abi import FlushError, SpanStart
from bext_host import FinishedSpan, SpanRecorder
from bext_host.exporters import MemoryExporter, SpansLost, SpansWaiting


class Raising:
    """Raises this for each batch."""

    name = "liar"

    def __init__(self, error: BaseException | None) -> None:
        self.error = error

    def export(self, batch: Sequence[FinishedSpan], deadline: float) -> None:
        if self.error is not None:
            raise self.error

    def shutdown(self, deadline: float) -> None:
        pass


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise ValueError("there are no words for it")


class Secretive(SpansLost):
    @property
    def unencodable(self) -> int:
        raise KeyError("none of your business")

    @unencodable.setter
    def unencodable(self, value: int) -> None:
        pass


def changed(error: SpansLost | SpansWaiting, **parts: object) -> BaseException:
    for name, value in parts.items():
        setattr(error, name, value)
    return error


LIES = [
    SpansLost({"half": 1.5}),  # type: ignore[dict-item]  # as all of these
    SpansLost({"nan": float("nan")}),  # type: ignore[dict-item]
    SpansLost({"one": 1}, unencodable=None),  # type: ignore[arg-type]
    changed(SpansLost({"one": 1}), waiting="for Godot"),
    changed(SpansLost({"one": 1}), reasons=None),
    SpansWaiting(float("nan"), "somewhere", "why"),  # type: ignore[arg-type]
    Secretive({"one": 1}),
]


def record(recorder: SpanRecorder, count: int) -> None:
    for _ in range(count):
        recorder.end_span(recorder.start_span(SpanStart("span")))


@pytest.mark.parametrize("lie", LIES, ids=range(len(LIES)))
def test_counts_that_are_none_lose_the_batch_alone_and_make_no_room_vanish(lie):
    recorder = SpanRecorder(Raising(lie), MemoryExporter(), max_queue=4)
    for _ in range(3):  # more than fit if what was handed over never came to an end
        record(recorder, 2)
        with pytest.raises(FlushError, match=f"liar: TypeError: {type(lie).__name__} with counts that are none"):
            recorder.flush(10.0)
    assert recorder.stats.dropped["export_failed"] == 6
    assert recorder.stats.exported == {"memory": 6}


def test_an_error_whose_text_cannot_be_had_is_told_by_its_type_and_hides_no_other():
    recorder = SpanRecorder(Raising(Unspeakable()), Raising(ValueError("plain")))
    record(recorder, 1)
    with pytest.raises(FlushError) as raised:
        recorder.flush(10.0)
    told = list(raised.value.failures.values())
    assert told == ["Unspeakable (its text raises ValueError)", "ValueError: plain"]


def _stop() -> float:
    raise SystemExit


@pytest.mark.parametrize("say", [lambda: "soon", lambda: float("nan"), lambda: float("-inf"), _stop], ids=["text", "nan", "-inf", "exit"])
def test_a_time_to_resend_that_is_none_ends_no_thread(say: Callable[[], object]):
    class Dreamer(Raising):
        @property
        def resend_at(self) -> object:
            return say()

        def resend(self, deadline: float, is_wanted: Callable[[], bool]) -> None:
            pass

    recorder = SpanRecorder(Dreamer(None))
    for _ in range(2):
        record(recorder, 1)
        recorder.flush(10.0)
    assert recorder.stats.exported == {"liar": 2}


def test_where_no_thread_can_be_had_the_spans_wait_for_the_next_flush(monkeypatch):
    recorder = SpanRecorder(Raising(None), MemoryExporter())
    record(recorder, 1)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", _no_thread)
        with pytest.raises(FlushError, match="liar: RuntimeError: can't start new thread"):
            recorder.flush(0.01)
    record(recorder, 1)
    recorder.flush(10.0)
    assert recorder.stats.exported == {"liar": 2, "memory": 2}


def _no_thread(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")
