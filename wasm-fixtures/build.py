"""Build the .wasm fixtures, byte for byte the same on every machine: C with the pinned zig, .wat with wasmtime.

    python wasm-fixtures/build.py                          build them all
    python wasm-fixtures/build.py request_trace links      build these two
    python wasm-fixtures/build.py --check                  build aside, and name every committed file that differs

Needs `pip install ziglang==0.17.1` for the C fixtures, and wasmtime for the .wat files.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

FIXTURES: Final = Path(__file__).resolve().parent
ZIGLANG_VERSION: Final = "0.17.1"
TARGET: Final = ("-target", "wasm32-freestanding", "-nostdlib", "-Wl,--no-entry", "-Wl,-z,stack-size=32768")
OPTIONS: Final = ("-std=c99", "-O2", "-s", "-Wall", "-Wextra", "-Wconversion", "-Wpedantic", "-Werror")


class BuildError(Exception):
    """Something that the caller must mend; its text is all that is shown."""


def find_sources() -> dict[str, Path]:
    """Every fixture's source by the fixture's name: the path below this folder, without the suffix."""
    found = [*FIXTURES.glob("*.c"), *FIXTURES.glob("*.wat"), *FIXTURES.glob("hostile/*.wat")]
    return {path.relative_to(FIXTURES).with_suffix("").as_posix(): path for path in sorted(found)}


def select(sources: dict[str, Path], names: Sequence[str]) -> dict[str, Path]:
    """The named sources, or all; a name that is none raises BuildError."""
    unknown = [name for name in names if name not in sources]
    if unknown:
        raise BuildError(f"no fixture is called {', '.join(unknown)}; there are: {', '.join(sources)}")
    return {name: sources[name] for name in names} if names else sources


def check_ziglang() -> None:
    """Raise BuildError unless the pinned compiler is installed: another one writes other bytes."""
    try:
        version = importlib.metadata.version("ziglang")
    except importlib.metadata.PackageNotFoundError:
        version = "none"
    if version != ZIGLANG_VERSION:
        raise BuildError(f"needs ziglang {ZIGLANG_VERSION}, found {version}: pip install ziglang=={ZIGLANG_VERSION}")


def compile_c(source: Path) -> bytes:
    """Compile one file. The compiler runs in this folder and is given a relative path, so that no path gets into the bytes."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "fixture.wasm"
        command = [sys.executable, "-m", "ziglang", "cc", *TARGET, *OPTIONS, "-o", str(output), source.name]
        done = subprocess.run(command, cwd=FIXTURES, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BuildError(f"{source.name} does not compile:\n{done.stderr}")
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
    return compile_c(source) if source.suffix == ".c" else assemble_wat(source)


def is_committed(target: Path, built: bytes) -> bool:
    """Whether the file stands there with just these bytes."""
    return target.is_file() and target.read_bytes() == built


def run(names: Sequence[str], *, check: bool) -> int:
    """Build or check the named fixtures, or all; the exit code."""
    sources = select(find_sources(), names)
    if any(source.suffix == ".c" for source in sources.values()):
        check_ziglang()
    differing = []
    for name, source in sources.items():
        target = source.with_suffix(".wasm")
        built = build(source)
        same = is_committed(target, built)
        if not same and check:
            differing.append(f"{name}.wasm")
        elif not same:
            target.write_bytes(built)
        state = "same" if same else "DIFFERS" if check else "written"
        print(f"{name + '.wasm':<40} {len(built):>7,} bytes  {state}", flush=True)
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
