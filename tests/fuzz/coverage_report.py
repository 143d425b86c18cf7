"""Measures which lines the fuzzers' corpora and the tests reach: `python -m fuzz.coverage_report c` or `python`, from tests/.

`c` is host/native, under both C targets with their corpora, and under the tests of the boundary, the recorder and the engine with an
extension built for it; it needs clang and llvm. `python` is bext_abi's codec under the corpus; it needs coverage (extra `fuzz`).
It prints a table, and each line that nothing reached.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from fuzz import build, corpus
from native.c_build import NATIVE, ROOT, compiler
from native.extension_build import copy_packages

TESTS = (
    "tests/host/boundary",
    "tests/host/recorder",
    "tests/native/test_engine_differential.py",
    "tests/native/test_engine_lifetimes.py",
    "tests/native/test_recorder_differential.py",
    "tests/native/test_recorder_lifetimes.py",
    "tests/host/exporters/otlp/test_native_bytes.py",
    "tests/host/exporters/otlp/test_guarded_keys.py",
    "tests/host/runtime/test_flush_loop.py",
    "tests/fuzz/test_abi_model.py",
)


# --- C ---


def _environ(folder: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "LLVM_PROFILE_FILE": str(folder / "%p-%m.profraw"), **more}


def run_target(target: str, folder: Path) -> Path:
    """The program, which has run its corpus."""
    name = build.CORPORA[target]
    inputs = corpus.unpack([*corpus.load(name), *corpus.SEEDS[name]()], folder / name)
    program = build.TARGETS[target](folder, *build.COVERAGE)
    subprocess.run([program, "-runs=0", inputs], env=_environ(folder), check=True, capture_output=True)
    return program


def run_tests(folder: Path) -> Path:
    """The extension, which the tests have driven."""
    packages = folder / "packages"
    extension = copy_packages(packages, compiler("clang"), build.COVERAGE)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "not reference", *TESTS]
    path = os.pathsep.join(map(str, (packages, ROOT / "tests")))
    environ = _environ(folder, PYTHONPATH=path, BEXT_TRACER_ENGINE="native")
    subprocess.run(command, cwd=ROOT, env=environ, check=True)
    return extension


def counts_by_line(lcov: str) -> dict[str, dict[int, int]]:
    """How often each line of host/native ran, by file name: the targets and the extension were built from copies in several places."""
    files: dict[str, dict[int, int]] = {}
    lines: dict[int, int] = {}
    for record in lcov.splitlines():
        kind, _, rest = record.partition(":")
        if kind == "SF":
            name = Path(rest).name
            lines = files.setdefault(name, {}) if (NATIVE / name).exists() else {}
        elif kind == "DA":
            line, count = map(int, rest.split(","))
            lines[line] = lines.get(line, 0) + count
    return {name: lines for name, lines in sorted(files.items()) if lines}


def report_c(folder: Path) -> None:
    """Run everything, and print what it reached."""
    objects = [run_target(target, folder) for target in build.TARGETS]
    objects.append(run_tests(folder))
    profile = folder / "all.profdata"
    subprocess.run(["llvm-profdata", "merge", "-sparse", "-o", profile, *folder.glob("*.profraw")], check=True)
    others = [argument for program in objects[1:] for argument in ("-object", str(program))]
    command = ["llvm-cov", "export", "-format=lcov", str(objects[0]), *others, f"-instr-profile={profile}"]
    print_c(counts_by_line(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def print_c(files: dict[str, dict[int, int]]) -> None:
    """Lines, lines reached, per cent, and which were not."""
    total = reached = 0
    for name, lines in files.items():
        missed = [line for line, count in sorted(lines.items()) if not count]
        total, reached = total + len(lines), reached + len(lines) - len(missed)
        print(f"{name:24} {len(lines):5} {100 * (1 - len(missed) / len(lines)):6.1f} %  {missed or ''}")
    print(f"{'all':24} {total:5} {100 * reached / total:6.1f} %")


# --- Python ---


def report_python(folder: Path) -> None:
    """Run the corpus through the property, and print what of the codec it reached."""
    coverage = [sys.executable, "-m", "coverage"]
    data = f"--data-file={folder / 'data'}"
    subprocess.run([*coverage, "run", data, "--source=bext_abi.codec", "-m", "fuzz.replay"], check=True)
    subprocess.run([*coverage, "report", data, "--show-missing"], check=True)


def main() -> None:
    """The command."""
    options = argparse.ArgumentParser(prog="fuzz.coverage_report", description=__doc__)
    options.add_argument("of", choices=["c", "python"])
    chosen = options.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="bext-coverage-"))
    try:
        (report_c if chosen.of == "c" else report_python)(folder)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
