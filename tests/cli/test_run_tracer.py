"""`bext-tracer run --tracer NAME -o KEY=VALUE`: which tracer a run has, with which options, and one line for what is wrong."""

from __future__ import annotations

import json

import pytest

from support.processes import call_command
from support.tracer_packages import MODULE, TracerPackages


@pytest.fixture
def package(tmp_path, monkeypatch):
    packages = TracerPackages(tmp_path / "packages", monkeypatch)
    packages("acme-traces", {f"tracer-{name}": f"{MODULE}:{name}" for name in ("memory", "whole_tracer", "typed", "fails")})
    yield packages
    packages.forget()


def run(*arguments) -> str:
    """What a run that goes well prints."""
    result = call_command("run", *arguments, "--hook", "on_reload")
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def refusal(*arguments) -> str:
    """The line of a run that is wrong usage, and runs nothing."""
    result = call_command("run", *arguments, "--hook", "on_reload")
    assert (result.returncode, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.isprintable()
    return line.removeprefix("bext-tracer: ")


# --- One module ---


def test_a_packages_exporter_gets_the_spans(package, module):
    assert run(module, "--tracer", "tracer-memory", "-o", "endpoint=http://acme?a=b") == ""
    (exporter,) = package.made
    assert (exporter.name, [span.name for span in exporter.spans]) == ("http://acme?a=b ", ["on_reload"])


def test_a_whole_tracer_gets_the_calls_and_options_that_it_did_not_name(package, module):
    run(module, "--tracer", "tracer-whole_tracer", "-o", "any=5", "--option", "more=")
    (tracer,) = package.made
    assert tracer.options == {"any": "5", "more": ""}
    assert "start_span" in [call[0] for call in tracer.calls]


def test_options_have_the_types_that_the_factory_wants(package, module):
    given = ("size=1_000", "ratio=1", "mode=fast", "compress=true", "label=5")
    run(module, "--tracer", "tracer-typed", *(word for option in given for word in ("-o", option)))
    assert package.made[0].options == {"size": 1000, "ratio": 1.0, "mode": "fast", "compress": True, "label": "5"}


def test_the_last_value_of_an_option_counts(package, module):
    run(module, "--tracer", "tracer-typed", "-o", "size=1", "-o", "size=2")
    assert package.made[0].options["size"] == 2


@pytest.mark.parametrize("arguments", [("-o", "format=json"), ("--tracer", "tracer-stdout", "--format", "json")])
def test_stdout_has_its_format_either_way(module, arguments):
    assert json.loads(run(module, *arguments))["name"] == "on_reload"


# --- A configuration ---


def test_an_explicit_tracer_takes_the_place_of_the_files_with_its_options(package, site):
    file = site('[tracer]\nname = "tracer-memory"\noptions.endpoint = "e"\nsampler = "always_on"')
    assert json.loads(run("--config", file, "--tracer", "tracer-stdout", "-o", "format=json"))["name"] == "on_reload"


def test_options_are_put_over_those_of_the_files_tracer(package, site):
    file = site('[tracer]\nname = "tracer-typed"\n[tracer.options]\nsize = 1\nmode = "fast"')
    for name in ((), ("--tracer", "tracer-typed")):
        run("--config", file, *name, "-o", "size=2")
    assert [(made.options["size"], made.options["mode"]) for made in package.made] == [(2, "fast")] * 2


def test_the_files_sampler_stays(package, site):
    file = site('[tracer]\nname = "tracer-stdout"\nsampler = "always_off"')
    run("--config", file, "--tracer", "tracer-memory", "-o", "endpoint=e")
    assert list(package.made[0].spans) == []


def test_a_whole_tracer_and_the_files_sampler_are_told(package, site):
    file = site('[tracer]\nsampler = "always_off"')
    assert refusal("--config", file, "--tracer", "tracer-whole_tracer") == (
        f'{file}: tracer.sampler: "tracer-whole_tracer" is a whole tracer, which samples by itself'
    )


# --- One line for what is wrong ---


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--tracer", "tracer-typd"), '--tracer: unknown tracer "tracer-typd", did you mean "tracer-typed"? known: tracer-datadog, '),
        (("--tracer", "x\x1b", "-o", "a=b"), '--tracer: unknown tracer "x\\u001b"; known: '),
        (("--tracer", "tracer-typed"), '-o size: missing, "tracer-typed" needs it'),
        (("--tracer", "tracer-typed", "-o", "size=big"), '-o size: expected a whole number, found "big"'),
        (("--tracer", "tracer-typed", "-o", "siz=1"), '-o siz: unknown option, did you mean "size"? known: size, '),
        (("--tracer", "tracer-typed", "-o", "x\x1b=1"), "-o x\\x1b: unknown option; known: size, "),
        (("--tracer", "tracer-typed", "-o", "size=1", "-o", "mode=slow"), '-o mode: expected fast or safe, found "slow"'),
        (("--tracer", "tracer-fails"), '--tracer: "tracer-fails": the endpoint \\x1b[1mrefused at once'),
        (("--tracer", "tracer-fails", "--format", "json"), "--format: the tracer is tracer-fails, only tracer-stdout has a format"),
        (("--format", "json", "-o", "format=tree"), "--format: -o format says it, too; give one of them"),
        (("-o", "format=xml"), '-o format: expected tree or json or otlp-json, found "xml"'),
    ],
)
def test_what_the_command_line_says_is_blamed_on_it(package, module, site, arguments, message):
    assert refusal(module, *arguments).startswith(message)
    assert refusal("--config", site(""), *arguments).startswith(message)


def test_what_the_file_says_is_blamed_on_the_file(package, site):
    file = site('[tracer]\nname = "tracer-typed"\noptions.siz = 1')
    for name in ((), ("--tracer", "tracer-typed")):
        message = refusal("--config", file, *name, "-o", "size=1")
        assert message == f'{file}: tracer.options.siz: unknown option, did you mean "size"? known: size, ratio, mode, compress, label'
    file = site('[tracer]\nname = "tracer-typd"')
    assert refusal("--config", file, "-o", "a=b").startswith(f'{file}: tracer.name: unknown tracer "tracer-typd"')


@pytest.mark.parametrize("option", ["format", "=json", ""])
def test_an_option_that_is_no_assignment_is_one_line(module, option):
    assert "is no KEY=VALUE, such as format=json" in refusal(module, "-o", option)
