"""How many bytes of a module each SDK is: a guest that calls everything of it, less an empty one, both built for size.

Part of that are the guest's own texts and calls. Each guest of the folder `everything` holds, behind the line MARK, one hook and what only
that uses, in names that end with `_1`. With that part once more, as `_2` and with other texts of the same lengths, a module is larger by
just what the guest itself takes: the SDK it has already.
"""

from __future__ import annotations

import re
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

MARK: Final = "--- the guest ---"

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parents[1]
GUESTS: Final = HERE / "everything"
SDK: Final = ROOT / "guest_sdk"

CLANG: Final = "clang-14"
LINKER: Final = "wasm-ld-14"
TARGET: Final = ("-target", "wasm32-freestanding")
LINK: Final = ("--no-entry", "-zstack-size=32768", "--strip-all", "--compress-relocations")
OPTIMIZER: Final = "wasm-opt"
STRIPPED: Final = ("--strip-debug", "--strip-producers", "--strip-target-features")
FREESTANDING_CPP: Final = ("-std=c++17", "-fno-exceptions", "-fno-rtti")
CLANG_OPTIONS: Final = ("--target=wasm32", "-mbulk-memory", "-Oz")


class Build(NamedTuple):
    """One way to build a guest of an SDK: `check` raises BuildError where the toolchain is not there, `compile` takes source and output."""

    language: str
    command: str
    check: Callable[[], None]
    compile: Callable[[Path, Path], object]

    @property
    def added(self) -> int:
        """The bytes that everything of the SDK adds to an empty module, with the guest's own."""
        return self._size("everything") - self._size("empty")

    @property
    def own(self) -> int:
        """How many of these are the guest's own texts and calls."""
        twice = self._size("everything", edit=doubled) - self._size("empty", edit=doubled)
        return twice - self.added

    @property
    def optimized(self) -> int:
        """What is left of `added` where both modules go through binaryen; BuildError where that is not there."""
        return self._size("everything", finish=_optimize) - self._size("empty", finish=_optimize)

    def _size(self, name: str, *, edit: Callable[[str], str] = str, finish: Callable[[Path], object] = Path) -> int:
        """The bytes of a guest's module, built from its edited source in a folder of its own."""
        with tempfile.TemporaryDirectory() as folder:
            source = GUESTS / (name + SUFFIXES[self.language])
            copy = Path(folder) / source.name
            copy.write_text(edit(source.read_text(encoding="utf-8")), encoding="utf-8")
            output = copy.with_suffix(".wasm")
            self.compile(copy, output)
            finish(output)
            return output.stat().st_size


def doubled(source: str) -> str:
    """A guest whose part behind MARK stands there twice, the second time in upper-case texts and under names of its own."""
    part = source.partition(MARK)[2].partition("\n")[2]
    texts = re.sub(r'"[^"\n]*"', lambda text: text[0].upper(), part)
    return source + "\n" + re.sub(r"_1\b", "_2", texts)


def _run(*command: str | Path) -> None:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BuildError(done.stderr)


def _optimize(module: Path) -> None:
    """The last two options hold for every module that a linker laid out in memory as these are."""
    if shutil.which(OPTIMIZER) is None:
        raise BuildError(f"needs Debian 12's {OPTIMIZER}: apt-get install binaryen")
    _run(OPTIMIZER, "-Oz", "--converge", "--all-features", *STRIPPED, "--low-memory-unused", "--zero-filled-memory", "-o", module, module)


def _zig(command: str, language: str, *options: str) -> Callable[[Path, Path], None]:
    """In two steps: when it links, zig does not pass the last option on."""

    def compile_(source: Path, output: Path) -> None:
        compiled = output.with_suffix(".o")
        zig_ = (sys.executable, "-m", "ziglang")
        _run(*zig_, command, *TARGET, "-Oz", *options, f"-I{SDK / language}", "-c", "-o", compiled, source)
        _run(*zig_, "wasm-ld", *LINK, "-o", output, compiled)

    return compile_


def _clang(command: str, language: str, *options: str) -> Callable[[Path, Path], None]:
    """In two steps: when it links, clang runs a wasm-opt that it finds, and then the size would depend on the machine."""

    def compile_(source: Path, output: Path) -> None:
        compiled = output.with_suffix(".o")
        _run(command, *CLANG_OPTIONS, *options, f"-I{SDK / language}", "-c", "-o", compiled, source)
        _run(LINKER, *LINK, "-o", output, compiled)

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
    Build("C", "zig cc -Oz, wasm-ld --compress-relocations", c.check, _zig("cc", "c")),
    Build("C", "clang-14 -mbulk-memory -Oz, wasm-ld --compress-relocations", _check_clang, _clang(CLANG, "c")),
    Build("C++", "zig c++ -Oz, wasm-ld --compress-relocations", cpp.check, _zig("c++", "cpp", *FREESTANDING_CPP, "-nostdinc++")),
    Build(
        "C++", "clang++-14 -mbulk-memory -Oz, wasm-ld --compress-relocations", _check_clang, _clang("clang++-14", "cpp", *FREESTANDING_CPP)
    ),
    Build("Rust", "rustc 1.63, opt-level z, LTO, --compress-relocations", rust.check, _as_a_fixture(rust.compile_fixture)),
    Build("Zig", "ReleaseSmall", zig.check, _as_a_fixture(zig.compile_fixture)),
    Build("AssemblyScript", "asc -Oz, runtime stub", assemblyscript.check, _assemblyscript),
    Build("Go", "go build -ldflags='-s -w'", go.check, _go),
)
