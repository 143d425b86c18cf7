"""Build the .wasm fixtures, each language with its pinned toolchain, and byte for byte the same on every machine where it can be.

    python wasm-fixtures/build.py                          build them all
    python wasm-fixtures/build.py request_trace raw_abi    build these two
    python wasm-fixtures/build.py 'conformance/c/*'        build those of a pattern
    python wasm-fixtures/build.py --check                  build aside, and name every committed file that differs

compilers/LANGUAGE.py says which toolchain a language needs. Where its bytes are not reproducible, --check only says whether a fixture
builds, as it does of go_sleep, which is not committed: it carries two megabytes of Go's runtime. It ends with a line for each language.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import groupby
from pathlib import Path
from types import ModuleType
from typing import Final, NamedTuple

from build_error import BuildError

FIXTURES: Final = Path(__file__).resolve().parent

SOURCES: Final = {
    "assemblyscript": ("conformance/assemblyscript/*.ts",),
    "c": ("*.c", "hostile/*.c", "conformance/c/*.c"),
    "cpp": ("conformance/cpp/*.cpp",),
    "go": ("*/main.go", "conformance/go/scenarios.go"),
    "rust": ("conformance/rust/*.rs",),
    "wat": ("*.wat", "hostile/*.wat"),
    "zig": ("conformance/zig/*.zig",),
}
"""Where each language's sources lie; compilers/LANGUAGE.py builds them. In Go a fixture is the package of the file."""


class Source(NamedTuple):
    """What one fixture is built from."""

    language: str
    path: Path

    @property
    def target(self) -> Path:
        """Where it is built: beside its source, a `main.go` by the name of its folder."""
        return self.path.with_name(self.path.parent.name + ".wasm") if self.path.name == "main.go" else self.path.with_suffix(".wasm")

    @property
    def name(self) -> str:
        """What the command line calls it: the path below this folder without the suffix, or the folder of a `main.go`."""
        path = self.path.parent if self.path.name == "main.go" else self.path.with_suffix("")
        return path.relative_to(FIXTURES).as_posix()

    @property
    def is_compared(self) -> bool:
        """Whether the committed bytes must be those that are built."""
        return compiler_of(self.language).REPRODUCIBLE and self.path.name != "main.go"

    def build(self) -> bytes:
        """The module."""
        built: bytes = compiler_of(self.language).compile_fixture(self.path)
        return built


def compiler_of(language: str) -> ModuleType:
    """The module that builds a language's sources."""
    return importlib.import_module(f"compilers.{language}")


def find_sources() -> dict[str, Source]:
    """Every fixture's source by the fixture's name."""
    found = [Source(language, path) for language, patterns in SOURCES.items() for pattern in patterns for path in FIXTURES.glob(pattern)]
    return {source.name: source for source in sorted(found, key=lambda source: source.name)}


def select(sources: dict[str, Source], patterns: Sequence[str]) -> list[Source]:
    """The sources that the patterns name, or all; a pattern that names none raises BuildError."""
    unknown = [pattern for pattern in patterns if not any(fnmatchcase(name, pattern) for name in sources)]
    if unknown:
        raise BuildError(f"no fixture is called {', '.join(unknown)}; there are: {', '.join(sources)}")
    wanted = patterns or ["*"]
    return [source for name, source in sources.items() if any(fnmatchcase(name, pattern) for pattern in wanted)]


def check_compilers(sources: Iterable[Source]) -> None:
    """Raise BuildError unless the pinned toolchains of these sources are installed."""
    for language in sorted({source.language for source in sources}):
        compiler_of(language).check()


def is_there(target: Path, built: bytes) -> bool:
    """Whether the file stands there with just these bytes."""
    return target.is_file() and target.read_bytes() == built


def state_of(source: Source, built: bytes, *, check: bool) -> str:
    """In a word, what there is to say of a fixture, or to do."""
    if check and not source.is_compared:
        return "builds"
    if is_there(source.target, built):
        return "same"
    return "DIFFERS" if check else "written"


def summarize(sources: Iterable[Source]) -> Iterator[str]:
    """For each language, how its fixtures were compared, and what they were built with."""
    for language, of_language in groupby(sorted(sources), key=lambda source: source.language):
        built = list(of_language)
        compared = sum(source.is_compared for source in built)
        parts = [f"{compared} compared byte for byte"] if compared else []
        if compared < len(built):
            parts.append(f"{len(built) - compared} only built (its behaviour is tested)")
        yield f"{language:<15} {', '.join(parts)}; {compiler_of(language).PINNED}"


def run(patterns: Sequence[str], *, check: bool) -> int:
    """Build or check the named fixtures, or all; the exit code."""
    sources = select(find_sources(), patterns)
    check_compilers(sources)
    differing = []
    for source in sources:
        name = source.target.relative_to(FIXTURES).as_posix()
        built = source.build()
        state = state_of(source, built, check=check)
        if state == "DIFFERS":
            differing.append(name)
        elif state == "written":
            source.target.write_bytes(built)
        print(f"{name:<50} {len(built):>9,} bytes  {state}", flush=True)
    if check:
        print("", *summarize(sources), sep="\n")
    if differing:
        print(f"differ from their sources: {', '.join(differing)}", file=sys.stderr)
    return 1 if differing else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a fixture, such as request_trace, or a pattern; all of them without")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a committed file differs")
    options = parser.parse_args(arguments)
    try:
        return run(options.names, check=options.check)
    except BuildError as error:
        print(f"build.py: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
