"""Recording beside an exporter that sends: every span gets to the receiver, and one that does not makes the run invalid."""

from __future__ import annotations

import pytest

from bext_host import engine
from bext_host.bench import BenchInvalid
from bext_host.bench.exporting import Exporting, measure_exporting
from bext_host.bench.receiver import running_receiver
from bext_host.bench.targets import EXPORTING_TARGETS
from bext_host.exporters.otlp import OtlpSpanExporter
from bext_host.exporters.otlp.config import OtlpConfig

pytestmark = pytest.mark.skipif(engine != "native", reason="this installation has no native engine")


def test_both_sides_of_each_ratio_are_measured_in_each_round():
    told: list[str] = []
    measured = measure_exporting(20, 2, told.append)
    names = {name for target in EXPORTING_TARGETS for name in (target.slower, target.faster)}
    assert set(measured.nanos) == names
    assert {len(nanos) for nanos in measured.nanos.values()} == {2}
    assert len(told) == 1 + 2 * len(names)


def test_a_receiver_that_is_gone_makes_the_run_invalid():
    with running_receiver() as url:
        contender = Exporting("sending", OtlpSpanExporter(config=OtlpConfig(url)), 10)
        contender.measured(1_000)
    contender = Exporting("sending", OtlpSpanExporter(config=OtlpConfig(url, timeout_seconds=0.1)), 10)
    contender.measured(1_000)
    with pytest.raises(BenchInvalid, match=r"^sending: exported is 0, not 1000$"):
        contender.check()


def test_without_an_http_library_it_is_left_out_in_words(monkeypatch):
    from bext_host.bench import suite

    monkeypatch.setattr(suite, "installed", lambda name: None if name == "urllib3" else "1")
    assert "exporting: urllib3 is not installed (pip install 'bext-tracer[otlp]')" in list(suite._missing())
