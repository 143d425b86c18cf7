"""A host flushes by itself: on its interval, and before that where half of what the recorder may hold waits."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from bext_host import PluginHost, SpanRecorder
from bext_host.exporters import MemoryExporter
from support.raw_guest import ENGINES
from support.wat import guest, hook

NEVER = 3600.0
PATIENCE = 30
EMPTY = guest(hook("on_reload"))


def comes(condition: Callable[[], bool]) -> bool:
    give_up = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < give_up:
        time.sleep(0.01)
    return condition()


@pytest.mark.parametrize("engine", ENGINES)
def test_half_a_queue_is_flushed_long_before_the_interval_is_over_and_nothing_is_dropped(engine):
    exporter = MemoryExporter()
    with SpanRecorder(exporter, sampler="always_on", max_queue=20, engine=engine) as recorder:
        host = PluginHost(recorder, engine=engine, flush_seconds=NEVER)
        plugin = host.load(EMPTY)
        for round_ in range(1, 4):
            for _ in range(10):
                plugin.call("on_reload")
            assert comes(lambda: len(exporter.spans) == 10 * round_)  # noqa: B023  # called at once
        assert host.stats().flushes == 3
        assert recorder.stats.dropped["queue_full"] == 0
        host.close()


@pytest.mark.parametrize("engine", ENGINES)
def test_fewer_wait_for_the_interval(engine):
    exporter = MemoryExporter()
    with SpanRecorder(exporter, sampler="always_on", engine=engine) as recorder:
        host = PluginHost(recorder, engine=engine, flush_seconds=0.1)
        host.load(EMPTY).call("on_reload")
        assert comes(lambda: len(exporter.spans) == 1)
        host.close()
