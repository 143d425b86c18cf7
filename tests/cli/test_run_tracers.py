"""`bext-tracer run` with several tracers: all of them get the spans, each has the options behind its name, a failure is told once."""

from __future__ import annotations

import json
import socket

import pytest

from support.processes import call_command, run_command
from support.tracer_packages import MODULE, TracerPackages

SOURCE = """
import threading
from bext_abi import FlushError
from bext_host.exporters import MemoryExporter
from bext_host.testing import RecordingTracer

made = []

def memory(*, label: str = "", size: int = 0):
    exporter = MemoryExporter()
    exporter.name, exporter.options = label or "memory", (label, size)
    made.append(exporter)
    return exporter

class Refused(MemoryExporter):
    def export(self, batch, deadline):
        made.append(batch)
        raise OSError("refused")

class Varies(MemoryExporter):
    name = "varies"
    def export(self, batch, deadline):
        made.append(batch)
        raise (OSError if len(made) < 3 else ValueError)(f"attempt {len(made)}")

def varies():
    return Varies()

def refused(*, label: str = "refused"):
    exporter = Refused()
    exporter.name = label
    return exporter

class Slow(RecordingTracer):
    "Fails in each flush, and lets the run's wait until one on the interval has failed, and been logged."
    def __init__(self):
        super().__init__()
        self.loops = 0
        self.logged = threading.Event()
    def flush(self):
        if threading.current_thread().name != "bext-flush":
            assert self.logged.wait(30)
        elif self.loops:
            self.logged.set()
        else:
            self.loops += 1
        raise FlushError({"slow": "refused"})

def slow():
    made.append(Slow())
    return made[-1]

class Sometimes(RecordingTracer):
    "Fails in the loop's first flush, and in no other."
    def __init__(self):
        super().__init__()
        self.failed = threading.Event()
    def flush(self):
        if threading.current_thread().name == "bext-flush" and not self.failed.is_set():
            self.failed.set()
            raise FlushError({"sometimes": "refused"})
        assert self.failed.wait(30)

def sometimes():
    return Sometimes()

def fails():
    raise ValueError("no such endpoint")
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    packages = TracerPackages(tmp_path / "packages", monkeypatch)
    packages("acme-traces", {name: f"{MODULE}:{name}" for name in ("memory", "refused", "slow", "sometimes", "varies", "fails")}, SOURCE)
    yield packages
    packages.forget()


TWO = '[[tracer]]\nname = "memory"\noptions.label = "one"\n[[tracer]]\nname = "memory"\noptions.label = "two"\noptions.size = 2'
PRINTS_TOO = '[[tracer]]\nname = "tracer-stdout"\n[[tracer]]\nname = "memory"'


def call(*arguments):
    return call_command("run", *arguments, "--hook", "on_reload")


def run(*arguments) -> str:
    """What a run that goes well prints."""
    result = call(*arguments)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def refusal(*arguments) -> str:
    """The line of a run that is wrong usage, and runs nothing."""
    result = call(*arguments)
    assert (result.returncode, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    return line.removeprefix("bext-tracer: ")


def options_of(package) -> list:
    return [made.options for made in package.made]


# --- The command line ---


def test_each_tracer_has_the_options_behind_its_name(package, module):
    one, two = ("--tracer", "memory", "-o", "label=a", "-o", "size=1"), ("--tracer", "memory", "--option", "label=b")
    printed = run(module, *one, "--tracer", "tracer-stdout", "-o", "format=json", *two)
    assert json.loads(printed)["name"] == "on_reload"
    assert options_of(package) == [("a", 1), ("b", 0)]
    assert [[span.name for span in made.spans] for made in package.made] == [["on_reload"]] * 2


def test_the_options_of_an_only_tracer_may_stand_before_it(package, module):
    run(module, "-o", "label=a", "--tracer", "memory", "-o", "size=1")
    assert options_of(package) == [("a", 1)]


def test_the_format_is_of_the_one_that_prints(package, module):
    assert json.loads(run(module, "--tracer", "memory", "--tracer", "tracer-stdout", "--format", "json"))["name"] == "on_reload"


# --- A configuration ---


def test_the_files_tracers_all_get_the_spans(package, site):
    run("--config", site(TWO))
    assert [len(made.spans) for made in package.made] == [1, 1]


def test_a_tracer_of_the_file_that_is_named_keeps_its_options(package, site):
    run("--config", site(TWO), "--tracer", "memory", "-o", "size=5", "--tracer", "memory", "--tracer", "memory", "-o", "label=three")
    assert options_of(package) == [("one", 5), ("two", 2), ("three", 0)]


def test_one_of_the_files_tracers_can_be_chosen(package, site):
    assert run("--config", site(PRINTS_TOO), "--tracer", "memory") == ""
    assert len(package.made[0].spans) == 1


def test_the_format_is_of_the_one_in_the_file_that_prints(package, site):
    assert json.loads(run("--config", site(PRINTS_TOO), "--format", "json"))["name"] == "on_reload"


# --- One line for what is wrong ---

MEMORIES = ("--tracer", "memory", "--tracer", "memory")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-o", "size=1", *MEMORIES), "-o size: with several tracers, each -o belongs to the --tracer before it"),
        (MEMORIES, '--tracer: "memory" is there twice with the same options'),
        ((*MEMORIES, "-o", "size=x"), '--tracer memory -o size: expected a whole number, found "x"'),
        ((*MEMORIES, "-o", "siz=x"), '--tracer memory -o siz: unknown option, did you mean "size"? known: label, size'),
        (("--tracer", "memory", "--tracer", "tracer-file"), '--tracer tracer-file -o path: missing, "tracer-file" needs it'),
        (("--tracer", "memory", "--tracer", "fails"), '--tracer: "fails": no such endpoint'),
        (("--tracer", "memory", "--tracer", "nobodys"), '--tracer: unknown tracer "nobodys"; known: '),
        (("--tracer", "memory", "--tracer", "fails", "--format", "json"), "--format: the tracers are memory, fails, only tracer-stdout"),
        (
            ("--tracer", "tracer-stdout", "-o", "format=tree", "--tracer", "memory", "--format", "json"),
            "--format: -o format says it, too; give one of them",
        ),
        (
            ("--tracer", "tracer-stdout", "--tracer", "tracer-stdout", "--format", "json"),
            "--format: 2 tracers are tracer-stdout; give each its -o format=...",
        ),
    ],
)
@pytest.mark.usefixtures("package")
def test_what_the_command_line_says_is_blamed_on_it(module, site, arguments, message):
    assert refusal(module, *arguments).startswith(message)
    assert refusal("--config", site(""), *arguments).startswith(message)


@pytest.mark.usefixtures("package")
def test_what_the_file_says_is_blamed_on_the_file(site):
    file = site('[[tracer]]\nname = "memory"\n[[tracer]]\nname = "memory"\noptions.siz = 1')
    for arguments in ((), ("--tracer", "memory", "-o", "size=1", "--tracer", "memory")):
        assert refusal("--config", file, *arguments).startswith(f"{file}: tracer[1].options.siz: unknown option")


@pytest.mark.usefixtures("package")
def test_options_without_a_name_are_nobodys_where_the_file_has_several_tracers(site):
    file = site(TWO)
    assert refusal("--config", file, "-o", "size=1") == f"-o size: {file} has 2 tracers, choose with --tracer"
    assert refusal("--config", file, "--format", "json").startswith(
        f"--format: the tracers of {file} are memory, memory, only tracer-stdout"
    )


# --- Tracers that fail ---


def failure(*arguments) -> str:
    """The one line of a run that went wrong."""
    result = call(*arguments)
    assert result.returncode == 1, result.stderr
    (line,) = result.stderr.splitlines()
    return line


def test_one_that_fails_keeps_the_others_from_nothing_and_is_told_once(package, module):
    line = failure(module, "--repeat", "3", "--tracer", "refused", "--tracer", "memory")
    assert line == "bext-tracer: refused: OSError: refused"
    assert len(package.made[0].spans) == 3


def test_a_dead_receiver_costs_a_file_and_a_person_nothing(module, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as unused:
        endpoint = f"endpoint=http://127.0.0.1:{unused.getsockname()[1]}/v1/traces"
    dead = ("--tracer", "tracer-otlp", "-o", endpoint, "-o", "timeout_seconds=0.5")
    alive = ("--tracer", "tracer-stdout", "--tracer", "tracer-file", "-o", f"path={tmp_path / 'traces.jsonl'}")
    result = run_command("run", module, "--hook", "on_reload", "--repeat", "2", *dead, *alive)
    assert (result.returncode, result.stdout.count("trace ")) == (1, 2)
    assert len((tmp_path / "traces.jsonl").read_text().splitlines()) == 2
    waiting, lost = result.stderr.splitlines()
    assert waiting.startswith("bext-tracer: otlp: SpansWaiting: 1 span waits ")
    assert lost.startswith("bext-tracer: otlp: SpansLost: 2 spans lost: ")
    assert "cannot connect" in waiting
    assert "cannot connect" in lost


@pytest.mark.usefixtures("package")
def test_another_kind_of_failure_is_told_and_other_numbers_are_not(module):
    result = call(module, "--repeat", "4", "--tracer", "varies", "--tracer", "tracer-stdout")
    assert result.returncode == 1
    assert result.stderr.splitlines() == ["bext-tracer: varies: OSError: attempt 1", "bext-tracer: varies: ValueError: attempt 3"]


def test_each_that_fails_is_told(package, module):
    tracers = ("--tracer", "refused", "-o", "label=a", "--tracer", "refused", "-o", "label=b")
    assert failure(module, *tracers, "--repeat", "5") == "bext-tracer: a: OSError: refused; b: OSError: refused"
    assert len(package.made) == 2  # the run ended with the first flush, since nobody got its spans


@pytest.mark.usefixtures("package")
def test_what_flushes_on_the_interval_have_told_is_not_told_again(site):
    assert failure("--config", site('[tracer]\nname = "slow"\nflush_seconds = 0.01')) == "bext-tracer: slow: refused"


@pytest.mark.usefixtures("package")
def test_what_only_a_flush_on_the_interval_could_not_hand_over_is_told(site):
    assert failure("--config", site('[tracer]\nname = "sometimes"\nflush_seconds = 0.01')) == "bext-tracer: sometimes: refused"


def test_a_reader_that_left_ends_the_run_and_is_no_failure_worth_a_line(package, module, monkeypatch):
    def gone(*_: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("bext_host.exporters.StdoutExporter.export", gone)
    monkeypatch.setattr("bext_host.cli.run_session.silence_output", lambda: 1)
    line = failure(module, "--repeat", "3", "--tracer", "memory", "--tracer", "refused", "--tracer", "tracer-stdout")
    assert line == "bext-tracer: refused: OSError: refused"
    assert len(package.made[0].spans) == 1
