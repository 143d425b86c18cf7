"""Where the command's output goes: readers that leave, full disks, no output at all. Never a traceback."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import subprocess
from pathlib import Path

import pytest

from support.processes import COMMAND, environment, run_command

FIXTURES = Path(__file__).resolve().parents[2] / "wasm-fixtures"
ANSI_STYLE = re.compile(r"\x1b\[[0-9;]*m")
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


@pytest.mark.parametrize(
    "command", [("run", REQUEST_TRACE), ("run", REQUEST_TRACE, "--format", "json"), ("inspect", REQUEST_TRACE), ("tracers",)]
)
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


def on_a_terminal(*arguments: str | Path) -> str:
    """What a person sees of both outputs, without its colours."""
    reader, writer = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, *map(str, arguments)], stdout=writer, stderr=writer, env=environment(COLUMNS="80", TERM="xterm")
    ) as process:
        os.close(writer)
        shown = b""
        with contextlib.suppress(OSError):  # as Linux tells that nobody has the other end any more
            while piece := os.read(reader, 65536):
                shown += piece
    os.close(reader)
    assert process.returncode == 0
    return ANSI_STYLE.sub("", shown.decode()).replace("\r\n", "\n")


def test_a_person_gets_a_line_of_each_plugin_of_a_configuration(tmp_path):
    plugin = f'sandbox = "wasm"\npath = "{REQUEST_TRACE}"'
    (tmp_path / "bext.config.toml").write_text(f"[plugins.one]\n{plugin}\n[plugins.two]\n{plugin}\n", encoding="utf-8")
    *_, one, two = on_a_terminal("run", "--config", tmp_path / "bext.config.toml", "--repeat", "3").splitlines()
    for line, name in ((one, "one"), (two, "two")):
        assert re.fullmatch(rf"bext-tracer: {name}: 6 calls, 14 spans, fuel [0-9,]+, [0-9.]+ m?s", line)


def test_a_person_gets_the_tree_alone_of_a_module():
    shown = on_a_terminal("run", REQUEST_TRACE)
    assert max(map(len, shown.splitlines())) <= 80
    assert "bext-tracer" not in shown
    assert "│  plugin request_trace  outcome ok  fuel " in shown
