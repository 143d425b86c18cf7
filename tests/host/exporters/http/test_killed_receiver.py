"""A receiver that is killed and started again while spans are recorded and flushed: what it gets, what it gets twice, and what is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bext_abi import FlushError, SpanStart
from bext_host import Limits, SpanRecorder
from bext_host.exporters.http import BackOff
from bext_host.exporters.otlp import OtlpSpanExporter
from host.exporters.http.http_spans import accounts, failure, otlp, record, wait_until
from receivers.otlp_ledger import Ledger
from support.processes import environment
from support.raw_guest import ENGINES

BATCH = 256
CHUNK = 1_000
ROOMY = Limits(batch_spans=BATCH, queue_spans=200_000, queue_bytes=2**30)
SHORT = 6_000
MANY = 100_000


@pytest.fixture
def ledger(tmp_path) -> Iterator[Ledger]:
    one = Ledger(tmp_path / "ledger")
    yield one
    one.kill()


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch):
    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)


@dataclass
class Run:
    """Spans recorded and flushed, chunk by chunk, while a receiver is killed and started again in the middle."""

    ledger: Ledger
    exporter: OtlpSpanExporter
    recorder: SpanRecorder
    spans: int
    loses: bool
    dead: threading.Event = field(default_factory=threading.Event)
    back: threading.Event = field(default_factory=threading.Event)
    ids: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def record_all(self) -> None:
        """Half of the spans before the receiver is dead, which it is in the middle of them, the others when it is, or is back again."""
        killer = threading.Thread(target=self._kill_and_start_again, daemon=True)
        killer.start()
        while len(self.ids) < self.spans:
            if len(self.ids) >= self.spans // 2:
                assert self.dead.wait(60)
            self._record_chunk()
            self.flush()
        killer.join(60)
        assert self.back.is_set()

    def _record_chunk(self) -> None:
        for _ in range(CHUNK):
            handle = self.recorder.start_span(SpanStart("request"))
            self.recorder.end_span(handle)
            self.ids.append(handle.span_id_hex)

    def flush(self) -> None:
        try:
            self.recorder.flush(60)
        except FlushError as error:
            self.errors.append(str(error))

    def _kill_and_start_again(self) -> None:
        """It stays away until spans wait for it, or where there is little room, until some are lost."""
        self.ledger.wait_for_bodies(kill_at(self.spans))
        self.ledger.kill()
        self.dead.set()
        wait_until(lambda: self.exporter.stats.given_up > 0 if self.loses else self.exporter.stats.waiting > 2 * BATCH, 60)
        self.ledger.start()
        self.back.set()


def kill_at(spans: int) -> int:
    return spans // BATCH // 4


def run(ledger: Ledger, spans: int, engine: str, *, hold: bool, loses: bool, **options: object) -> Run:
    ledger.start(hold=kill_at(spans) if hold else 0)
    exporter = otlp(ledger.url, timeout_seconds=2.0, back_off=BackOff(0.02, 0.2), **options)
    one = Run(ledger, exporter, SpanRecorder(exporter, limits=ROOMY, engine=engine), spans, loses)
    one.record_all()
    wait_until(lambda: one.exporter.stats.waiting == 0, 60)  # by itself: nothing new is recorded, nobody flushes
    one.flush()
    return one


def assert_only_lost_answers_came_twice(one: Run, *, hold: bool) -> None:
    """What the exporter counted bounds what the receiver saw, and is that number where it is known whose answer was lost."""
    bodies = Counter(one.ledger.bodies())
    again = sum(bodies.values()) - len(bodies)
    stats = one.exporter.stats
    assert again <= stats.sent_again <= stats.answers_lost
    if hold:
        assert (again, stats.sent_again, stats.answers_lost) == (1, 1, 1)
    twice = {span_id for body, count in bodies.items() if count > 1 for span_id in body.span_ids}
    assert twice == {span_id for span_id, count in one.ledger.span_ids().items() if count > 1}


LIVES = [
    *[pytest.param(SHORT, engine, hold, id=f"{engine}-{'held' if hold else 'any'}") for engine in ENGINES for hold in (True, False)],
    *[pytest.param(MANY, ENGINES[-1], hold, id=f"many-{'held' if hold else 'any'}", marks=pytest.mark.long) for hold in (True, False)],
]


@pytest.mark.parametrize(("spans", "engine", "hold"), LIVES)
def test_with_a_spool_every_span_arrives_and_only_what_had_no_answer_twice(ledger, tmp_path, spans, engine, hold):
    one = run(ledger, spans, engine, hold=hold, loses=False, spool=tmp_path / "spool")
    one.recorder.close()
    assert set(ledger.span_ids()) == set(one.ids)
    assert accounts(one.recorder, one.exporter) == (spans, 0, 0)
    assert any("wait to be sent again (spool " in error for error in one.errors)
    assert_only_lost_answers_came_twice(one, hold=hold)
    assert list((tmp_path / "spool").rglob("*.batch")) == []


@pytest.mark.parametrize(("spans", "engine", "hold"), LIVES)
def test_without_a_spool_the_count_of_lost_spans_is_exact(ledger, spans, engine, hold):
    one = run(ledger, spans, engine, hold=hold, loses=True, max_waiting_bytes=64 * 1024)
    one.recorder.close()
    taken, waiting, lost = accounts(one.recorder, one.exporter)
    assert waiting == 0
    assert lost > 0
    assert len(ledger.span_ids()) == taken == len(one.ids) - lost
    assert set(ledger.span_ids()) < set(one.ids)
    assert_only_lost_answers_came_twice(one, hold=hold)


def test_a_process_that_is_killed_in_an_outage_leaves_its_spans_to_the_next_which_sends_them_first(ledger, tmp_path):
    ledger.start()
    ledger.kill()
    died = subprocess.run(
        [sys.executable, "-c", _DYING, ledger.url, str(tmp_path / "spool")],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    assert died.returncode == -signal.SIGKILL
    left = died.stdout.split()
    assert len(left) == 500
    ledger.start()
    exporter = otlp(ledger.url, spool=tmp_path / "spool")
    with SpanRecorder(exporter) as recorder:
        handle = recorder.start_span(SpanStart("of the next process"))
        recorder.end_span(handle)
        recorder.flush()
        assert [span_id for body in ledger.bodies() for span_id in body.span_ids] == [*left, handle.span_id_hex]
        assert accounts(recorder, exporter) == (1, 0, 0)
        assert (exporter.stats.earlier_taken, exporter.stats.sent_again) == (500, 0)


_DYING = """
import os, signal, sys
from bext_abi import FlushError, SpanStart
from bext_host import Limits, SpanRecorder
from bext_host.exporters.otlp import OtlpSpanExporter

url, spool = sys.argv[1:]
recorder = SpanRecorder(OtlpSpanExporter(endpoint=url, spool=spool, timeout_seconds=0.1), limits=Limits(batch_spans=50))
for _ in range(5):
    for _ in range(100):
        handle = recorder.start_span(SpanStart("of the process that died"))
        recorder.end_span(handle)
        print(handle.span_id_hex)
    try:
        recorder.flush()
    except FlushError:
        pass
sys.stdout.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_two_processes_at_once_keep_apart_what_they_have(ledger, tmp_path):
    """One that lives sends its own; what the other left is sent by the third."""
    ledger.start()
    ledger.kill()
    spool: Path = tmp_path / "spool"
    living = SpanRecorder(otlp(ledger.url, spool=spool))
    record(living, "a")
    failure(living.flush)
    command = [sys.executable, "-c", _DYING, ledger.url, str(spool)]
    died = subprocess.run(command, env=environment(), stdout=subprocess.PIPE, text=True, timeout=60, check=False)
    ledger.start()
    living.close()
    assert sum(ledger.span_ids().values()) == 1
    with SpanRecorder(otlp(ledger.url, spool=spool)) as third:
        third.flush()
    assert set(died.stdout.split()) < set(ledger.span_ids())
