"""Several exporters on one recorder: one that raises, one that hangs for ever, one that is slow, and those beside them lose nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence

import pytest

from bext_abi import FlushError, SpanStart
from bext_host import FinishedSpan, Limits, SpanRecorder
from bext_host.exporters import MemoryExporter
from support.hammer import hammer
from support.recording import FailingExporter, HangingExporter

ROUNDS = 3
SPANS = 25
TOTAL = ROUNDS * SPANS


class SlowExporter(MemoryExporter):
    """Takes its time with each batch, and can be let go."""

    name = "slow"

    def __init__(self) -> None:
        super().__init__()
        self.hurry = threading.Event()

    def export(self, batch: Sequence[FinishedSpan], deadline: float) -> None:
        self.hurry.wait(0.02)
        super().export(batch, deadline)


class Company:
    """A good exporter at both ends of a recorder's list, and three bad ones between them."""

    def __init__(self, **limits: int) -> None:
        self.first, self.last = MemoryExporter(), MemoryExporter()
        self.hanging, self.slow = HangingExporter(), SlowExporter()
        failing = FailingExporter(OSError("no route"))
        self.recorder = SpanRecorder(self.first, failing, self.hanging, self.slow, self.last, limits=Limits(**limits))

    def record(self, *names: str) -> None:
        for name in names:
            self.recorder.end_span(self.recorder.start_span(SpanStart(name)))

    def flush(self, timeout: float) -> dict[str, str]:
        with pytest.raises(FlushError) as raised:
            self.recorder.flush(timeout)
        return raised.value.failures


@pytest.fixture
def company(request: pytest.FixtureRequest) -> Iterator[Company]:
    company = Company(**getattr(request, "param", {"batch_spans": 10}))
    yield company
    company.hanging.release.set()
    company.slow.hurry.set()


def names(exporter: MemoryExporter) -> list[str]:
    return [span.name for span in exporter.spans]


def dropped(recorder: SpanRecorder) -> dict[str, int]:
    return {reason: count for reason, count in recorder.stats.dropped.items() if count}


def test_a_flush_names_the_bad_ones_alone_and_the_others_have_every_span_in_order(company):
    expected = []
    for number in range(ROUNDS):
        expected += [f"{number}-{item}" for item in range(SPANS)]
        company.record(*expected[-SPANS:])
        failures = company.flush(1)
        assert set(failures) - {"slow"} == {"failing", "hanging"}
        assert failures["failing"] == "OSError: no route"
        assert names(company.first) == names(company.last) == expected
    assert dropped(company.recorder) == {"export_failed": TOTAL}  # of the one that raises; what hangs may still be taken
    company.hanging.release.set()
    company.slow.hurry.set()
    company.recorder.flush(30)
    assert names(company.hanging) == names(company.slow) == expected
    assert company.recorder.stats.exported == {"memory": TOTAL, "hanging": TOTAL, "slow": TOTAL, "memory-2": TOTAL}
    assert dropped(company.recorder) == {"export_failed": TOTAL}


@pytest.mark.parametrize("company", [{"batch_spans": 10, "queue_spans": SPANS}], indirect=True)
def test_what_one_that_hangs_for_ever_cannot_take_is_counted_and_none_of_the_others(company):
    for number in range(ROUNDS):
        company.record(*(f"{number}-{item}" for item in range(SPANS)))
        company.flush(0.3)
        assert len(company.first.spans) == len(company.last.spans) == (number + 1) * SPANS
    company.slow.hurry.set()
    company.flush(1)
    exported = company.recorder.stats.exported
    assert (exported["memory"], exported["memory-2"], exported["hanging"]) == (TOTAL, TOTAL, 0)
    lost_by_slow = TOTAL - exported["slow"]
    lost_by_hanging = TOTAL - SPANS  # all but what waits for it
    assert dropped(company.recorder) == {"export_failed": TOTAL + lost_by_hanging + lost_by_slow}


def test_closing_with_a_bad_one_shuts_the_others_down_in_time(company):
    company.record("a")
    started = time.monotonic()
    with pytest.raises(FlushError) as raised:
        company.recorder.close(0.5)
    assert time.monotonic() - started < 20
    assert set(raised.value.failures) - {"slow"} == {"failing", "hanging"}
    assert names(company.first) == names(company.last) == ["a"]
    assert company.hanging.shutdowns == 0


def test_recording_from_many_threads_goes_on_while_one_hangs(company):
    def work(number: int) -> None:
        for item in range(SPANS):
            company.record(f"{number}-{item}")

    company.record("first")
    company.flush(0.1)
    assert company.hanging.entered.is_set()
    hammer(work, threads=4)
    company.flush(1)
    for exporter in (company.first, company.last):
        assert len(exporter.spans) == 4 * SPANS + 1
        for number in range(4):
            assert [name for name in names(exporter) if name.startswith(f"{number}-")] == [f"{number}-{item}" for item in range(SPANS)]
    assert company.recorder.queued_spans == 0
