"""Ctrl-C while a guest runs: it ends at once, with the trace so far and the exit code that shells expect."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from support.processes import start_command
from support.wat import Guest, guest, hook, note, wasm

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="watches the process in /proc")

COUNT = "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))"


def endless_second_call() -> bytes:
    """A module whose on_reload returns the first time, and loops for ever the second time."""
    build = Guest()
    loop = f"(if (i32.eq (global.get $calls) (i32.const 2)) (then {build.start(1, 'running')} (loop $again (br $again))))"
    return build.module("(global $calls (mut i32) (i32.const 0))", hook("on_reload", COUNT, note("c", "(global.get $calls)"), loop))


def cpu_ticks(process: subprocess.Popen[str]) -> int:
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(") ")[2].split()
    return int(fields[11]) + int(fields[12])


def wait_until_busy(process: subprocess.Popen[str]) -> None:
    """Return once the process has computed for a tenth of a second: all it can be doing is to run the loop."""
    ticks = os.sysconf("SC_CLK_TCK") // 10
    start = cpu_ticks(process)
    deadline = time.monotonic() + 30
    while cpu_ticks(process) - start < ticks:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_ctrl_c_ends_an_endless_loop_with_its_trace(tmp_path):
    path = tmp_path / "endless.wasm"
    path.write_bytes(endless_second_call())
    process = start_command("run", path, "--hook", "on_reload", "--repeat", "5", "--format", "json")
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    assert first["events"][0]["attributes"]["a"] == 1
    wait_until_busy(process)
    before = time.monotonic()
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=30)
    assert time.monotonic() - before < 2
    assert process.returncode == 130
    (line,) = errors.splitlines()
    assert "interrupted" in line
    running, host = (json.loads(text) for text in output.splitlines())
    assert (running["name"], running["attributes"]["bext.abandoned"]) == ("running", "interrupted")
    assert host["attributes"]["bext.plugin.outcome"] == "interrupted"


def test_pressing_ctrl_c_again_and_again_shows_no_traceback(tmp_path):
    path = tmp_path / "endless.wasm"
    path.write_bytes(endless_second_call())
    process = start_command("run", path, "--hook", "on_reload", "--repeat", "2", "--format", "json")
    assert process.stdout is not None
    process.stdout.readline()
    wait_until_busy(process)
    deadline = time.monotonic() + 30
    while process.poll() is None:
        assert time.monotonic() < deadline
        process.send_signal(signal.SIGINT)
        time.sleep(0.002)
    _, errors = process.communicate(timeout=30)
    assert "Traceback" not in errors
    assert process.returncode in (130, -signal.SIGINT)  # a shell shows 130 for both


def saying_and_looping(*hooks: str) -> bytes:
    """A module whose exports of these names say "here" on standard error and loop for ever."""
    body = "(call $log (i32.const 0) (i32.const 4) (i32.const 4) (i32.const 4)) (loop $again (br $again))"
    log = '(import "bext" "log" (func $log (param i32 i32 i32 i32)))'
    data = '(memory (export "memory") 1) (data (i32.const 0) "infohere") (func (export "bext_tracer_abi_v1"))'
    return wasm(f"(module {log} {data} {' '.join(hook(name, body) for name in hooks)} {hook('on_cache')})")


def interrupted_where_it_says_so(*arguments: str | Path) -> tuple[list[dict[str, object]], list[str]]:
    """Run, press Ctrl-C when a plugin says "here", and give the attributes of the spans and the lines on standard error after that."""
    process = start_command("run", *arguments, "--fuel", "1000G", "--timeout", "60", "--format", "json")
    assert process.stderr is not None
    assert process.stderr.readline().endswith(": here\n")
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    return [json.loads(line)["attributes"] for line in output.splitlines()], errors.splitlines()


def configured(folder: Path, **plugins: bytes) -> Path:
    """A configuration file with these plugins, in this order."""
    for name, module in plugins.items():
        (folder / f"{name}.wasm").write_bytes(module)
    file = folder / "bext.config.toml"
    file.write_text("".join(f'[plugins.{name}]\nsandbox = "wasm"\npath = "{name}.wasm"\n' for name in plugins), encoding="utf-8")
    return file


def test_ctrl_c_calls_no_further_plugin_and_stops_them_all(tmp_path):
    other = guest(hook("on_reload"), hook("on_server_stop"))
    file = configured(tmp_path, one=saying_and_looping("on_reload"), two=other)
    spans, errors = interrupted_where_it_says_so("--config", file, "--hook", "on_reload", "--repeat", "5")
    assert [(span["bext.plugin.name"], span["bext.plugin.hook"], span["bext.plugin.outcome"]) for span in spans] == [
        ("one", "on_reload", "interrupted"),
        ("two", "on_server_stop", "ok"),
    ]
    assert errors == ["bext-tracer: one: on_reload: the call was interrupted"]


def test_ctrl_c_ends_a_start_up_that_loops(tmp_path):
    file = configured(tmp_path, one=saying_and_looping("_initialize"))
    _, errors = interrupted_where_it_says_so("--config", file, "--hook", "on_cache")
    assert errors == ["bext-tracer: plugin cannot be used: one: _initialize: the call was interrupted"]
    _, errors = interrupted_where_it_says_so(tmp_path / "one.wasm", "--hook", "on_cache")
    assert errors == ["bext-tracer: one: _initialize: the call was interrupted"]


def test_ctrl_c_ends_plugins_that_loop_on_their_way_out_when_they_had_their_time(tmp_path):
    file = configured(tmp_path, one=saying_and_looping("on_reload"), two=saying_and_looping("on_server_stop"))
    spans, errors = interrupted_where_it_says_so("--config", file, "--hook", "on_reload")
    assert [(span["bext.plugin.hook"], span["bext.plugin.outcome"]) for span in spans] == [
        ("on_reload", "interrupted"),
        ("on_server_stop", "interrupted"),
    ]
    assert errors == [
        "bext-tracer: one: on_reload: the call was interrupted",
        "two: here",
        "bext-tracer: two: on_server_stop: the call was interrupted",
    ]


def test_a_guest_that_sleeps_where_nothing_can_wake_it_is_left_behind(tmp_path):
    """WASI's poll_oneoff with a clock of an hour: no interrupt reaches it, so the command goes without it."""
    text = """(module
      (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "on_reload")
        (i32.store (i32.const 16) (i32.const 1))
        (i64.store (i32.const 24) (i64.const 3600000000000))
        (drop (call $poll (i32.const 0) (i32.const 256) (i32.const 1) (i32.const 512)))))"""
    path = tmp_path / "sleeper.wasm"
    path.write_bytes(wasm(text))
    process = start_command("run", path, "--hook", "on_reload")
    deadline = time.monotonic() + 30
    quiet, ticks = 0, -1
    while quiet < 20:  # it has computed its way into the sleep
        assert time.monotonic() < deadline
        assert process.poll() is None
        now = cpu_ticks(process)
        quiet = quiet + 1 if now == ticks and now > 10 else 0
        ticks = now
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert len(errors.splitlines()) == 1
