"""How many bytes of a module each SDK is: a guest that calls everything of it, less an empty one, both built for size."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from build_error import BuildError
from compilers import assemblyscript, c, cpp, go, rust, zig

from guest_sdk.go_building import MODULE

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parents[1]
GUESTS: Final = HERE / "everything"
SDK: Final = ROOT / "guest_sdk"

CLANG: Final = "clang-14"
LINKER: Final = "wasm-ld-14"
FREESTANDING_CPP: Final = ("-std=c++17", "-fno-exceptions", "-fno-rtti")
CLANGS_CPP: Final = (*FREESTANDING_CPP, "-mbulk-memory")


class Build(NamedTuple):
    """One way to build a guest of an SDK: `check` raises BuildError where the toolchain is not there, `compile` takes source and output."""

    language: str
    command: str
    check: Callable[[], None]
    compile: Callable[[Path, Path], object]

    @property
    def added(self) -> int:
        """The bytes that everything of the SDK adds to an empty module."""
        return self._size("everything") - self._size("empty")

    def _size(self, name: str) -> int:
        """The bytes of a guest's module, built in a folder of its own."""
        with tempfile.TemporaryDirectory() as folder:
            source = Path(shutil.copy(GUESTS / (name + SUFFIXES[self.language]), folder))
            output = source.with_suffix(".wasm")
            self.compile(source, output)
            return output.stat().st_size


def _run(*command: str | Path) -> None:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BuildError(done.stderr)


def _zig(command: str, language: str, *options: str) -> Callable[[Path, Path], None]:
    def compile_(source: Path, output: Path) -> None:
        _run(sys.executable, "-m", "ziglang", command, *c.TARGET, "-Oz", "-s", *options, f"-I{SDK / language}", "-o", output, source)

    return compile_


def _clang(command: str, language: str, *options: str) -> Callable[[Path, Path], None]:
    """In two steps: when it links, clang runs a wasm-opt that it finds, and then the size would depend on the machine."""

    def compile_(source: Path, output: Path) -> None:
        compiled = output.with_suffix(".o")
        _run(command, "--target=wasm32", "-Oz", *options, f"-I{SDK / language}", "-c", "-o", compiled, source)
        _run(LINKER, "--no-entry", "-zstack-size=32768", "--strip-all", "--compress-relocations", "-o", output, compiled)

    return compile_


def _check_clang() -> None:
    if any(shutil.which(tool) is None for tool in (CLANG, LINKER)):
        raise BuildError(f"needs Debian 12's {CLANG} and {LINKER}: apt-get install clang-14 lld-14")


def _as_a_fixture(compiler: Callable[[Path], bytes]) -> Callable[[Path, Path], object]:
    return lambda source, output: output.write_bytes(compiler(source))


def _go(source: Path, output: Path) -> None:
    (source.parent / "go.mod").write_text(MODULE, encoding="utf-8")
    output.write_bytes(go.compile_fixture(source))


def _assemblyscript(source: Path, output: Path) -> None:
    modules = source.parent / "node_modules"
    modules.mkdir()
    (modules / "bext-tracer").symlink_to(SDK / "assemblyscript")
    output.write_bytes(assemblyscript.compile_fixture(source))


SUFFIXES: Final = {"C": ".c", "C++": ".cpp", "Rust": ".rs", "Go": ".go", "Zig": ".zig", "AssemblyScript": ".ts"}

BUILDS: Final = (
    Build("C", "zig cc -Oz", c.check, _zig("cc", "c")),
    Build("C", "clang-14 -Oz, wasm-ld --compress-relocations", _check_clang, _clang(CLANG, "c")),
    Build("C++", "zig c++ -Oz", cpp.check, _zig("c++", "cpp", *FREESTANDING_CPP, "-nostdinc++")),
    Build("C++", "clang++-14 -Oz, wasm-ld --compress-relocations", _check_clang, _clang("clang++-14", "cpp", *CLANGS_CPP)),
    Build("Rust", "rustc 1.63, opt-level z, LTO, --compress-relocations", rust.check, _as_a_fixture(rust.compile_fixture)),
    Build("Zig", "ReleaseSmall", zig.check, _as_a_fixture(zig.compile_fixture)),
    Build("AssemblyScript", "asc -Oz, runtime stub", assemblyscript.check, _assemblyscript),
    Build("Go", "go build -ldflags='-s -w'", go.check, _go),
)
