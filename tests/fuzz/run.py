"""Runs one of the fuzzers for a while, from its corpus and the golden vectors: `python -m fuzz.run decoder --seconds 60`, from tests/.

It exits with 1 where an input broke something; that input is then in the folder `found`, and is what a regression case is made of.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from fuzz import build, corpus

HERE = Path(__file__).resolve().parent
LONGEST = {"payloads": 600, "calls": 2000}
MERGING = {"payloads": [], "calls": ["-use_counters=0"]}
"""Of programs of calls, those are kept that reach another place, not those that only reach it more often: they would be a megabyte."""


def command(target: str, folder: Path) -> list[str]:
    """The program that libFuzzer's options go to."""
    return [str(build.TARGETS[target](folder) if target in build.TARGETS else launcher(folder))]


def launcher(folder: Path) -> Path:
    """The target in Python as a program, since libFuzzer's merge runs it again by its name."""
    program = folder / "codec"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HERE / "codec_target.py"}" "$0" "$@"\n')
    program.chmod(0o755)
    return program


def environment() -> dict[str, str]:
    """Atheris runs in Python, and finds the tests' modules."""
    return {**os.environ, "PYTHONPATH": str(HERE.parent)}


def fuzz(target: str, seconds: int, seed: int, folder: Path) -> int:
    """Run it; what libFuzzer says goes where this program's output goes."""
    name = build.CORPORA[target]
    inputs = corpus.unpack([*corpus.load(name), *corpus.SEEDS[name]()], folder / "inputs")
    found = HERE / "found"
    found.mkdir(exist_ok=True)
    options = [f"-max_total_time={seconds}", f"-seed={seed}", f"-max_len={LONGEST[name]}", "-timeout=10", f"-artifact_prefix={found}/"]
    done = subprocess.run([*command(target, folder), *options, "-print_final_stats=1", inputs], env=environment(), check=False)
    return done.returncode


def keep(target: str, folder: Path) -> None:
    """Add to the corpus what reaches more than it does, and leave out what reaches nothing more."""
    name, merged = build.CORPORA[target], folder / "merged"
    merged.mkdir()
    subprocess.run(
        [*command(target, folder), "-merge=1", *MERGING[name], merged, folder / "inputs"],
        env=environment(),
        check=True,
        capture_output=True,
    )
    seeds = set(corpus.SEEDS[name]())
    kept = {path.read_bytes() for path in merged.iterdir()} - seeds
    others = [other for other, of in build.CORPORA.items() if of == name and other != target]
    corpus.save(name, kept | set(corpus.load(name)) if others else kept)


def main() -> int:
    """The command."""
    options = argparse.ArgumentParser(prog="fuzz.run", description=__doc__)
    options.add_argument("target", choices=sorted(build.CORPORA))
    options.add_argument("--seconds", type=int, default=60)
    options.add_argument("--seed", type=int, default=1, help="0 is another one each time")
    options.add_argument("--keep", action="store_true", help="add what was found to the corpus")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="bext-fuzz-") as name:
        folder = Path(name)
        code = fuzz(chosen.target, chosen.seconds, chosen.seed, folder)
        if code == 0 and chosen.keep:
            keep(chosen.target, folder)
    return code


if __name__ == "__main__":
    sys.exit(main())
