"""A fork in the middle of sending again what waited: parent and child both go on, each span arrives once, and all counters are exact.

Forks in the middle of recording, of calls into plugins and of an export that hangs are tested beside the recorder, the host and the engine.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from receivers.otlp_ledger import Ledger
from support.processes import environment
from support.raw_guest import ENGINES

PROGRAM = """
import json, os, signal, sys, threading, traceback, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # Python's of every fork beside threads, since 3.12
from bext_abi import FlushError, SpanStart
from bext_host import Limits, SpanRecorder
from host.exporters.http.http_spans import accounts, otlp
from bext_host.exporters.http import BackOff

url, spool, engine = sys.argv[1:]
signal.alarm(50)
options = {} if spool == "none" else {"spool": spool}
exporter = otlp(url, timeout_seconds=20.0, back_off=BackOff(0.001, 0.01), **options)
recorder = SpanRecorder(exporter, limits=Limits(batch_spans=5), engine=engine)
ids = []

def record(spans):
    made = []
    for _ in range(spans):
        handle = recorder.start_span(SpanStart("s"))
        recorder.end_span(handle)
        made.append(handle.span_id_hex)
    return made

def flush(seconds=20):
    try:
        recorder.flush(seconds)
    except FlushError as error:
        return str(error)

def in_child():
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        code = 1
        try:
            ended = recorder.stats.ended, dict(recorder.stats.exported), sum(recorder.stats.dropped.values())
            os.write(writing, json.dumps(mine_alone(ended)).encode())
            code = 0
        except BaseException:
            traceback.print_exc()
        os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as answers:
        text = answers.read()
    assert os.waitpid(pid, 0)[1] == 0, "the child failed"
    return json.loads(text)

def mine_alone(before):
    mine = record(12)
    error = flush()
    ended, exported, dropped = before
    stats = recorder.stats
    return {
        "ids": mine, "error": error, "ended": stats.ended - ended,
        "taken": stats.exported["otlp"] - exported.get("otlp", 0), "waiting": stats.waiting["otlp"],
        "dropped": sum(stats.dropped.values()) - dropped,
    }

for _ in range(2):  # nobody listens
    ids += record(150)
    while recorder.stats.waiting["otlp"] < len(ids):  # until the alarm
        flush(0.3)
waited = recorder.stats.waiting["otlp"]
print("waits", flush=True)
sys.stdin.readline()
children = []
for _ in range(6):
    ids += record(10)
    flushing = threading.Thread(target=flush)
    flushing.start()
    children.append(in_child())
    flushing.join()
flush()
recorder.close()
print(json.dumps({"ids": ids, "children": children, "waited": waited, "accounts": accounts(recorder, exporter)}))
"""


def talk(ledger: Ledger, engine: str, spool: str) -> dict:
    """Run the program; the receiver lives again when spans wait for it."""
    command = [sys.executable, "-c", PROGRAM, ledger.url, spool, engine]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment(), text=True, **pipes) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "waits\n"
        ledger.start()
        output, errors = running.communicate("go\n", timeout=60)
    assert running.returncode == 0, errors
    return json.loads(output)


@pytest.mark.parametrize("spooled", [True, False], ids=["spool", "memory"])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_fork_while_spans_are_sent_again_makes_no_span_twice_and_none_is_lost(engine, spooled, tmp_path):
    ledger = Ledger(tmp_path / "ledger")
    ledger.start()
    ledger.kill()
    told = talk(ledger, engine, str(tmp_path / "spool") if spooled else "none")
    arrived = ledger.span_ids()
    ledger.kill()
    assert told["waited"] == 300
    assert told["accounts"] == [360, 0, 0]
    for child in told["children"]:
        assert len(child.pop("ids")) == 12
        assert child == {"error": None, "ended": 12, "taken": 12, "waiting": 0, "dropped": 0}
    assert len(arrived) == 360 + 6 * 12
    assert set(arrived.values()) == {1}
    assert set(told["ids"]) <= set(arrived)
