"""The recorder in C: it, its guests and the spans that it handed over may go in any order, and a fork may come in between."""

from __future__ import annotations

import gc
import itertools
import threading
import weakref
from collections.abc import Sequence

import pytest

from bext_abi import SpanStart, codec
from bext_host import FinishedSpan, Limits, SpanRecorder, engine
from bext_host.exporters import MemoryExporter
from support.processes import run_python
from support.raw_guest import RawGuest

pytestmark = pytest.mark.skipif(engine != "native", reason="this installation has no native engine")

PAYLOAD = codec.encode_span_start(SpanStart("s", attributes={"k": 1}))


class Keeping:
    """An exporter that keeps the batches as they came, unread."""

    name = "keeping"

    def __init__(self) -> None:
        self.batches: list[Sequence[FinishedSpan]] = []

    def export(self, spans: Sequence[FinishedSpan], deadline: float) -> None:
        self.batches.append(spans)

    def shutdown(self, deadline: float) -> None:
        pass


def guest(recorder: SpanRecorder) -> RawGuest:
    return RawGuest(recorder, engine="native")


@pytest.mark.parametrize("order", list(itertools.permutations(["recorder", "scope", "store"])), ids="-".join)
def test_all_is_let_go_whatever_goes_first(order):
    recorder = SpanRecorder(Keeping(), engine="native")
    raw = guest(recorder)
    raw.end(raw.start(PAYLOAD))
    raw.start(PAYLOAD)
    gone = weakref.ref(recorder)
    held = {"recorder": recorder, "scope": raw.scope, "store": (raw.store, raw.exports, raw.memory, raw.linker)}
    del recorder, raw
    for name in order:
        del held[name]
        gc.collect()
    guest(SpanRecorder(engine="native"))  # the next scope sweeps what is unused
    gc.collect()
    assert gone() is None


def test_a_guest_records_on_when_only_it_knows_the_recorder():
    raw = guest(SpanRecorder(engine="native"))
    raw.tracer = None  # type: ignore[assignment]
    gc.collect()
    for _ in range(100):
        raw.end(raw.start(PAYLOAD))
    assert raw.scope.stats.recorded["end_span"] == 100
    assert raw.scope.close() == 0


def test_spans_outlive_their_recorder_and_are_read_when_somebody_asks():
    exporter = Keeping()
    recorder = SpanRecorder(exporter, engine="native")
    raw = guest(recorder)
    for _ in range(1000):
        raw.end(raw.start(PAYLOAD))
    recorder.flush()
    recorder.close()
    del recorder, raw
    gc.collect()
    spans = [span for batch in exporter.batches for span in batch]
    assert len(spans) == 1000
    assert all((span.name, span.attributes) == ("s", {"k": 1}) for span in spans)


def test_a_recorder_may_be_flushed_and_closed_while_guests_record():
    for _ in range(10):
        exporter = MemoryExporter()
        recorder = SpanRecorder(exporter, engine="native")
        raw = guest(recorder)
        started = threading.Event()

        def record(raw: RawGuest = raw, started: threading.Event = started) -> None:
            for _ in range(500):
                raw.end(raw.start(PAYLOAD))
                started.set()

        thread = threading.Thread(target=record)
        thread.start()
        assert started.wait(30)
        recorder.flush()
        recorder.close()
        thread.join(30)
        stats = recorder.stats
        assert (stats.started, stats.ended, recorder.open_spans) == (500, 500, 0)
        assert len(exporter.spans) + recorder.queued_spans == 500


MANY = 70
"""More guests than there are locks for them: some share one."""


def test_spans_of_many_guests_and_of_the_host_come_out_in_the_order_in_which_they_ended():
    exporter = MemoryExporter()
    recorder = SpanRecorder(exporter, engine="native")
    guests = [guest(recorder) for _ in range(MANY)]
    for turn in range(3):
        for number, raw in enumerate(guests):
            raw.end(raw.start(codec.encode_span_start(SpanStart(f"{turn} {number}"))))
            recorder.end_span(recorder.start_span(SpanStart(f"{turn} host {number}")))
    recorder.flush()
    names = [name for turn in range(3) for number in range(MANY) for name in (f"{turn} {number}", f"{turn} host {number}")]
    assert [span.name for span in exporter.spans] == names


def test_guests_that_share_a_lock_record_beside_each_other():
    exporter = MemoryExporter()
    recorder = SpanRecorder(exporter, engine="native")
    guests = [guest(recorder) for _ in range(MANY)]
    spans = [raw.start(PAYLOAD) for raw in guests]
    for raw, other in zip(guests, [*spans[1:], spans[0]], strict=True):
        raw.end(other)  # another's
    for raw, span in zip(guests, spans, strict=True):
        raw.set_attribute(span, "k", 2)
        raw.end(span)
    recorder.flush()
    assert {span.handle for span in exporter.spans} == set(spans)
    assert all(span.attributes == {"k": 2} for span in exporter.spans)
    assert all(raw.drops == {"unknown_handle": 1} for raw in guests)


def test_a_span_that_the_host_ended_still_weighs_in_its_scope_and_is_recorded_nowhere():
    exporter = MemoryExporter()
    recorder = SpanRecorder(exporter, engine="native")
    raw = RawGuest(recorder, engine="native", limits=Limits(span_attributes=2))
    span = raw.start(PAYLOAD)
    recorder.end_span(span)
    for key in ("k", "new", "newer", "new"):
        raw.set_attribute(span, key, 5)
    assert (raw.drops, raw.scope.open_spans) == ({"attribute_limit": 1}, 1)
    raw.end(span)
    recorder.flush()
    assert [span.attributes for span in exporter.spans] == [{"k": 1}]
    assert (raw.scope.open_spans, recorder.stats.ended) == (0, 1)


@pytest.mark.parametrize("known", [0, 1, 17, 4096, 4097])
def test_as_many_ended_spans_as_the_limit_says_are_parents(known):
    exporter = MemoryExporter()
    recorder = SpanRecorder(exporter, engine="native", max_queue=20_000)
    raw = RawGuest(recorder, engine="native", limits=Limits(scope_ended_parents=known))
    ended = [raw.start(PAYLOAD) for _ in range(2)]
    for span in ended:
        raw.end(span)
    for _ in range(known - 1):
        raw.end(raw.start(PAYLOAD))
    for parent in ended:
        raw.start(codec.encode_span_start(SpanStart("child", parent=parent)))
    raw.scope.close("done")
    recorder.flush()
    parents = [span.parent for span in exporter.spans if span.name == "child"]
    assert parents == [ended[1] if known else None, None]  # the last started ends first


FORKED = """
import os, warnings
warnings.simplefilter("ignore")
from bext_abi import SpanStart, codec
from bext_host import SpanRecorder
from bext_host.exporters import MemoryExporter
from support.raw_guest import RawGuest

exporter = MemoryExporter()
recorder = SpanRecorder(exporter, engine="native")
others = [RawGuest(recorder, engine="native") for _ in range(70)]  # more than there are locks for them
raw = RawGuest(recorder, engine="native")
payload = codec.encode_span_start(SpanStart("s"))
before, after = raw.start(payload), []
child = os.fork()
raw.set_attribute(before, "k", 1)  # in the child the span is its parent's: nothing happens
raw.end(before)
for _ in range(3):
    span = raw.start(payload)
    after.append(span)
    raw.end(span)
recorder.flush()
assert len({span.handle for span in exporter.spans}) == len(exporter.spans)
seen = f"{len(exporter.spans)} " + " ".join(f"{span.span_id:016x}" for span in after)
if not child:
    os.write(1, seen.encode() + bytes([10]))
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print(seen)
"""


def test_a_forked_child_records_for_itself_with_ids_of_its_own():
    done = run_python(FORKED)
    assert done.returncode == 0, done.stderr
    (childs, *childs_ids), (parents, *parents_ids) = map(str.split, done.stdout.splitlines())
    assert (childs, parents) == ("3", "4")
    assert len({*childs_ids, *parents_ids}) == 6


IMPORTED = """
import sys
from bext_host import SpanRecorder, TracerBridge
TracerBridge(SpanRecorder(), engine="native")
before = set(sys.modules)
from wasmtime import Engine, Linker
TracerBridge(SpanRecorder(), engine="native").add_to_linker(Linker(Engine()))
print(sorted(name for name in set(sys.modules) - before if name.startswith("bext")))
"""


def test_a_scope_imports_nothing_so_that_a_fork_in_another_thread_hangs_no_child():
    done = run_python(IMPORTED)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
