"""Several tracers of a site: one recording for all exporters, whole tracers beside it, and nothing left behind where one cannot be made."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from bext_abi import FlushError, SpanStart, TracerPlugin
from bext_host import ConfigError, EngineUnavailable, PluginHost, SpanRecorder
from bext_host.runtime.config import HostConfig, read_config
from bext_host.runtime.tracer_choice import tracer_of
from bext_host.testing import RecordingTracer
from bext_host.tracers import FanoutTracer
from support.http_receiver import Receiver
from support.tracer_packages import MODULE, TracerPackages

ACME = """
from bext_host.exporters import MemoryExporter
from bext_host.testing import RecordingTracer

made, ended = [], []

class Exporter(MemoryExporter):
    name = "acme"
    def shutdown(self, deadline):
        ended.append(self)
        raise RuntimeError("it does not matter any more")

class Tracer(RecordingTracer):
    name = "whole"
    @property
    def handles(self):
        return [call[2] for call in self.calls if call[0] == "start_span"]
    def close(self):
        ended.append(self)

def exporter(*, label=""):
    made.append(Exporter())
    return made[-1]

def tracer(*, label=""):
    made.append(Tracer())
    return made[-1]

def fails(*, error="ValueError"):
    raise {"ValueError": ValueError, "KeyboardInterrupt": KeyboardInterrupt}[error]("refused")

def gives_nothing():
    return None
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    packages = TracerPackages(tmp_path / "packages", monkeypatch)
    packages("acme-traces", {name: f"{MODULE}:{name}" for name in ("exporter", "tracer", "fails", "gives_nothing")}, ACME)
    yield packages
    packages.forget()


@pytest.fixture
def configured(tmp_path):
    def write(*tables: str) -> HostConfig:
        file = tmp_path / "bext.config.toml"
        file.write_text("\n".join(f"[[tracer]]\n{table}" for table in tables))
        return read_config(file)

    return write


def named(name: str, more: str = "") -> str:
    return f'name = "{name}"\n{more}'


def refusal(config: HostConfig) -> str:
    with pytest.raises(ConfigError) as refused:
        tracer_of(config)
    message = str(refused.value)
    assert len(message.splitlines()) == 1
    return message.removeprefix(f"{config.path}: ")


def record(tracer: TracerPlugin, *names: str) -> None:
    for name in names:
        tracer.end_span(tracer.start_span(SpanStart(name)))


# --- What is made ---


def test_exporters_share_one_recording_in_the_files_order(package, configured, capsys):
    tracer = tracer_of(
        configured(named("exporter"), named("tracer-stdout", 'options.format = "json"'), named("exporter", "options.label = 'b'"))
    )
    assert isinstance(tracer, SpanRecorder)
    record(tracer, "work")
    tracer.flush()
    printed = json.loads(capsys.readouterr().out)
    first, second = package.made
    assert first.spans[0].handle == second.spans[0].handle
    assert first.spans[0].handle.trace_id_hex == printed["trace_id"]
    assert tracer.stats.exported == {"acme": 1, "stdout": 1, "acme-2": 1}


def test_one_table_of_an_array_is_the_only_tracer(package, configured):
    assert isinstance(tracer_of(configured(named("exporter"))), SpanRecorder)
    assert tracer_of(configured(named("tracer"))) is package.made[1]


@pytest.mark.parametrize(
    ("names", "children"),
    [
        (("tracer", "exporter", "exporter"), ["whole", "recorder"]),
        (("exporter", "tracer", "exporter"), ["recorder", "whole"]),
        (("tracer", "tracer"), ["whole", "whole-2"]),
    ],
)
def test_whole_tracers_stand_beside_the_recorder_in_the_files_order(package, configured, names, children):
    tracer = tracer_of(configured(*(named(name, f'options.label = "{i}"') for i, name in enumerate(names))))
    assert isinstance(tracer, FanoutTracer)
    assert tracer.names == children
    record(tracer, "work")
    tracer.flush()
    for made in package.made:
        assert len(made.handles if isinstance(made, RecordingTracer) else made.spans) == 1


def test_the_public_handle_is_that_of_the_first_in_the_file_which_samples(package, configured):
    handle = tracer_of(configured(named("exporter", 'sampler = "always_off"'), named("tracer"))).start_span(SpanStart("work"))
    assert handle == package.made[1].handles[0]


def test_what_holds_for_all_stands_in_the_first(configured):
    config = configured(named("tracer-stdout", 'sampler = "traceidratio"\nsampler_arg = 0.5\nflush_seconds = 2'), named("tracer-file"))
    assert (config.tracer.sampler, config.tracer.sampler_arg, config.tracer.flush_seconds) == ("traceidratio", 0.5, 2)
    assert [tracer.name for tracer in config.tracer.tracers] == ["tracer-stdout", "tracer-file"]


# --- What is wrong ---


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        (
            (named("exporter"), named("tracer-otlp", "options.endpont = 'x'")),
            'tracer[1].options.endpont: unknown option, did you mean "endpoint"? known: endpoint, ',
        ),
        ((named("exporter"), named("exportr")), 'tracer[1].name: unknown tracer "exportr", did you mean "exporter"? known: '),
        ((named("exporter"), named("tracer-file")), 'tracer[1].options.path: missing, "tracer-file" needs it'),
        ((named("exporter"), named("fails")), "tracer[1].options: refused"),
        ((named("exporter"), named("gives_nothing")), 'tracer[1].name: "gives_nothing" made NoneType, neither a SpanExporter nor'),
        ((named("exporter"), named("tracer"), named("exporter")), 'tracer[2]: "exporter" is there twice with the same options'),
        ((named("exporter", "sampler = 'on'"), named("tracer")), "tracer[0].sampler: unknown sampler 'on'"),
        ((named("exporter", "sampler_arg = 1"),), 'tracer[0].sampler_arg: has no effect without sampler = "traceidratio"'),
        (
            (named("tracer", "sampler = 'always_on'"), named("tracer", "options.label = 'x'")),
            'tracer[0].sampler: "tracer", "tracer": whole tracers, which sample by themselves',
        ),
    ],
)
@pytest.mark.usefixtures("package")
def test_what_is_wrong_is_one_line_with_the_tracers_key(configured, tables, message):
    assert refusal(configured(*tables)).startswith(message)


# --- Nothing is left behind ---


@pytest.mark.parametrize("last", ["fails", "gives_nothing"])
def test_where_one_cannot_be_made_the_others_are_shut_down_in_reverse_order(package, configured, last):
    refusal(configured(named("exporter"), named("tracer"), named(last)))
    assert package.ended == package.made[::-1]
    assert len(package.made) == 2


def test_what_is_wrong_with_options_is_found_before_anything_is_made(package, configured):
    refusal(configured(named("exporter"), named("fails", "options.x = 1")))
    assert package.made == []


def test_what_must_stop_the_program_leaves_nothing_behind_either(package, configured):
    with pytest.raises(KeyboardInterrupt):
        tracer_of(configured(named("exporter"), named("fails", 'options.error = "KeyboardInterrupt"')))
    assert package.ended == package.made != []


def test_an_exporter_is_shut_down_where_it_gets_no_recorder(package, configured, monkeypatch):
    monkeypatch.setenv("BEXT_TRACER_ENGINE", "nonsense")
    with pytest.raises(ValueError, match="nonsense"):
        tracer_of(configured(named("exporter")))
    assert package.ended == package.made != []


def test_tracers_are_shut_down_where_there_is_no_host_for_them(package, configured):
    before = set(threading.enumerate())
    with pytest.raises((ValueError, EngineUnavailable)):
        PluginHost.from_config(configured(named("exporter"), named("tracer")), engine="nonsense")
    assert {*map(id, package.ended)} == {*map(id, package.made)}
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
        assert not thread.is_alive()


# --- One of them is dead ---


def spans_in(path: Path) -> list[str]:
    requests = map(json.loads, path.read_text().splitlines())
    return [
        span["name"] for request in requests for one in request["resourceSpans"] for scope in one["scopeSpans"] for span in scope["spans"]
    ]


@pytest.fixture
def three(configured, tmp_path):
    """A file, the standard output and a receiver."""

    def make(endpoint: str) -> TracerPlugin:
        return tracer_of(
            configured(
                named("tracer-file", f'options.path = "{tmp_path / "traces.jsonl"}"'),
                named("tracer-otlp", f'options.endpoint = "{endpoint}"\noptions.timeout_seconds = 1'),
                named("tracer-stdout", 'options.format = "json"'),
            )
        )

    return make


def test_a_receiver_that_is_not_there_is_named_and_costs_the_others_nothing(three, tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    tracer = three(f"http://127.0.0.1:{port}/v1/traces")
    names = [f"work {number}" for number in range(2000)]
    record(tracer, *names)
    with pytest.raises(FlushError) as failed:
        tracer.close()
    assert list(failed.value.failures) == ["otlp"]
    assert "cannot connect" in failed.value.failures["otlp"]
    assert spans_in(tmp_path / "traces.jsonl") == names
    assert [json.loads(line)["name"] for line in capsys.readouterr().out.splitlines()] == names
    assert tracer.stats.exported == {"file": len(names), "stdout": len(names)}


def test_a_receiver_that_hangs_holds_up_neither_recording_nor_the_others(three, tmp_path, capsys):
    with Receiver() as receiver:
        receiver._acts = [receiver.hang]
        tracer = three(receiver.url)
        record(tracer, "first")
        with suppress(FlushError):
            tracer.flush(timeout=0.1)
        names = [f"work {number}" for number in range(2000)]
        record(tracer, *names)
        assert tracer.queued_spans == len(names)  # recorded while it hangs
        with pytest.raises(FlushError) as failed:
            tracer.flush()
        assert list(failed.value.failures) == ["otlp"]
        assert spans_in(tmp_path / "traces.jsonl") == ["first", *names]
        assert len(capsys.readouterr().out.splitlines()) == len(names) + 1
    with suppress(FlushError):
        tracer.close()


def test_two_of_a_name_are_told_apart(configured):
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    endpoints = [f'options.endpoint = "http://127.0.0.1:{port}/{path}"\noptions.timeout_seconds = 1' for path in ("one", "two")]
    tracer = tracer_of(configured(*(named("tracer-otlp", endpoint) for endpoint in endpoints)))
    record(tracer, "work")
    with pytest.raises(FlushError) as failed:
        tracer.close()
    assert {name: "/two" in text for name, text in failed.value.failures.items()} == {"otlp": False, "otlp-2": True}
