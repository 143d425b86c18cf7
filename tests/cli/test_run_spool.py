"""`bext-tracer run` with a receiver that is down: what it says, and what the next run sends."""

from __future__ import annotations

from pathlib import Path
from subprocess import CompletedProcess

from support.http_receiver import Receiver, answer
from support.processes import run_command

REQUEST_TRACE = Path(__file__).resolve().parents[2] / "wasm-fixtures" / "request_trace.wasm"


def run(url: str, *more: str) -> CompletedProcess[str]:
    options = ["-o", f"endpoint={url}", "-o", "timeout_seconds=1.0", "-o", "compression=none", *more]
    return run_command("run", REQUEST_TRACE, "--tracer", "tracer-otlp", *options)


def test_with_a_spool_the_next_run_sends_what_this_one_could_not(tmp_path):
    with Receiver(answer(503, headers={"Retry-After": "60"})) as receiver:
        done = run(receiver.url, "-o", f"spool={tmp_path}")
        assert done.returncode == 1
        assert f"wait to be sent again (spool {tmp_path}): {receiver.url}: 503 Service Unavailable" in done.stderr
        assert len(done.stderr.splitlines()) == 1
        left = receiver.requests[-1].body
    with Receiver(port=receiver.port) as again:
        done = run(again.url, "-o", f"spool={tmp_path}")
        assert (done.returncode, done.stderr) == (0, "")
        assert again.requests[0].body == left
        assert len(again.requests) == 2


def test_without_one_it_says_in_the_end_that_they_are_lost():
    with Receiver(answer(503)) as receiver:
        done = run(receiver.url)
    assert done.returncode == 1
    assert " wait to be sent again (in memory): " in done.stderr.splitlines()[0]
    assert " lost: " in done.stderr.splitlines()[-1]
    assert "(waited in memory until the end: " in done.stderr.splitlines()[-1]


def test_a_spool_that_cannot_be_is_one_line_and_nothing_runs(tmp_path):
    (tmp_path / "file").write_text("")
    done = run("http://127.0.0.1:9/", "-o", f"spool={tmp_path / 'file'}")
    assert done.returncode == 2
    message = f'bext-tracer: --tracer: "tracer-otlp": spool {tmp_path / "file"} cannot be used: Not a directory: {tmp_path / "file"}\n'
    assert done.stderr == message
