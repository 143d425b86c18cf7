"""Whatever a receiver answers, in whatever order: no span is forgotten, none made up, and none that was taken is sent again."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bext_abi import FlushError
from bext_host import Limits, SpanRecorder
from bext_host.exporters.http import BackOff
from bext_host.exporters.otlp import OtlpSpanExporter
from host.exporters.http.http_spans import accounts, names, otlp, record
from support.http_receiver import Act, Receiver, answer, close, raw
from support.raw_guest import ENGINES

PARTIAL = b"\x0a\x02\x08\x01"
PROTOBUF = {"Content-Type": "application/x-protobuf"}
SUCCESS: dict[str, Act] = {"200": answer(200, b"", PROTOBUF), "one refused": answer(200, PARTIAL, PROTOBUF)}
TROUBLE: dict[str, Act] = {
    "503": answer(503),
    "429": answer(429, headers={"Retry-After": "0"}),
    "400": answer(400),
    "401": answer(401),
    "413": answer(413),
    "500": answer(500),
    "closed": close,
    "half": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"),
}
WEATHER = st.lists(st.sampled_from(["200", "200", "one refused", *TROUBLE]), max_size=30)
STEPS = st.lists(st.one_of(st.integers(1, 4), st.sampled_from(["flush", "flush", "restart"])), max_size=12)


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch):
    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)


@dataclass
class Truth:
    """What the receiver knows it answered."""

    weather: Iterator[str]
    taken: Counter[str] = field(default_factory=Counter)
    refused: int = 0

    def decide(self, body: bytes) -> Act:
        kind = next(self.weather, "200")
        if kind not in SUCCESS:
            return TROUBLE[kind]
        self.taken.update(names(body))
        self.refused += kind == "one refused"
        return SUCCESS[kind]


class Story:
    """A recorder, closed and made anew now and then, and what became of all spans."""

    def __init__(self, make: Callable[[], OtlpSpanExporter], engine: str) -> None:
        self._make = make
        self._engine = engine
        self._number = 0
        self.past: list[tuple[int, int, int]] = []
        self.earlier = 0
        self._begin()

    def _begin(self) -> None:
        self.exporter = self._make()
        self.recorder = SpanRecorder(self.exporter, limits=Limits(batch_spans=3), engine=self._engine)

    def take(self, step: int | str) -> None:
        if isinstance(step, int):
            record(self.recorder, *(str(self._number + each) for each in range(step)))
            self._number += step
        elif step == "flush":
            with suppress(FlushError):
                self.recorder.flush(20)
            accounts(self.recorder, self.exporter)
        else:
            self.end()
            self._begin()

    def end(self) -> None:
        with suppress(FlushError):
            self.recorder.close(20)
        taken, waiting, lost = accounts(self.recorder, self.exporter)
        stats = self.exporter.stats
        self.earlier += stats.earlier_taken + stats.earlier_given_up
        self.past.append((taken, waiting, lost))

    @property
    def sums(self) -> tuple[int, int, int, int]:
        taken, waiting, lost = (sum(numbers) for numbers in zip(*self.past, strict=True))
        return self._number, taken, waiting, lost


@contextmanager
def folder() -> Iterator[Path]:
    """Hypothesis runs many examples with one tmp_path."""
    path = Path(tempfile.mkdtemp())
    try:
        yield path
    finally:
        shutil.rmtree(path)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("most", [600, None], ids=["little room", "room"])
@pytest.mark.parametrize("has_spool", [False, True], ids=["memory", "spool"])
@given(weather=WEATHER, steps=STEPS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_span_is_taken_waits_or_is_lost(has_spool, most, engine, weather, steps):
    truth = Truth(iter(weather))
    with Receiver(by_body=truth.decide) as receiver, folder() as spool:
        options = {"back_off": BackOff(0.001, 0.002), "max_waiting_bytes": most, **({"spool": spool} if has_spool else {})}
        story = Story(lambda: otlp(receiver.url, timeout_seconds=10.0, **options), engine)
        for step in steps:
            story.take(step)
        story.end()
        recorded, taken, waiting, lost = story.sums
        assert recorded == taken + waiting + lost
        assert set(truth.taken.values()) <= {1}
        if not has_spool:
            assert (waiting, taken) == (0, sum(truth.taken.values()) - truth.refused)
            return
        last = otlp(receiver.url, **options)
        with SpanRecorder(last):
            pass
        assert len(truth.taken) - truth.refused <= recorded
        assert story.earlier + last.stats.earlier_taken + last.stats.earlier_given_up + last.stats.earlier_waiting == waiting
