"""kill -9 at any moment of recording, spooling, resending and keeping modules: what the next process finds is sound, and is sent.

Killing in the middle of the very write of a spool's file is tested beside the spool; of a line, beside the file exporter.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bext_host import SpanRecorder
from bext_host.exporters.spool import Spool
from bext_host.runtime import module_store
from bext_host.runtime.module_cache import ModuleCache
from host.exporters.http.http_spans import otlp
from receivers.otlp_ledger import Ledger
from support.compiled import counts, load
from support.processes import environment
from support.raw_guest import ENGINES

ROUNDS = pytest.mark.parametrize("rounds", [3, pytest.param(60, marks=pytest.mark.long)])

WORKING = """
import sys, threading, time
from bext_abi import FlushError, SpanStart
from bext_host import Limits, SpanRecorder
from bext_host.exporters.otlp import OtlpSpanExporter

url, spool, engine = sys.argv[1:]
exporter = OtlpSpanExporter(endpoint=url, spool=spool, timeout_seconds=0.1)
recorder = SpanRecorder(exporter, limits=Limits(batch_spans=20), engine=engine)

def others():
    while True:
        recorder.end_span(recorder.start_span(SpanStart("never told")))
        time.sleep(0.0002)

threading.Thread(target=others, daemon=True).start()
while True:
    ids = []
    for _ in range(30):
        handle = recorder.start_span(SpanStart("told"))
        recorder.end_span(handle)
        ids.append(handle.span_id_hex)
    try:
        recorder.flush()
    except FlushError:
        pass
    waiting = recorder.stats.dropped["queue_full"] == recorder.stats.dropped["export_failed"] == 0
    print(" ".join(ids) if waiting else "", flush=True)  # in one write, once they are on the disk
"""


def killed_while(program: str, *arguments: str, seconds: float, lines: int) -> str:
    """What a program printed, in whole lines, that was killed so long after so many of them."""
    command = [sys.executable, "-c", program, *arguments]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        first = [running.stdout.readline() for _ in range(lines)]
        time.sleep(seconds)
        running.send_signal(signal.SIGKILL)
        text = "".join(first) + running.stdout.read()
    assert running.returncode == -signal.SIGKILL
    return text[: text.rfind("\n") + 1]


def sent_by_the_next_process(ledger: Ledger, spool: Path) -> None:
    with SpanRecorder(otlp(ledger.url, spool=spool)) as recorder:
        recorder.flush()


@ROUNDS
@pytest.mark.parametrize("engine", ENGINES)
def test_what_was_spooled_when_the_process_was_killed_is_whole_and_all_of_it_is_sent(tmp_path, engine, rounds):
    """At any moment: other spans are recorded, batches are written and flushes run when it is killed."""
    ledger, spool, told = Ledger(tmp_path / "ledger"), tmp_path / "spool", []
    ledger.start()
    ledger.kill()
    for number in range(rounds):
        told += killed_while(WORKING, ledger.url, str(spool), engine, seconds=0.003 * (number % 11), lines=2).split()
    ledger.start()
    (of_exporter,) = spool.glob("otlp-*")
    found = Spool(of_exporter)
    assert found.oldest() is not None
    assert found.damaged == 0
    found.close()
    sent_by_the_next_process(ledger, spool)
    arrived = ledger.span_ids()
    ledger.kill()
    assert len(told) > 30 * rounds
    assert set(told) <= set(arrived)
    assert set(arrived.values()) == {1}
    assert [path.name for path in of_exporter.iterdir()] == ["lock"]


RESENDING = """
import os, signal, sys
from bext_host import SpanRecorder
from bext_host.exporters.otlp import OtlpSpanExporter

url, spool, engine = sys.argv[1:]
with SpanRecorder(OtlpSpanExporter(endpoint=url, spool=spool, timeout_seconds=5), engine=engine) as recorder:
    print("begins", flush=True)
    recorder.flush()
    print("done", flush=True)
    signal.pause()
"""


@ROUNDS
@pytest.mark.parametrize("engine", ENGINES)
def test_a_process_that_is_killed_while_it_sends_again_leaves_the_rest_and_repeats_one_body_at_most(tmp_path, engine, rounds):
    ledger, spool = Ledger(tmp_path / "ledger"), tmp_path / "spool"
    ledger.start()
    ledger.kill()
    told = killed_while(WORKING, ledger.url, str(spool), engine, seconds=0.2, lines=5).split()
    ledger.start()
    for number in range(rounds):
        killed_while(RESENDING, ledger.url, str(spool), engine, seconds=0.002 + 0.002 * number, lines=1)
    sent_by_the_next_process(ledger, spool)
    bodies = [body.digest for body in ledger.bodies()]
    arrived = ledger.span_ids()
    ledger.kill()
    assert set(told) <= set(arrived)
    assert len(bodies) - len(set(bodies)) <= rounds


# --- The module cache ---

CACHING = """
import os, signal, sys
from pathlib import Path
from bext_host.runtime.module_cache import ModuleCache
from support.compiled import load

folder, step = Path(sys.argv[1]), sys.argv[2]
if step == "written":
    os.replace = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
elif step == "half written":
    fdopen = os.fdopen
    class Dying:
        def __init__(self, file): self.file = file
        def __enter__(self): return self
        def __exit__(self, *_): pass
        def write(self, data):
            self.file.write(data[: len(data) // 2])
            self.file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
    os.fdopen = lambda *arguments: Dying(fdopen(*arguments))
number = 1
print("begins", flush=True)
while True:
    load(ModuleCache(folder), number)
    number += 1
"""


@pytest.mark.parametrize("step", ["half written", "written"])
def test_an_entry_whose_writer_was_killed_is_no_entry_and_is_removed_an_hour_later(tmp_path, step):
    folder = tmp_path / "modules"
    killed = subprocess.run([sys.executable, "-c", CACHING, str(folder), step], env=environment(), capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    (left,) = folder.iterdir()
    assert left.suffix == ".tmp"
    cache = ModuleCache(folder)
    assert load(cache, 1) == 1
    assert counts(cache) == {"compiled": 1}
    old = time.time() - module_store.ABANDONED_SECONDS - 60
    os.utime(left, (old, old))
    load(cache, 2)
    assert {path.suffix for path in folder.iterdir()} == {".module"}


@ROUNDS
def test_a_process_that_was_killed_at_any_moment_leaves_only_entries_that_are_right(tmp_path, rounds):
    folder = tmp_path / "modules"
    for number in range(rounds):
        killed_while(CACHING, str(folder), "at any moment", seconds=0.05 + 0.007 * (number % 7), lines=1)
    entries = len(list(folder.glob("*.module")))
    assert entries > 0
    cache = ModuleCache(folder)
    for number in range(1, entries + 1):
        assert load(cache, number) == number
    assert counts(cache) == {"hits_disk": entries}
