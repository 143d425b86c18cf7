"""Each contender does the work that it is measured at, and says so where it did not."""

from __future__ import annotations

import pytest

from bext_host.bench import BenchInvalid, held
from bext_host.bench.define_func import DefineFunc
from bext_host.bench.ours import Guest, Nothing, Recording, Tracing
from bext_host.bench.peers import Extism, OpenTelemetrySdk, installed

WITHOUT_OTEL = pytest.mark.skipif(installed("opentelemetry-sdk") is None, reason="the extra `bench` is not installed")
WITHOUT_EXTISM = pytest.mark.skipif(installed("extism") is None, reason="the extra `bench` is not installed")


def test_a_recording_contender_drains_every_span(engine):
    recording = Recording("recording", engine, 30)
    recording.run(30)
    recording.run(7)
    recording.check()


def test_two_threads_share_the_spans_between_them(engine):
    recording = Recording("recording", engine, 30, threads=2)
    recording.run(30)
    recording.check()


@pytest.mark.parametrize("export", ["spans", "attributes"])
def test_a_tracing_contender_reaches_its_tracer_with_every_call(engine, export):
    tracing = Tracing("tracing", engine, export, 30)
    tracing.run(30)
    tracing.check()


def test_a_contender_whose_calls_were_dropped_makes_the_run_invalid(engine):
    tracing = Tracing("tracing", engine, "spans", 30)
    tracing._guest.scope.close()
    tracing.run(30)
    with pytest.raises(BenchInvalid, match=r"^tracing: recorded is 0, not 30, dropped is 30, not 0$"):
        tracing.check()


@pytest.mark.parametrize("export", ["spans", "attributes"])
def test_plain_host_functions_take_every_attribute(export):
    plain = DefineFunc("plain", export, 30)
    plain.run(30)
    plain.check()


def test_the_guest_leaves_spans_open_where_it_is_asked_to(engine):
    guest = Guest(Nothing(), engine)
    guest.call("open", 5)
    assert guest.scope.open_spans == 5


@WITHOUT_OTEL
def test_the_opentelemetry_sdk_exports_every_span():
    sdk = OpenTelemetrySdk("sdk", 30)
    sdk.run(30)
    sdk.check()


@WITHOUT_EXTISM
def test_an_extism_host_function_reads_every_payload():
    extism = Extism("extism", 30)
    extism.run(30)
    extism.check()


@pytest.mark.skipif(not held.can_measure(), reason="needs /proc/self/statm")
def test_what_cannot_be_measured_in_the_other_process_is_told_in_one_line():
    with pytest.raises(BenchInvalid, match=r"^bytes held \(nonsense\): KeyError: 'nonsense'$"):
        held.bytes_per_span("nonsense")
