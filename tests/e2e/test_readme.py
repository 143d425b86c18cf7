"""The README's code runs as it is written there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.markdown import REPOSITORY, code_blocks

README = REPOSITORY / "README.md"


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_commands_of_the_set_up_are_one_line_each():
    blocks = code_blocks(README, "sh")[:2]
    assert [block.count("\n") for block in blocks] == [1, 1]
    assert "bext-tracer run" in blocks[0]
    assert "pytest" in blocks[1]


def test_the_embedder_prints_every_span():
    embedder, *_ = code_blocks(README, "python")
    printed = run_python(embedder)
    names = [re.fullmatch(r"[0-9a-f]{16} (.+) [A-Z]+ \{.*\}", line)[1] for line in printed.splitlines()]
    assert names == [
        *("plugin.start", "on_server_start"),
        *("cache.lookup", "db.query", "render", "GET /cart", "on_request_complete"),
        *("plugin.stop", "on_server_stop", "cleanup"),
    ]
    assert re.search(r"^[0-9a-f]{16} GET /cart SERVER \{'http.request.method': 'GET', 'url.path': '/cart'", printed, re.MULTILINE)


def test_a_plugin_that_loops_ends_alone_and_says_why():
    _, limited, *_ = code_blocks(README, "python")
    printed = run_python(limited).splitlines()
    assert "infinite_loop infinite_loop: on_request_complete: the call was not done in 0.2 s" in printed
    assert "request_trace ok" in printed
    assert "{'deadline_exceeded': 1}" in printed


HOOKS_OF_THE_CONFIGURATION = ["on_server_start", *["on_request_complete"] * 3, "on_server_stop"]


def hooks_of_a_run(configuration: str, folder: Path) -> list[str]:
    """The hooks whose spans the README's command prints, as in a checkout: the paths of the file are relative to it."""
    (folder / "bext.config.toml").write_text(configuration, encoding="utf-8")
    (folder / "wasm-fixtures").symlink_to(REPOSITORY / "wasm-fixtures")
    _, *command = code_blocks(README, "sh")[3].split()
    done = subprocess.run(
        [sys.executable, "-m", "bext_host.cli", *command], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [line.split()[0] for line in done.stdout.splitlines() if line.startswith("on_")]


def test_the_configuration_is_run_by_its_command(tmp_path):
    assert hooks_of_a_run(code_blocks(README, "toml")[1], tmp_path) == HOOKS_OF_THE_CONFIGURATION


def test_several_tracers_all_get_the_spans_of_the_configuration(tmp_path):
    several, one, *_ = code_blocks(README, "toml")
    _, plugins = one.split("\n\n", 1)
    assert hooks_of_a_run(several + plugins, tmp_path) == HOOKS_OF_THE_CONFIGURATION
    written = re.findall(r'"name":"(on_[a-z_]+)"', (tmp_path / "traces.jsonl").read_text())
    assert sorted(written) == sorted(HOOKS_OF_THE_CONFIGURATION)


def test_the_trace_is_drawn_as_it_is_shown():
    """Line by line, apart from ids, times, fuel and bars, which differ from run to run or from one wasmtime to another."""

    def fixed(text: str) -> list[str]:
        lines = re.sub(r" +\+?[0-9.]+ [nµm]?s\b|[━╸╺]+|[0-9a-f]{32}|fuel [0-9,]+", "", text).splitlines()
        return [line.rstrip() for line in lines if line.strip()]

    command = [sys.executable, "-m", "bext_host.cli", "run", "wasm-fixtures/request_trace.wasm"]
    done = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "PYTHONUTF8": "1"}
    )
    assert fixed(done.stdout) == fixed(code_blocks(README, "text")[0])


def test_the_bare_embedder_prints_a_trace_and_its_counters():
    _, _, bare, *_ = code_blocks(README, "python")
    printed = run_python(bare)
    assert "trace " in printed
    assert re.search(r"^\d+ spans, 0 malformed$", printed, re.MULTILINE)


def test_an_exporter_of_opentelemetrys_sdk_gets_the_trace():
    pytest.importorskip("opentelemetry.sdk")
    _, _, _, adapted, *_ = code_blocks(README, "python")
    printed = run_python(adapted)
    assert re.findall(r'"name": "(\S+ /cart|on_request_complete)"', printed) == ["GET /cart", "on_request_complete"]
    assert '"service.name": "shop"' in printed


def test_the_custom_tracer_receives_every_operation_with_the_right_types():
    _, _, _, _, tracer, *_ = code_blocks(README, "python")
    printed = run_python(tracer).splitlines()
    assert {line.split()[0] for line in printed} == {"start", "set", "is", "event", "end"}
    assert any(line.endswith("'http.response.status_code': 500}") or "'http.response.status_code': 500," in line for line in printed)
    assert any(re.fullmatch(r"is    \d+ ERROR .+", line) for line in printed)


@pytest.mark.toolchain
def test_the_guest_compiles_and_prints_its_trace(tmp_path):
    (tmp_path / "order.c").write_text(code_blocks(README, "c")[0])
    compile_command = code_blocks(README, "sh")[2].split(" && ")[0].split()[1:]
    header = str(REPOSITORY / "guest_sdk" / "c")
    command = [sys.executable, *(header if word == "guest_sdk/c" else word for word in compile_command)]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=300)
    run = [sys.executable, "-m", "bext_host.cli", "run", "order.wasm"]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "NO_COLOR": "1"})
    assert done.returncode == 0, done.stderr
    for expected in ("place order", "card declined", "INSERT orders", "row locked", "db.response.returned_rows=1"):
        assert expected in done.stdout
