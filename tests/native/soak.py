"""A soak of the native engine: four threads open scopes, record, forge, trap and close, while the main thread forks and flushes.

It ends with an error where a counter is not exact, memory grows, or a forked child fails. Run it at length with
`python -m native.soak 10000000` from the folder tests (the number is of host calls).
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import warnings
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from wasmtime import Engine, Linker, Module, Store, Trap

from bext_abi import SpanEvent, SpanStart, SpanStatus, StatusCode, codec
from bext_host import FinishedSpan, SpanRecorder, TracerBridge, TracerScope

THREADS: Final = 4
SPANS: Final = 400
"""Spans in one call of a guest."""
CALLS_PER_SPAN: Final = 11
ROUND_CALLS: Final = SPANS * CALLS_PER_SPAN + 2 * CALLS_PER_SPAN - 1
"""Host calls of one scope: its loop, and a span more that a trap cuts short before its end."""
GROWTH_ALLOWED: Final = 24 * 1024 * 1024

PAYLOADS: Final = {
    "start": codec.encode_span_start(SpanStart("GET /items", attributes={"http.request.method": "GET"})),
    "first": codec.encode_attribute("http.response.status_code", 200),
    "second": codec.encode_attribute("url.path", "/items/42" * 5),
    "reserved": codec.encode_attribute("bext.x", 1),
    "event": codec.encode_span_event(SpanEvent("cache.miss", {"key": "items:42"})),
    "status": codec.encode_span_status(SpanStatus(StatusCode.ERROR, "not found")),
    "malformed": b"\xc1",
}
OFFSETS: Final = {name: 1024 + 512 * number for number, name in enumerate(PAYLOADS)}


def _at(name: str) -> str:
    return f"(i32.const {OFFSETS[name]}) (i32.const {len(PAYLOADS[name])})"


_HANDLE = "(local.get $a) (local.get $b) (local.get $c)"
_RECORD = f"""
  (call $start {_at("start")} (i32.const 512))
  (local.set $a (i64.load (i32.const 512))) (local.set $b (i64.load (i32.const 520))) (local.set $c (i64.load (i32.const 528)))
  (call $attribute {_HANDLE} {_at("first")})
  (call $attribute {_HANDLE} {_at("second")})
  (call $attribute {_HANDLE} {_at("second")})
  (call $attribute {_HANDLE} {_at("reserved")})
  (call $attribute (i64.const 1) (i64.const 2) (i64.const 3) {_at("first")})
  (call $event {_HANDLE} {_at("event")})
  (call $event {_HANDLE} {_at("malformed")})
  (call $status {_HANDLE} {_at("status")})
  (drop (call $current (i32.const 512)))
"""


def _escaped(payload: bytes) -> str:
    return "".join(f"\\{byte:02x}" for byte in payload)


_DATA = "".join(f'(data (i32.const {OFFSETS[name]}) "{_escaped(payload)}")' for name, payload in PAYLOADS.items())
GUEST: Final = f"""
(module
  (import "bext" "start_span" (func $start (param i32 i32 i32)))
  (import "bext" "set_attribute" (func $attribute (param i64 i64 i64 i32 i32)))
  (import "bext" "add_event" (func $event (param i64 i64 i64 i32 i32)))
  (import "bext" "set_status" (func $status (param i64 i64 i64 i32 i32)))
  (import "bext" "end_span" (func $end (param i64 i64 i64 i64)))
  (import "bext" "current_span" (func $current (param i32) (result i32)))
  (memory (export "memory") 1)
  {_DATA}
  (func (export "work") (param $n i32) (local $a i64) (local $b i64) (local $c i64)
    (loop $again
      {_RECORD}
      (call $end {_HANDLE} (i64.const 0))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $again (local.get $n))))
  (func (export "leave_open") (local $a i64) (local $b i64) (local $c i64)
    {_RECORD}
    (call $end (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0)))
  (func (export "trap") (local $a i64) (local $b i64) (local $c i64) {_RECORD} unreachable))
"""


class Guest(NamedTuple):
    """An instance and what it is called by."""

    scope: TracerScope
    store: Store
    exports: dict[str, Any]


class Counting:
    """An exporter that counts, and reads one span of each batch."""

    name = "counting"

    def __init__(self) -> None:
        self.spans = 0

    def export(self, spans: Sequence[FinishedSpan], deadline: float) -> None:
        assert spans[-1].name == "GET /items"
        self.spans += len(spans)

    def shutdown(self, deadline: float) -> None:
        pass


class Soak:
    """The recorder, the guests, and what they must have counted."""

    def __init__(self, calls: int) -> None:
        self.rounds = max(1, calls // ROUND_CALLS // THREADS)
        self.engine = Engine()
        self.module = Module(self.engine, GUEST)
        self.exporter = Counting()
        self.recorder = SpanRecorder(self.exporter, sampler="always_on", engine="native")
        self.bridge = TracerBridge(self.recorder, engine="native")
        self.totals: list[dict[str, int]] = []
        self.faults: list[BaseException] = []
        self.rounds_done = 0

    def guest(self) -> Guest:
        """A new instance with its scope."""
        linker = Linker(self.engine)
        scope = self.bridge.add_to_linker(linker, plugin_name="soak")
        store = Store(self.engine)
        exports = linker.instantiate(store, self.module).exports(store)
        return Guest(scope, store, {name: exports[name] for name in ("work", "leave_open", "trap")})

    def round(self, guest: Guest) -> dict[str, int]:
        """All that one scope does; it is closed then."""
        scope, store, exports = guest
        exports["work"](store, SPANS)
        exports["leave_open"](store)
        try:
            exports["trap"](store)
        except Trap:
            pass
        else:
            raise AssertionError("the guest did not trap")
        assert scope.open_spans == 2
        assert scope.close() == 2
        stats = scope.stats
        return {
            "calls": sum(stats.calls.values()),
            "started": stats.recorded["start_span"],
            "recorded": sum(stats.recorded.values()),
            "ignored": stats.ignored,
            **{reason: count for reason, count in stats.dropped.items() if count},
        }

    def work(self) -> None:
        """A thread."""
        try:
            for _ in range(self.rounds):
                self.totals.append(self.round(self.guest()))
                self.rounds_done += 1
        except BaseException as fault:  # noqa: BLE001  # told by the main thread
            self.faults.append(fault)

    def fork(self) -> None:
        """A child that records for itself, in the middle of what the threads do.

        It calls no guest: another thread may hold wasmtime's own locks, which are not ours to renew, and any call would wait for ever.
        """
        child = os.fork()
        if child:
            assert os.waitpid(child, 0)[1] == 0, "a forked child failed"
            return
        status = 1
        try:
            inherited = self.recorder.stats.ended
            self.exporter.spans = 0
            for _ in range(SPANS):
                span = self.recorder.start_span(SpanStart("GET /items", attributes={"http.request.method": "GET"}))
                self.recorder.set_attribute(span, "http.response.status_code", 200)
                self.recorder.end_span(span)
            self.recorder.flush(30)
            status = 0 if self.exporter.spans == self.recorder.stats.ended - inherited == SPANS else 2
        finally:
            os._exit(status)

    def run(self) -> dict[str, int]:
        """All of it; gives what was seen."""
        threads = [threading.Thread(target=self.work) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        forks, before, warm = 0, 0, THREADS * self.rounds // 4
        while any(thread.is_alive() for thread in threads):
            self.recorder.flush(30)
            if self.rounds_done > warm and not before:
                before = resident_bytes()
            self.fork()
            forks += 1
            time.sleep(0.01)
        self.recorder.flush(30)
        if self.faults:
            raise self.faults[0]
        return {"forks": forks, "growth": resident_bytes() - before if before else 0}


def resident_bytes() -> int:
    """What this process has in memory."""
    with open("/proc/self/statm") as statm:  # noqa: PTH123
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def check(soak: Soak, seen: dict[str, int]) -> None:
    """Raise AssertionError where a counter is not what the guests did."""
    spans = SPANS + 2
    assert soak.totals == [
        {
            "calls": ROUND_CALLS,
            "started": spans,
            "recorded": spans * 7 + SPANS,
            "ignored": 1,
            "malformed": spans,
            "reserved_key": spans,
            "unknown_handle": spans,
        }
    ] * (THREADS * soak.rounds)
    stats = soak.recorder.stats
    assert stats.started == stats.ended == spans * THREADS * soak.rounds
    lost = stats.dropped["queue_full"]
    assert soak.exporter.spans + lost == stats.ended
    assert stats.exported == {"counting": soak.exporter.spans}
    assert {reason: count for reason, count in stats.dropped.items() if count} in ({}, {"queue_full": lost})
    assert (soak.recorder.open_spans, soak.recorder.queued_spans) == (0, 0)
    assert seen["growth"] < GROWTH_ALLOWED, f"memory grew by {seen['growth']} bytes"


def main(calls: int) -> None:
    """Run and check; print what was seen as JSON."""
    warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forks beside threads, which is what this is about
    soak = Soak(calls)
    started = time.monotonic()
    seen = soak.run()
    check(soak, seen)
    seen |= {"calls": ROUND_CALLS * len(soak.totals), "exported": soak.exporter.spans, "seconds": round(time.monotonic() - started)}
    print(json.dumps(seen))


if __name__ == "__main__":
    main(int(sys.argv[1]))
