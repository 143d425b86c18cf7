"""`bext-tracer tracers`: all that are installed, with their options; what is broken is listed and breaks nothing."""

from __future__ import annotations

import json
from importlib.metadata import version

import pytest

from support.processes import call_command, run_command
from support.tracer_packages import MODULE, TracerPackages

OURS = f"tracer-stdout  (bext-tracer {version('bext-tracer')})"


@pytest.fixture
def package(tmp_path, monkeypatch):
    packages = TracerPackages(tmp_path, monkeypatch)
    yield packages
    packages.forget()


def listed() -> list[str]:
    result = call_command("tracers")
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout.splitlines()


def listed_as_json() -> dict[str, dict]:
    result = call_command("tracers", "--json")
    assert (result.returncode, result.stderr) == (0, "")
    return {tracer["name"]: tracer for tracer in json.loads(result.stdout)}


def test_ours_are_listed_without_any_package():
    lines = run_command("tracers").stdout.splitlines()
    at = lines.index(OURS)
    assert lines[at + 1].startswith("  Prints traces")
    assert lines[at + 2].split()[:2] == ["-o", "format=tree|json|otlp-json"]


def test_a_packages_tracer_is_listed_with_where_it_comes_from_and_its_options(package):
    package("acme-traces", {"tracer-acme": f"{MODULE}:typed"})
    assert listed()[:7] == [
        "tracer-acme  (acme-traces 1.0)",
        "  Sends spans to Acme.",
        "    -o size=int        required",
        "    -o ratio=float     default 0.5",
        "    -o mode=fast|safe  default safe",
        "    -o compress=bool   default false",
        "    -o label=str|None  optional",
    ]


def test_a_program_gets_the_same_as_json(package):
    package("acme-traces", {"tracer-acme": f"{MODULE}:typed", "tracer-any": f"{MODULE}:whole_tracer"})
    found = listed_as_json()
    acme = found["tracer-acme"]
    assert (acme["package"], acme["version"], acme["summary"], acme["problem"]) == ("acme-traces", "1.0", "Sends spans to Acme.", "")
    assert acme["options"][:2] == [
        {"name": "size", "type": "int", "required": True, "default": None},
        {"name": "ratio", "type": "float", "required": False, "default": 0.5},
    ]
    assert [found[name]["takes_any_option"] for name in ("tracer-acme", "tracer-any", "tracer-stdout")] == [False, True, False]
    assert found["tracer-stdout"]["package"] == "bext-tracer"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_module_at_all", "cannot be imported: No module named 'no_such_module_at_all'"),
        ("raise ValueError('broken\\x1b[1m')", "cannot be imported: broken\\x1b[1m"),
        ("raise SystemExit(3)", "cannot be imported: 3"),
        ("", f"cannot be imported: module '{MODULE}' has no attribute 'memory'"),
        ("memory = 5", "is no factory but int"),
    ],
)
def test_a_package_that_is_broken_is_listed_and_breaks_nothing(package, source, reason):
    package("acme-traces", {"tracer-acme": f"{MODULE}:memory"}, source)
    lines = listed()
    assert lines[:2] == ["tracer-acme  (acme-traces 1.0)", f'  cannot be used: "tracer-acme" of package acme-traces {reason}']
    assert OURS in lines


def test_an_entry_point_that_names_nothing_breaks_nothing(package):
    package("acme-traces", {"tracer-acme": "!"})
    assert OURS in listed()


def test_a_name_that_is_ours_or_anothers_too_cannot_be_used(package):
    for name in ("acme-traces", "other-traces"):
        package(name, {"tracer-acme": f"{MODULE}:memory"})
    package("third-traces", {"tracer-stdout": f"{MODULE}:memory"})
    lines = listed()
    assert lines.count('  cannot be used: "tracer-acme" is offered by more than one package: acme-traces, other-traces') == 2
    at = lines.index("tracer-stdout  (third-traces 1.0)")
    assert lines[at + 1] == "  cannot be used: bext-tracer has a tracer of this name, which is used"
    assert OURS in lines


def test_defaults_and_words_that_are_not_plain_are_shown_safely(package):
    source = """
    class Odd:
        def __repr__(self):
            raise RuntimeError
    def memory(*, odd=Odd(), far=float("inf"), control="\\x1b[1m", long="x" * 500, **rest: "int"):
        "Says \\x1b[1m more."
    """
    package("acme-traces", {"tracer-acme": f"{MODULE}:memory"}, source)
    lines = listed()
    assert all(line.isprintable() and len(line) < 120 for line in lines)
    assert lines[1] == "  Says \\x1b[1m more."
    assert lines[6].split() == ["-o", "KEY=int", "any", "other"]
    assert [option["default"] for option in listed_as_json()["tracer-acme"]["options"]][:2] == ["Odd", "inf"]


def test_what_a_package_prints_when_it_is_imported_is_not_in_the_list(package):
    package("acme-traces", {"tracer-acme": f"{MODULE}:memory"}, "print('loading')\ndef memory(): ...")
    result = call_command("tracers", "--json")
    assert result.stderr == "loading\n"
    assert "tracer-acme" in {tracer["name"] for tracer in json.loads(result.stdout)}


def test_wrong_usage_is_one_line():
    result = call_command("tracers", "--bogus")
    assert (result.returncode, len(result.stderr.splitlines())) == (2, 1)
