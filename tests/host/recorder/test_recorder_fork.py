"""A forked child: it starts with nothing of its parent's, works at once, and never sends its parent's spans."""

from __future__ import annotations

import json
import os

import pytest

from bext_host.settings import ENGINE_VARIABLE
from support.processes import run_python

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")

_FORK = """
import json, os, sys, threading, warnings
warnings.simplefilter("ignore")  # Python 3.12 warns of forks beside threads, which is what this is about
from bext_abi import SpanStart, SpanHandle
from bext_host import SpanRecorder
from bext_host.exporters import MemoryExporter

def in_child(work):
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.write(writer, json.dumps(work()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answers:
        answer = answers.read()
    os.waitpid(pid, 0)
    return json.loads(answer)

exporter = MemoryExporter()
recorder = SpanRecorder(exporter)
def record(name):
    handle = recorder.start_span(SpanStart(name))
    recorder.end_span(handle)
    return handle
def names():
    return [span.name for span in exporter.spans]
"""


def fork(scenario: str) -> dict:
    """What the scenario prints, as JSON, on the engine that this process uses now."""
    choose = f"import os\nos.environ[{ENGINE_VARIABLE!r}] = {os.environ[ENGINE_VARIABLE]!r}\n"
    result = run_python(choose + _FORK + scenario)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_the_childs_queue_is_empty_and_the_parent_exports_its_own_spans_once():
    outcome = fork("""
record("parent's")
def child():
    exporter.clear()
    queued = recorder.queued_spans, recorder.open_spans
    record("child's")
    recorder.flush(10)
    return [queued, names()]
open_one = recorder.start_span(SpanStart("open"))
answer = in_child(child)
recorder.end_span(open_one)
recorder.flush(10)
print(json.dumps({"child": answer, "parent": names()}))
""")
    assert outcome == {"child": [[0, 0], ["child's"]], "parent": ["parent's", "open"]}


def test_a_child_can_flush_though_the_parent_has_export_threads():
    outcome = fork("""
record("before")
recorder.flush(10)
def child():
    exporter.clear()
    record("child's")
    recorder.flush(10)
    recorder.close(10)
    return names()
answer = in_child(child)
record("after")
recorder.close(10)
print(json.dumps({"child": answer, "parent": names()}))
""")
    assert outcome == {"child": ["child's"], "parent": ["before", "after"]}


def test_parent_and_children_never_make_the_same_ids():
    outcome = fork("""
def ids():
    return [[record("s").trace_id, recorder.start_span(SpanStart("t")).span_id] for _ in range(50)]
print(json.dumps({"one": in_child(ids), "two": in_child(ids), "parent": ids()}))
""")
    flat = [value for process in outcome.values() for pair in process for value in pair]
    assert len(set(flat)) == len(flat) == 300


def test_handles_of_the_parent_are_unknown_in_the_child():
    outcome = fork("""
handle = recorder.start_span(SpanStart("open"))
def child():
    recorder.set_attribute(handle, "child", 1)
    recorder.end_span(handle)
    recorder.flush(10)
    return names()
answer = in_child(child)
recorder.end_span(handle)
recorder.flush(10)
print(json.dumps({"child": answer, "parent": names(), "attributes": exporter.spans[0].attributes}))
""")
    assert outcome == {"child": [], "parent": ["open"], "attributes": {}}


def test_a_child_works_even_if_a_thread_of_the_parent_was_recording_at_that_moment():
    outcome = fork("""
stop = threading.Event()
def busy():
    while not stop.is_set():
        record("busy")
        if recorder.queued_spans > 1000:
            recorder.flush(10)
threads = [threading.Thread(target=busy) for _ in range(3)]
for thread in threads:
    thread.start()
def child():
    exporter.clear()
    record("child's")
    recorder.flush(10)
    return names()
answers = [in_child(child) for _ in range(20)]
stop.set()
for thread in threads:
    thread.join()
print(json.dumps({"children": answers}))
""")
    assert outcome == {"children": [["child's"]] * 20}


def test_a_child_of_a_parent_whose_exporter_hangs_is_free():
    outcome = fork("""
entered, release = threading.Event(), threading.Event()
class Hanging(MemoryExporter):
    def export(self, batch, deadline):
        entered.set()
        release.wait(30)
        super().export(batch, deadline)
exporter = Hanging()
recorder = SpanRecorder(exporter)
record("parent's")
flushing = threading.Thread(target=recorder.flush, args=(30,))
flushing.start()
entered.wait(30)
def child():
    globals()["release"] = threading.Event()
    release.set()
    record("child's")
    recorder.flush(10)
    return names()
answer = in_child(child)
release.set()
flushing.join()
print(json.dumps({"child": answer, "parent": names()}))
""")
    assert outcome == {"child": ["child's"], "parent": ["parent's"]}
