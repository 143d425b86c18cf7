"""Where the command's output goes: readers that leave, full disks, no output at all. Never a traceback."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from support.processes import COMMAND, environment, run_command

FIXTURES = Path(__file__).resolve().parents[2] / "wasm-fixtures"
REQUEST_TRACE = FIXTURES / "request_trace.wasm"


def one_line(result: subprocess.CompletedProcess[str], code: int) -> str:
    """The only line on standard error of a run that ended with this code."""
    assert result.returncode == code, result.stderr
    (line,) = result.stderr.splitlines()
    assert line.startswith("bext-tracer")
    assert line.isprintable()
    return line


@pytest.mark.parametrize("form", ["tree", "json"])
def test_a_reader_that_leaves_ends_the_run_without_a_traceback(form):
    writer = subprocess.Popen(
        [*COMMAND, "run", str(REQUEST_TRACE), "--repeat", "2000", "--format", form],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    assert writer.stdout is not None
    assert writer.stderr is not None
    assert writer.stdout.readline()
    writer.stdout.close()
    errors = writer.stderr.read()
    writer.stderr.close()
    assert writer.wait(30) != 0
    assert "Traceback" not in errors
    assert len(errors.splitlines()) <= 1


@pytest.mark.parametrize("command", [("run", REQUEST_TRACE), ("run", REQUEST_TRACE, "--format", "json"), ("inspect", REQUEST_TRACE)])
def test_a_full_disk_is_one_line(command):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        assert "No space left" in one_line(run_command(*command, stdout=full), 1)


@pytest.mark.parametrize("command", ["run", "inspect"])
def test_no_standard_output_at_all_is_no_traceback(command):
    result = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *COMMAND, command, str(REQUEST_TRACE)],
        stderr=subprocess.PIPE, text=True, env=environment(), timeout=60, check=False,
    )  # fmt: skip
    assert "Traceback" not in result.stderr
    assert len(result.stderr.splitlines()) <= 1


def test_an_output_of_plain_ascii_is_no_traceback():
    result = run_command("run", FIXTURES / "hostile_names.wasm", env={"PYTHONIOENCODING": "ascii"})
    assert (result.returncode, result.stderr) == (0, "")
