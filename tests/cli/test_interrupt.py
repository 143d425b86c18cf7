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
from support.wat import Guest, hook, note, wasm

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
