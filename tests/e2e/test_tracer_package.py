"""The README's tracer package, as an author follows it: built, installed, listed, run with options and from a configuration."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.markdown import REPOSITORY, code_blocks
from support.processes import environment

README = REPOSITORY / "README.md"
BUILD, TRACER = next(
    (build, code)
    for build in code_blocks(README, "toml")
    for code in code_blocks(README, "python")
    if "bext.tracers" in build and code.startswith("# acme_tracer.py\n")
)
LINE = re.compile(r"[0-9a-f]{32} \d+ '.+'")


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The folder that the package was installed into, without any network."""
    source, target = tmp_path_factory.mktemp("acme"), tmp_path_factory.mktemp("site")
    (source / "pyproject.toml").write_text(BUILD, encoding="utf-8")
    (source / "acme_tracer.py").write_text(TRACER, encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-build-isolation"]
    done = subprocess.run(
        [*pip, "--no-deps", "--target", str(target), str(source)],
        capture_output=True, text=True, timeout=120, check=False, env=environment(PIP_CONFIG_FILE="/dev/null"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture
def command(installed, tmp_path):
    """Run `bext-tracer` with the package, in a folder with the README's plugins."""
    (tmp_path / "wasm-fixtures").symlink_to(REPOSITORY / "wasm-fixtures")
    path = environment()["PYTHONPATH"]

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "bext_host.cli", *arguments],
            cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False, env=environment(PYTHONPATH=f"{installed}:{path}"),
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    return run


def names_of(file: Path) -> list[str]:
    lines = file.read_text(encoding="utf-8").splitlines()
    assert all(LINE.fullmatch(line) for line in lines), lines
    return [line.split(maxsplit=2)[2].strip("'") for line in lines]


def test_it_is_listed_with_where_it_comes_from_and_its_options(command):
    assert command("tracers").startswith(
        "tracer-acme  (acme-tracer 1.0)\n"
        "  Appends a line for each span to a file.\n"
        "    -o path=str    required\n"
        "    -o unit=us|ms  default ms\n"
    )


def test_the_readmes_command_runs_it_with_options(command, tmp_path):
    (line,) = [block for block in code_blocks(README, "sh") if "--tracer tracer-acme" in block]
    assert command(*line.split()[1:]) == ""
    assert names_of(tmp_path / "spans.txt") == ["cache.lookup", "db.query", "render", "GET /products/42", "on_request_complete"]


def test_the_readmes_configuration_uses_it(command, tmp_path):
    tracer = code_blocks(README, "toml")[-1]
    plugin = '[plugins.shop]\nsandbox = "wasm"\npath = "wasm-fixtures/request_trace.wasm"\n'
    (tmp_path / "bext.config.toml").write_text(tracer + plugin, encoding="utf-8")
    assert command("run", "--config", "bext.config.toml") == ""
    assert names_of(tmp_path / "spans.txt").count("on_request_complete") == 1
