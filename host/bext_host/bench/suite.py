"""The whole bench: which contenders stand in which section, and how often they run."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from typing import Final

from bext_host.boundary import engine, engine_reason
from bext_host.extension import NATIVE, REFERENCE
from bext_host.version import version

from . import held
from .define_func import DefineFunc
from .exporting import measure_exporting
from .growth import measure_growth
from .ours import Recording, ToOtlp, Tracing
from .peers import Extism, OpenTelemetrySdk, installed
from .report import Report, Section
from .rounds import Contender, Progress, measure
from .targets import (
    ATTRIBUTE_TARGETS,
    DEFINE_FUNC,
    EXPORTING_TARGETS,
    EXTISM,
    ONE_THREAD,
    OTEL,
    OTEL_OTLP,
    OTLP_NATIVE,
    OTLP_TARGETS,
    RECORDER_NATIVE,
    RECORDER_REFERENCE,
    SPAN_TARGETS,
    THREAD_TARGETS,
    TRACER_NATIVE,
    TRACER_REFERENCE,
    TWO_THREADS,
)

_ROUNDS: Final = 21
_QUICK_ROUNDS: Final = 7
_QUICK_PART: Final = 4
"""A quick run does a quarter of the operations in each round."""

_OTEL_ENCODER: Final = "opentelemetry-exporter-otlp-proto-common"
_PEERS: Final = ("opentelemetry-sdk", _OTEL_ENCODER, "extism")
_HTTP_LIBRARY: Final = "urllib3"
_BENCH_EXTRA: Final = "pip install 'bext-tracer[bench]'"


def run_bench(*, quick: bool, progress: Progress) -> Report:
    """Measure everything that this installation has. Raises BenchInvalid where a contender did not do its work."""
    report = Report(_versions(), os.cpu_count() or 1, _QUICK_ROUNDS if quick else _ROUNDS)
    report.missing = list(_missing())
    part = _QUICK_PART if quick else 1
    measured = measure(list(_span_contenders(part)), report.rounds, progress)
    report.sections.append(Section.of("a span with three attributes (5 host calls)", "span", measured, SPAN_TARGETS))
    measured = measure(list(_attribute_contenders(part)), report.rounds, progress)
    report.sections.append(Section.of("set_attribute", "call", measured, ATTRIBUTE_TARGETS))
    if engine == NATIVE:
        _measure_native(report, part, progress)
    return report


def _measure_native(report: Report, part: int, progress: Progress) -> None:
    """What only the native engine is held to."""
    measured = measure(list(_otlp_contenders(part)), report.rounds, progress)
    report.sections.append(Section.of("a span from the guest to OTLP's protobuf bytes", "span", measured, OTLP_TARGETS))
    if installed(_HTTP_LIBRARY):
        measured = measure_exporting(part, report.rounds, progress)
        report.sections.append(Section.of("recording while another thread exports", "span", measured, EXPORTING_TARGETS))
    contenders = [Recording(name, NATIVE, 100_000 // part, threads=threads) for name, threads in ((ONE_THREAD, 1), (TWO_THREADS, 2))]
    measured = measure(contenders, report.rounds, progress)
    report.sections.append(Section.of("threads, each with an instance of its own", "span", measured, THREAD_TARGETS))
    report.growth = measure_growth(progress)
    for kind, name in _kinds_held():
        progress(f"bytes held: {name}")
        report.bytes_per_span[name] = held.bytes_per_span(kind)


def _span_contenders(part: int) -> Iterator[Contender]:
    if engine == NATIVE:
        yield Recording(RECORDER_NATIVE, NATIVE, 40_000 // part)
        yield Tracing(TRACER_NATIVE, NATIVE, "spans", 4_000 // part)
    yield Recording(RECORDER_REFERENCE, REFERENCE, 400 // part)
    yield Tracing(TRACER_REFERENCE, REFERENCE, "spans", 400 // part)
    yield DefineFunc(DEFINE_FUNC, "spans", 1_200 // part)
    if installed("opentelemetry-sdk"):
        yield OpenTelemetrySdk(OTEL, 4_000 // part)


def _otlp_contenders(part: int) -> Iterator[Contender]:
    yield Recording(OTLP_NATIVE, NATIVE, 40_000 // part, exporter=ToOtlp())
    if installed(_OTEL_ENCODER):
        yield OpenTelemetrySdk(OTEL_OTLP, 2_000 // part, encode=True)


def _attribute_contenders(part: int) -> Iterator[Contender]:
    if engine == NATIVE:
        yield Tracing(TRACER_NATIVE, NATIVE, "attributes", 40_000 // part)
    yield Tracing(TRACER_REFERENCE, REFERENCE, "attributes", 3_000 // part)
    yield DefineFunc(DEFINE_FUNC, "attributes", 8_000 // part)
    if installed("extism"):
        yield Extism(EXTISM, 20_000 // part)


def _kinds_held() -> Iterator[tuple[str, str]]:
    if not held.can_measure():
        return
    yield held.FINISHED, "finished, waiting for a flush"
    yield held.OPEN, "open"
    if installed("opentelemetry-sdk"):
        yield held.OTEL_FINISHED, "finished, OpenTelemetry SDK"


def _versions() -> dict[str, str]:
    found = {name: installed(name) for name in ("wasmtime", *_PEERS)}
    return {
        "bext-tracer": version(),
        "Python": platform.python_version(),
        **{name: number for name, number in found.items() if number is not None},
    }


def _missing() -> Iterator[str]:
    if engine != NATIVE:
        yield f"the native engine: {engine_reason}"
    for name in _PEERS:
        if installed(name) is None:
            yield f"{name}: not installed ({_BENCH_EXTRA})"
    if installed(_HTTP_LIBRARY) is None:
        yield f"exporting: {_HTTP_LIBRARY} is not installed (pip install 'bext-tracer[otlp]')"
    if not held.can_measure():
        yield "bytes held: this system has no /proc/self/statm"
