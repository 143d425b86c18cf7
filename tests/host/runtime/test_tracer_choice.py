"""The tracer that a configuration names: ours, an installed package's, and one line for what cannot be one."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

from bext_abi import SpanStart, TracerPlugin
from bext_host import ConfigError, SpanRecorder
from bext_host.recorder import ALWAYS_OFF, ALWAYS_ON, TraceIdRatio
from bext_host.recorder.sampler import sampler_named
from bext_host.runtime.config import HostConfig, NamedTracer, TracerConfig, read_config
from bext_host.runtime.our_tracers import OURS, from_extra
from bext_host.runtime.tracer_choice import tracer_of
from bext_host.settings import SAMPLER_VARIABLE
from bext_host.testing import RecordingTracer
from support.tracer_packages import MODULE, TracerPackages

KNOWN = "known: tracer-datadog, tracer-file, tracer-honeycomb, tracer-otlp, tracer-stdout"
SAMPLERS = "always_on, parentbased_always_on, always_off, parentbased_always_off, traceidratio, parentbased_traceidratio"


@pytest.fixture
def package(tmp_path, monkeypatch):
    packages = TracerPackages(tmp_path, monkeypatch)
    yield packages
    packages.forget()


def config(**tracer: object) -> HostConfig:
    named = NamedTracer(**{key: tracer.pop(key) for key in ("name", "options") if key in tracer})  # type: ignore[arg-type]
    return HostConfig(path=Path("bext.config.toml"), tracer=TracerConfig(tracers=(named,), **tracer))  # type: ignore[arg-type]


def refusal(**tracer: object) -> str:
    with pytest.raises(ConfigError) as refused:
        tracer_of(config(**tracer))
    message = str(refused.value)
    assert message.startswith("bext.config.toml: ")
    assert len(message.splitlines()) == 1
    return message.removeprefix("bext.config.toml: ")


def record_a_span(tracer: TracerPlugin) -> None:
    tracer.end_span(tracer.start_span(SpanStart("work")))
    tracer.flush()


# --- Ours ---


def test_without_a_word_spans_are_printed_as_a_tree(capsys):
    record_a_span(tracer_of(config()))
    assert capsys.readouterr().out.startswith("trace ")


def test_stdout_prints_json_lines_where_the_options_say_so(capsys):
    record_a_span(tracer_of(config(options={"format": "json"})))
    assert json.loads(capsys.readouterr().out)["name"] == "work"


def test_stdout_prints_requests_of_otlp_where_the_options_say_so(capsys):
    record_a_span(tracer_of(config(options={"format": "otlp-json"})))
    assert names_in(capsys.readouterr().out) == ["work"]


def names_in(line: str) -> list[str]:
    return [span["name"] for one in json.loads(line)["resourceSpans"] for scope in one["scopeSpans"] for span in scope["spans"]]


def test_spans_go_to_a_file_where_the_file_says_so(tmp_path):
    file, traces = tmp_path / "bext.config.toml", tmp_path / "traces.jsonl"
    options = f'[tracer.options]\npath = "{traces}"\nmax_bytes = 10\nmax_files = 2\n'
    file.write_text(f'[tracer]\nname = "tracer-file"\n{options}')
    tracer = tracer_of(read_config(file))
    for _ in range(3):
        record_a_span(tracer)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bext.config.toml", "traces.jsonl", "traces.jsonl.1"]
    assert names_in(traces.read_text()) == ["work"]


def test_a_file_that_cannot_be_written_is_one_line(tmp_path):
    path = str(tmp_path / "missing" / "traces.jsonl")
    assert refusal(name="tracer-file", options={"path": path}) == f"tracer.options: [Errno 2] No such file or directory: '{path}'"


def test_a_file_chooses_the_tracer(tmp_path, capsys):
    file = tmp_path / "bext.config.toml"
    file.write_text('[tracer]\nname = "tracer-stdout"\noptions.format = "json"\nsampler = "always_on"\n')
    record_a_span(tracer_of(read_config(file)))
    assert json.loads(capsys.readouterr().out)["name"] == "work"


@pytest.mark.parametrize(
    ("tracer", "message"),
    [
        (
            {"name": "tracer-sdtout"},
            'tracer.name: unknown tracer "tracer-sdtout", did you mean "tracer-stdout"? ' + KNOWN,
        ),
        ({"name": "\x1b\n"}, 'tracer.name: unknown tracer "\\u001b\\n"; ' + KNOWN),
        ({"options": {"formt": "json"}}, 'tracer.options.formt: unknown option, did you mean "format"? known: format'),
        ({"name": "tracer-file"}, 'tracer.options.path: missing, "tracer-file" needs it'),
        ({"name": "tracer-file", "options": {"path": 5}}, "tracer.options: path must be the name of a file, not 5"),
        (
            {"name": "tracer-file", "options": {"path": "x", "max_files": 0}},
            "tracer.options: max_files must be a whole number of 1 or more, not 0",
        ),
        ({"options": {"stream": "x"}}, "tracer.options.stream: unknown option; known: format"),
        ({"options": {"format": "xml"}}, 'tracer.options: format must be "tree", "json" or "otlp-json", not \'xml\''),
        ({"options": {"format": ["tree"]}}, 'tracer.options: format must be "tree", "json" or "otlp-json", not [\'tree\']'),
    ],
)
def test_what_ours_do_not_take_is_one_line(tracer, message):
    assert refusal(**tracer) == message


# --- The sampler ---


@pytest.mark.parametrize(
    ("name", "argument", "sampled"),
    [
        ("always_on", None, True),
        ("parentbased_always_off", None, False),
        ("traceidratio", 0, False),
        ("traceidratio", 1, True),
        ("traceidratio", None, True),
        ("parentbased_traceidratio", 0.0, False),
    ],
)
def test_the_sampler_decides_over_new_traces(name, argument, sampled):
    tracer = tracer_of(config(sampler=name, sampler_arg=argument))
    assert tracer.start_span(SpanStart("work")).is_invalid is not sampled


def test_the_file_outranks_the_environment_and_leaves_the_rest_to_it(monkeypatch):
    monkeypatch.setenv(SAMPLER_VARIABLE, "always_off")
    assert not tracer_of(config(sampler="always_on")).start_span(SpanStart("work")).is_invalid
    assert tracer_of(config()).start_span(SpanStart("work")).is_invalid


@pytest.mark.parametrize(
    ("tracer", "message"),
    [
        (
            {"sampler": "traceidration"},
            f"tracer.sampler: unknown sampler 'traceidration': choose one of {SAMPLERS}",
        ),
        ({"sampler": "always_on", "sampler_arg": 0.5}, "tracer.sampler: always_on takes no ratio; traceidratio does"),
        ({"sampler": "traceidratio", "sampler_arg": 2}, "tracer.sampler: a ratio is a number of 0.0 to 1.0, not 2"),
        ({"sampler_arg": 0.5}, 'tracer.sampler_arg: has no effect without sampler = "traceidratio"'),
    ],
)
def test_a_sampler_that_is_none_is_one_line(tracer, message):
    assert refusal(**tracer) == message


def test_samplers_have_opentelemetrys_names():
    assert sampler_named("always_on") is sampler_named("parentbased_always_on") is ALWAYS_ON
    assert sampler_named("always_off") is ALWAYS_OFF
    assert repr(sampler_named("traceidratio", 0.25)) == repr(TraceIdRatio(0.25))


# --- A package's ---


def test_an_exporter_of_a_package_gets_a_recorder_before_it(package):
    package("acme-traces", {"tracer-acme": f"{MODULE}:memory"})
    tracer = tracer_of(config(name="tracer-acme", options={"endpoint": "http://acme", "label": "x"}, sampler="always_on"))
    assert isinstance(tracer, SpanRecorder)
    record_a_span(tracer)
    (exporter,) = package.made
    assert (exporter.name, [span.name for span in exporter.spans]) == ("http://acme x", ["work"])


def test_a_tracer_of_a_package_is_taken_as_it_is_with_any_options(package):
    package("acme-traces", {"tracer-acme": f"{MODULE}:whole_tracer"})
    tracer = tracer_of(config(name="tracer-acme", options={"any thing": [1]}))
    assert isinstance(tracer, RecordingTracer)
    assert tracer.options == {"any thing": [1]}


def test_a_tracer_of_a_package_samples_by_itself(package):
    package("acme-traces", {"tracer-acme": f"{MODULE}:whole_tracer"})
    message = refusal(name="tracer-acme", sampler="always_on")
    assert message == 'tracer.sampler: "tracer-acme" is a whole tracer, which samples by itself'


def test_no_package_takes_the_place_of_ours(package, capsys):
    package("acme-traces", {"tracer-stdout": f"{MODULE}:whole_tracer"})
    record_a_span(tracer_of(config()))
    assert capsys.readouterr().out.startswith("trace ")


def test_packages_are_known_by_name(package):
    package("acme-traces", {"tracer-acme": f"{MODULE}:memory"})
    message = refusal(name="tracer-acne")
    known = "tracer-acme, tracer-datadog, tracer-file, tracer-honeycomb, tracer-otlp, tracer-stdout"
    assert message == f'tracer.name: unknown tracer "tracer-acne", did you mean "tracer-acme"? known: {known}'


def test_a_name_that_two_packages_offer_is_nobodys(package):
    package("acme-traces", {"tracer-acme": f"{MODULE}:memory"})
    package("other-traces", {"tracer-acme": f"{MODULE}:memory"})
    assert refusal(name="tracer-acme") == 'tracer.name: "tracer-acme" is offered by more than one package: acme-traces, other-traces'


@pytest.mark.parametrize(
    ("value", "options", "message"),
    [
        ("memory", {}, 'tracer.options.endpoint: missing, "tracer-acme" needs it'),
        ("memory", {"endpont": "x"}, 'tracer.options.endpont: unknown option, did you mean "endpoint"? known: label, endpoint'),
        ("memory", {"a\x1b": "x"}, 'tracer.options."a\\u001b": unknown option; known: label, endpoint'),
        ("positional", {"first": 1}, "tracer.options.first: unknown option; known: none"),
        ("positional", {}, "tracer.options: positional() missing 1 required positional argument: 'first'"),
        ("fails", {}, "tracer.options: the endpoint \\x1b[1mrefused at once"),
        ("says_nothing", {}, "tracer.options: OSError"),
        ("gives_nothing", {}, 'tracer.name: "tracer-acme" made NoneType, neither a SpanExporter nor a TracerPlugin'),
        ("dict_of_c", {"a": 1}, 'tracer.name: "tracer-acme" made dict, neither a SpanExporter nor a TracerPlugin'),
        ("no_factory", {}, 'tracer.name: "tracer-acme" of package acme-traces is no factory but int'),
        (
            "missing",
            {},
            f"tracer.name: \"tracer-acme\" of package acme-traces cannot be imported: module '{MODULE}' has no attribute 'missing'",
        ),
    ],
)
def test_what_a_package_does_not_do_is_one_line(package, value, options, message):
    package("acme-traces", {"tracer-acme": f"{MODULE}:{value}"})
    assert refusal(name="tracer-acme", options=options) == message


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import no_such_module_at_all", "cannot be imported: No module named 'no_such_module_at_all'"),
        ("raise ValueError('broken')", "cannot be imported: broken"),
        (None, f"cannot be imported: No module named '{MODULE}'"),
    ],
)
def test_a_package_that_cannot_be_imported_is_one_line_with_its_cause_kept(package, source, message):
    package("acme-traces", {"tracer-acme": f"{MODULE}:memory"}, source)
    assert refusal(name="tracer-acme") == f'tracer.name: "tracer-acme" of package acme-traces {message}'
    with pytest.raises(ConfigError) as refused:
        tracer_of(config(name="tracer-acme"))
    assert isinstance(refused.value.__cause__, Exception)


def test_a_back_end_that_is_not_installed_is_one_line_that_says_how_to(monkeypatch):
    def factory() -> None:
        with from_extra("acme"):
            importlib.import_module("no_such_module_at_all")

    monkeypatch.setitem(OURS, "tracer-acme", factory)
    assert refusal(name="tracer-acme") == (
        "tracer.name: \"tracer-acme\": no_such_module_at_all is not installed: pip install 'bext-tracer[acme]'"
    )


def test_what_must_stop_the_program_stops_it(package):
    package("acme-traces", {"tracer-acme": f"{MODULE}:stop"}, "def stop(): raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        tracer_of(config(name="tracer-acme"))
