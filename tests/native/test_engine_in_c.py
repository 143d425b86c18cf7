"""The native engine in C alone, under sanitizers: while memory is refused, and while threads share scopes and a recorder."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from native.c_build import C11, HERE, NATIVE, compiler, run

pytestmark = pytest.mark.toolchain

WITHOUT_PYTHON = sorted(path.name for path in NATIVE.glob("*.c") if path.name != "python_engine.c")
UNIT = "".join(f'#include "{name}"\n' for name in ("counted_memory.h", *WITHOUT_PYTHON))
SANITIZE = ["-g", "-O1", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]


def driver(folder: Path, sanitizers: str) -> Path:
    """The engine and its driver, built with these sanitizers."""
    cc, unit, program = compiler("gcc", "clang"), folder / "engine.c", folder / "driver"
    unit.write_text(UNIT)
    flags = [*C11, f"-iquote{HERE}", "-D_POSIX_C_SOURCE=200809L", *SANITIZE, f"-fsanitize={sanitizers}"]
    run([cc, *flags, unit, HERE / "engine_driver.c", HERE / "stand_in_wasmtime.c", "-pthread", "-o", program])
    return program


def run_program(program: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What it said. Skips where the thread sanitizer does not know how this kernel lays out memory, as some older ones do not."""
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=300, check=False)
    if "unexpected memory mapping" in done.stderr:
        pytest.skip("the thread sanitizer does not run on this kernel")
    return done


def assert_clean(program: Path, *arguments: str) -> None:
    """It runs to its end, and neither it nor a sanitizer says anything."""
    done = run_program(program, *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


def test_refused_memory_breaks_nothing_leaks_nothing_and_every_count_is_exact(tmp_path):
    assert_clean(driver(tmp_path, "address,undefined"), "memory", "1000")


def test_threads_that_share_scopes_and_a_recorder_race_nowhere(tmp_path):
    assert_clean(driver(tmp_path, "thread"), "threads", "60000")


RACE = """
#include <pthread.h>
static int shared;
static void *add(void *unused) { for (int i = 0; i < 10000; i++) shared++; return unused; }
int main(void) {
  pthread_t threads[2];
  for (int i = 0; i < 2; i++) pthread_create(&threads[i], 0, add, 0);
  for (int i = 0; i < 2; i++) pthread_join(threads[i], 0);
  return 0;
}
"""


def test_the_thread_sanitizer_finds_a_race_where_there_is_one(tmp_path):
    source, program = tmp_path / "race.c", tmp_path / "race"
    source.write_text(RACE)
    run([compiler("gcc", "clang"), *SANITIZE, "-fsanitize=thread", source, "-pthread", "-o", program])
    done = run_program(program)
    assert done.returncode != 0
    assert "data race" in done.stderr
