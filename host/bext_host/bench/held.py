"""Bytes held for a span: what a process grows by. Each kind is measured in a process of its own, where nothing was freed before.

`python -m bext_host.bench.held KIND` prints the bytes for one span.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from bext_host.limits import Limits
from bext_host.recorder import SpanRecorder

from .guest import ATTRIBUTES, SPAN_NAME
from .ours import Drain, Guest
from .rounds import BenchInvalid, require

SPANS: Final = 50_000
_WARM: Final = 2_000
_ROOMY: Final = Limits(scope_open_spans=4 * SPANS, scope_bytes=2**32, queue_spans=4 * SPANS, queue_bytes=2**32)

FINISHED: Final = "finished"
OPEN: Final = "open"
OTEL_FINISHED: Final = "otel-finished"


def resident_bytes() -> int:
    """What this process has in memory (Linux)."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def can_measure() -> bool:
    """Whether this system tells how much memory a process has."""
    return Path("/proc/self/statm").exists()


def _growth(work: Callable[[int], None]) -> float:
    work(_WARM)
    before = resident_bytes()
    work(SPANS)
    return (resident_bytes() - before) / SPANS


def _native(export: str, held_spans: str) -> float:
    recorder = SpanRecorder(Drain(), sampler="always_on", engine="native", limits=_ROOMY)
    guest = Guest(recorder, "native", _ROOMY)
    growth = _growth(lambda spans: guest.call(export, spans))
    require(export, {"held": getattr(recorder, held_spans)}, {"held": SPANS + _WARM})
    return growth


def _otel_finished() -> float:
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider  # noqa: PLC0415  # may not be installed

    held: list[Any] = []

    holding: Any = type("Holding", (SpanProcessor,), {"on_end": lambda _processor, span: held.append(span)})()
    provider = TracerProvider()
    provider.add_span_processor(holding)
    tracer = provider.get_tracer("bench")

    def work(spans: int) -> None:
        for _ in range(spans):
            span = tracer.start_span(SPAN_NAME)
            for key, value in ATTRIBUTES:
                span.set_attribute(key, value)
            span.end()

    growth = _growth(work)
    require(OTEL_FINISHED, {"held": len(held)}, {"held": SPANS + _WARM})
    return growth


_KINDS: Final[dict[str, Callable[[], float]]] = {
    FINISHED: lambda: _native("spans", "queued_spans"),
    OPEN: lambda: _native("open", "open_spans"),
    OTEL_FINISHED: _otel_finished,
}


def bytes_per_span(kind: str) -> float:
    """What one more span of this kind takes. Raises BenchInvalid where it could not be measured."""
    done = subprocess.run([sys.executable, "-m", __name__, kind], capture_output=True, text=True, check=False)  # noqa: S603  # this module
    if done.returncode:
        raise BenchInvalid(f"bytes held ({kind}): {(done.stderr.strip().splitlines() or ['no word why'])[-1]}")
    return float(done.stdout)


if __name__ == "__main__":
    print(_KINDS[sys.argv[1]]())  # noqa: T201  # for the process that asked
