"""Compiled modules between processes: those that come later, those that write at once, those that may not write, and forked children."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading

import pytest

from bext_host.runtime.fork_gate import _Gate
from bext_host.runtime.module_cache import ModuleCache
from support.compiled import counts, load
from support.hammer import wait_until_blocked
from support.processes import environment, run_python

PATIENCE = 30

_PRELUDE = """
import json, logging, os, signal, sys, threading, warnings
from pathlib import Path
warnings.simplefilter("ignore")  # Python 3.12 warns of forks beside threads, which is what this is about
from bext_host.runtime.module_cache import ModuleCache
from support.compiled import CONFIGURATION, answering, counts, load, new_engine
folder = Path(sys.argv[1])
"""


def outcome(code: str, folder, *arguments: str) -> object:
    """What a process of its own prints, as JSON."""
    result = run_python(_PRELUDE + code, str(folder), *arguments)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- Several processes ------------------------------------------------------------------------------------------------


def test_a_process_finds_what_another_compiled(tmp_path):
    code = "cache = ModuleCache(folder); print(json.dumps([load(cache, 7), counts(cache)]))"
    assert outcome(code, tmp_path / "modules") == [7, {"compiled": 1}]
    assert outcome(code, tmp_path / "modules") == [7, {"hits_disk": 1}]


WRITER = """
print("ready", flush=True)
sys.stdin.readline()
answers, seen = [], set()
for step in range(120):
    cache = ModuleCache(folder)
    answers.append(load(cache, step % 3) == step % 3)
    seen |= set(counts(cache))
    if step % 2:
        for entry in folder.glob("*.module"):
            entry.unlink(missing_ok=True)
print(json.dumps([all(answers), len(answers), sorted(seen)]))
"""


def test_processes_that_write_and_remove_the_same_entries_at_once_never_get_a_wrong_module(tmp_path):
    folder = tmp_path / "modules"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", _PRELUDE + WRITER, folder],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(),
        )
        for _ in range(3)
    ]  # fmt: skip
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        output, errors = writer.communicate(timeout=60)
        assert errors == ""
        assert json.loads(output) == [True, 120, ["compiled", "hits_disk"]]
    assert all(name.endswith(".module") for name in names(folder))


# --- A disk that is full ----------------------------------------------------------------------------------------------

FULL = """
import resource
logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(message)s")
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
cache = ModuleCache(folder)
print(json.dumps([load(cache, 1), load(cache, 2), counts(cache)]))
"""


def test_a_disk_without_room_fails_nothing_leaves_nothing_and_is_told_once(tmp_path):
    folder = tmp_path / "modules"
    result = run_python(_PRELUDE + FULL, str(folder))
    assert json.loads(result.stdout) == [1, 2, {"compiled": 2}]
    assert result.stderr == "WARNING cannot write a compiled module on disk: [Errno 27] File too large\n"
    assert names(folder) == []


def test_a_damaged_entry_is_removed_even_where_there_is_no_room_for_another(tmp_path):
    folder = tmp_path / "modules"
    load(ModuleCache(folder), 1)
    (entry,) = folder.iterdir()
    os.truncate(entry, 100)
    result = run_python(_PRELUDE + FULL, str(folder))
    assert json.loads(result.stdout) == [1, 2, {"compiled": 2, "rebuilt": 1}]
    assert names(folder) == []


# --- Forks ------------------------------------------------------------------------------------------------------------

_IN_CHILD = """
def in_child(work):
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        signal.alarm(60)  # a child that hangs gives no answer; one on a busy machine does
        try:
            os.write(writer, json.dumps(work()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answers:
        answer = answers.read()
    os.waitpid(pid, 0)
    return json.loads(answer or '"hung"')

def in_thread(work):
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread
"""


def forked(code: str, folder) -> object:
    return outcome(_IN_CHILD + code, folder)


def test_a_child_is_not_held_up_by_locks_that_a_thread_of_the_parent_had(tmp_path):
    answer = forked(
        """
cache, held, done = ModuleCache(folder), threading.Event(), threading.Event()
def hold():
    with cache._shared._lock, cache._counts_lock:
        held.set()
        done.wait(30)
in_thread(hold)
held.wait(30)
print(json.dumps(in_child(lambda: [load(cache, 3), counts(cache)])))
done.set()
""",
        tmp_path / "modules",
    )
    assert answer == [3, {"compiled": 1}]


def test_a_child_does_not_wait_for_what_a_thread_of_the_parent_was_loading(tmp_path):
    answer = forked(
        """
cache, engine, reading, done = ModuleCache(folder), new_engine(), threading.Event(), threading.Event()
class Slow:
    folder = folder
    def read(self, key):
        reading.set()
        done.wait(30)
        raise FileNotFoundError
    def write(self, key, code):
        pass
cache._store, store = Slow(), cache._store
parents = in_thread(lambda: cache.module(answering(3), engine, CONFIGURATION))
reading.wait(30)
def child():
    cache._store = store
    cache.module(answering(3), engine, CONFIGURATION)
    return counts(cache)
answer = in_child(child)
done.set()
parents.join()
print(json.dumps([answer, counts(cache)]))
""",
        tmp_path / "modules",
    )
    assert answer == [{"compiled": 1}, {"compiled": 1}]


def test_children_of_a_parent_whose_threads_are_compiling_can_compile(tmp_path):
    """Without the gate some of them hang in wasmtime."""
    answers = forked(
        """
cache, engine, stop = ModuleCache(folder / "impossible\\0"), new_engine(), threading.Event()
def compile_again_and_again(number):
    while not stop.is_set():
        cache.module(answering(number), engine, CONFIGURATION)
threads = [in_thread(lambda number=number: compile_again_and_again(number)) for number in range(3)]
def child():
    cache.module(answering(10), engine, CONFIGURATION)
    return "compiled"
answers = [in_child(child) for _ in range(40)]
stop.set()
for thread in threads:
    thread.join()
print(json.dumps(sorted(set(answers))))
""",
        tmp_path / "modules",
    )
    assert answers == ["compiled"]


def test_a_module_of_the_parent_is_in_the_childs_memory(tmp_path):
    answer = forked(
        """
cache, engine = ModuleCache(folder), new_engine()
module = cache.module(answering(1), engine, CONFIGURATION)
print(json.dumps(in_child(lambda: [cache.module(answering(1), engine, CONFIGURATION) is module, counts(cache)])))
""",
        tmp_path / "modules",
    )
    assert answer == [True, {"compiled": 1, "hits_memory": 1}]


def in_thread(work) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_a_fork_waits_for_work_and_work_that_comes_meanwhile_for_the_fork():
    gate, order, finish = _Gate(), [], threading.Event()

    def work(name):
        with gate.no_fork():
            order.append(name)
            assert finish.wait(PATIENCE)

    def fork():
        gate.before_fork()
        order.append("fork")
        gate.after_fork_in_parent()

    threads = []
    for part in (lambda: work("first"), fork, lambda: work("second")):
        threads.append(in_thread(part))
        wait_until_blocked(threads[-1])
    assert order == ["first"]
    finish.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert order == ["first", "fork", "second"]


def is_free_to_fork(gate) -> bool:
    """Whether a thread that forks now, and again in the middle of work of its own, as a signal handler may, waits for nothing."""

    def fork():
        gate.before_fork()
        gate.after_fork_in_parent()

    def fork_twice():
        fork()
        with gate.no_fork():
            fork()

    thread = in_thread(fork_twice)
    thread.join(PATIENCE)
    return not thread.is_alive()


def test_a_thread_never_waits_for_itself_and_a_child_for_nobody(monkeypatch):
    monkeypatch.setattr("bext_host.runtime.fork_gate.PATIENCE_SECONDS", 10 * PATIENCE)
    gate, finish = _Gate(), threading.Event()
    assert is_free_to_fork(gate)

    def work():
        with gate.no_fork():
            finish.wait(3 * PATIENCE)

    wait_until_blocked(in_thread(work))
    gate.renew()
    assert is_free_to_fork(gate)
    finish.set()


def test_a_fork_goes_on_after_a_while_whatever_holds_it_up(monkeypatch):
    monkeypatch.setattr("bext_host.runtime.fork_gate.PATIENCE_SECONDS", 0.05)
    gate, working, finish = _Gate(), threading.Event(), threading.Event()

    def work():
        with gate.no_fork():
            working.set()
            assert finish.wait(PATIENCE)

    thread = in_thread(work)
    assert working.wait(PATIENCE)
    gate.before_fork()
    gate.after_fork_in_parent()
    finish.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user as well")
def test_what_another_user_kept_is_never_used(tmp_path):
    """A folder that the environment of another user names, as with sudo."""
    folder = tmp_path / "modules"
    load(ModuleCache(folder), 1)
    (entry,) = folder.iterdir()
    for path in (folder, entry):
        os.chown(path, 54321, -1)
    cache = ModuleCache(folder)
    assert load(cache, 1) == 1
    assert counts(cache) == {"compiled": 1, "refused": 1}
