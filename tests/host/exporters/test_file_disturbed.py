"""FileExporter: lines stay whole, whatever the disk, other processes, logrotate and forks do."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import signal
import subprocess
import sys
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from bext_host.exporters import FileExporter
from host.exporters.finished_files import deadline, export, ids, line_of, lines
from host.exporters.otlp_messages import spans_of, strict
from host.exporters.sample_spans import span
from support.processes import environment


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "traces.jsonl"


def child(code: str, path: Path, before: str = "") -> str:
    """A program that runs code with `exporter` made and `span` and `deadline` at hand."""
    return (
        "import os, resource, signal, sys, time\n"
        "from bext_host.exporters import FileExporter\n"
        "from host.exporters.sample_spans import span\n"
        f"{before}\n"
        "deadline = time.monotonic() + 60\n"
        f"exporter = FileExporter({str(path)!r})\n"
        f"{code}"
    )


def in_child(code: str, path: Path, before: str = "") -> subprocess.CompletedProcess[str]:
    """Run such a program."""
    command = [sys.executable, "-c", child(code, path, before)]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60, check=False)


def write_many(path: Path, first: int, count: int, max_bytes: int, barrier: Barrier) -> None:
    exporter = FileExporter(path, max_bytes=max_bytes, max_files=1_000)
    barrier.wait()
    for number in range(first, first + count):
        export(exporter, span(number, attributes={"padding": "x" * (number % 5_000)}))


@pytest.mark.parametrize("max_bytes", [0, 30_000], ids=["one file", "rotated"])
def test_processes_that_write_at_once_lose_no_line_and_mix_none(path, max_bytes):
    context, count, writers = multiprocessing.get_context("spawn"), 400, 3
    barrier = context.Barrier(writers)
    firsts = [1 + number * count for number in range(writers)]
    running = [context.Process(target=write_many, args=(path, first, count, max_bytes, barrier)) for first in firsts]
    for process in running:
        process.start()
    for process in running:
        process.join(120)
    assert [process.exitcode for process in running] == [0] * writers
    files = list(path.parent.iterdir())
    assert sorted(ids(*files)) == list(range(1, 1 + writers * count))
    assert (len(files) > 20) == (max_bytes > 0)
    assert all(found.stat().st_size <= max_bytes for found in files if max_bytes)


# --- What others do to the file ---


@pytest.mark.parametrize("how", ["moved", "removed", "emptied"])
def test_a_file_that_was_taken_away_is_made_anew(path, how):
    exporter = FileExporter(path)
    export(exporter, span(1))
    if how == "moved":
        path.rename(path.with_name("old"))
    elif how == "removed":
        path.unlink()
    else:
        os.truncate(path, 0)
    export(exporter, span(2))
    assert ids(path) == [2]
    assert how != "moved" or ids(path.with_name("old")) == [1]


def test_a_file_that_is_moved_between_the_opening_and_the_lock_gets_no_line(path, monkeypatch):
    exporter, moved, lock = FileExporter(path), path.with_name("moved"), fcntl.flock

    def lock_late(descriptor: int, operation: int) -> None:
        if not moved.exists():
            path.rename(moved)
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", lock_late)
    export(exporter, span(1))
    assert (ids(path), ids(moved)) == ([1], [])


def test_a_line_that_another_process_left_half_written_does_not_spoil_the_next(path):
    exporter = FileExporter(path)
    with path.open("w") as file:
        file.write(line_of(span(1)) + line_of(span(2))[:-20])
    export(exporter, span(3))
    export(exporter, span(4))
    whole, half, *rest = lines(path)
    assert [found.span_id[-1] for found in spans_of([whole, *rest])] == [1, 3, 4]
    with pytest.raises(ValueError, match="column"):
        strict(half)


def test_a_writer_that_is_killed_leaves_whole_lines_and_no_lock(path):
    code = "for number in range(1, 10**9):\n    exporter.export([span(number)], deadline)\n    number == 200 and print('on', flush=True)"
    command = [sys.executable, "-c", child(code, path)]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
    FileExporter(path).export([span(2**40)], deadline(30))
    *whole, last, after = lines(path)  # the system may stop it in the middle of the last line
    assert [int.from_bytes(found.span_id, "big") for found in spans_of(whole)] == list(range(1, len(whole) + 1))
    assert last.startswith('{"resourceSpans":')
    assert len(whole) > 198
    assert spans_of([after]) == spans_of([line_of(span(2**40))])


def test_a_lock_that_is_held_past_the_deadline_is_an_error_in_words(path):
    exporter = FileExporter(path)
    with HeldLock(path), pytest.raises(TimeoutError, match="another process holds the lock"):
        exporter.export([span(1)], deadline(0.05))
    export(exporter, span(2))
    assert ids(path) == [2]


class HeldLock:
    """A lock on the file by somebody else; each opening of a file locks for itself."""

    def __init__(self, path: Path) -> None:
        self._file = path.open()

    def __enter__(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self._file.close()


# --- The disk is full ---

LIMITED = "resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, resource.RLIM_INFINITY))"
FILL = """
taken = 0
try:
    while True:
        exporter.export([span(taken + 1)], deadline)
        taken += 1
except OSError as error:
    print(taken, type(error).__name__, error.errno, error)
"""


def test_on_a_full_disk_the_error_is_in_words_and_no_half_line_stays(path):
    result = in_child(FILL, path, before=LIMITED)
    taken, kind, *words = result.stdout.split()
    assert (result.returncode, kind) == (0, "OSError"), result.stderr
    assert "cannot write" in " ".join(words)
    assert "File too large" in " ".join(words)
    assert str(path) in " ".join(words)
    assert ids(path) == list(range(1, int(taken) + 1))


def test_when_there_is_room_again_lines_follow_whole(path):
    more = "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)\nexporter.export([span(77)], deadline)"
    result = in_child(FILL + more, path, before=LIMITED)
    assert result.returncode == 0, result.stderr
    assert ids(path) == [*range(1, int(result.stdout.split()[0]) + 1), 77]


def test_where_not_even_the_half_line_can_be_taken_back_the_next_is_whole(path, monkeypatch):
    exporter = FileExporter(path)
    export(exporter, span(1))
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", half_of(os.write))
        patched.setattr(os, "ftruncate", refuse)
        with pytest.raises(OSError, match="No space left"):
            export(exporter, span(2))
    export(exporter, span(3))
    whole, _, last = lines(path)
    assert spans_of([whole, last]) == spans_of([line_of(span(1)), line_of(span(3))])


def half_of(write):
    """A write that has room for half of the first piece and for no other."""
    calls: list[int] = []

    def once(descriptor: int, data: bytes) -> int:
        calls.append(len(data))
        return write(descriptor, data[: len(data) // 2]) if len(calls) == 1 else refuse()

    return once


def refuse(*_: object) -> int:
    raise OSError(28, "No space left on device")


# --- Forks ---


def test_a_forked_child_writes_beside_its_parent(path):
    code = (
        "exporter.export([span(1)], deadline)\n"
        "child = os.fork()\n"
        "for number in range(100):\n"
        "    exporter.export([span(1000 * (child == 0) + number + 2)], deadline)\n"
        "if child: os.waitpid(child, 0)\n"
        "os._exit(0)\n"
    )
    result = in_child(code, path)
    assert result.returncode == 0, result.stderr
    assert sorted(ids(path)) == [*range(1, 102), *range(1002, 1102)]


def test_a_copy_of_the_descriptor_does_not_keep_the_lock(path, monkeypatch):
    """As a process has that was forked without Python's hooks, and has not yet started its program."""
    exporter, write, copies = FileExporter(path), os.write, []

    def copy_first(descriptor: int, data: bytes) -> int:
        copies.append(os.dup(descriptor))
        return write(descriptor, data)

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", copy_first)
        export(exporter, span(1))
    exporter.export([span(2)], deadline(1))
    os.close(copies[0])
    assert ids(path) == [1, 2]


def test_a_child_that_is_forked_in_the_middle_of_a_line_does_not_keep_the_lock(path):
    code = (
        "write, pids, (told, tell) = os.write, [], os.pipe()\n"
        "def fork_first(descriptor, data):\n"
        "    os.write = write\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        try: os.fstat(descriptor)\n"
        "        except OSError: write(tell, b'not open in the child')\n"
        "        else: write(tell, b'open in the child')\n"
        "        time.sleep(60)\n"
        "        os._exit(0)\n"
        "    pids.append(child)\n"
        "    return write(descriptor, data)\n"
        "os.write = fork_first\n"
        "exporter.export([span(1)], deadline)\n"
        "exporter.export([span(2)], time.monotonic() + 1)\n"
        "print(os.read(told, 100).decode())\n"
        "os.kill(pids[0], signal.SIGKILL)\n"
        "os.waitpid(pids[0], 0)\n"
    )
    result = in_child(code, path)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "not open in the child\n"
    assert ids(path) == [1, 2]


def test_nothing_stays_open(path):
    before = set(Path("/proc/self/fd").iterdir())
    exporter = FileExporter(path, max_bytes=500, max_files=2)
    for number in range(20):
        export(exporter, span(number + 1))
    assert set(Path("/proc/self/fd").iterdir()) == before
