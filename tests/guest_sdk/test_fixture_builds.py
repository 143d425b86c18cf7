"""The fixtures' build: the committed modules are those of their sources, and its command line says what is wrong.

Each language is rebuilt where its pinned toolchain is there: to the same bytes where it is reproducible, else to the same behaviour.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import build
import pytest
from build_error import BuildError

from guest_sdk.conformance import ROOT, SCENARIOS, Guest, golden
from guest_sdk.golden_calls import recorded

FIXTURES = ROOT / "wasm-fixtures"
IN_TWO_LANGUAGES = ("conformance/c/links", "conformance/cpp/links")


def sources_of(language: str) -> list[build.Source]:
    """The sources of a language, all of them buildable here; skips in words where they are not."""
    try:
        build.compiler_of(language).check()
    except BuildError as missing:
        pytest.skip(str(missing))
    return [source for source in build.find_sources().values() if source.language == language]


def assert_behaves(source: build.Source, wasm: Path) -> None:
    """Hold a rebuilt guest to the golden calls of its scenario, or of all where it has them all."""
    scenarios = SCENARIOS if source.path.stem == "scenarios" else [source.path.stem]
    for scenario in scenarios:
        assert recorded(Guest(source.language, scenario), wasm=wasm) == golden(scenario)["calls"]


@pytest.mark.toolchain
@pytest.mark.parametrize("language", build.SOURCES)
def test_the_committed_files_are_those_of_their_sources(language: str, tmp_path: Path):
    for source in sources_of(language):
        built = source.build()
        if source.is_compared:
            assert build.is_there(source.target, built), source.name
        elif source.name.startswith("conformance/"):
            wasm = tmp_path / "rebuilt.wasm"
            wasm.write_bytes(built)
            assert_behaves(source, wasm)


@pytest.mark.parametrize("language", build.SOURCES)
def test_every_language_says_what_it_is_built_with(language: str):
    compiler = build.compiler_of(language)
    assert (type(compiler.PINNED), type(compiler.REPRODUCIBLE)) == (str, bool)
    assert callable(compiler.compile_fixture)


def test_every_source_has_its_module_and_every_module_its_source():
    committed = {source.target for source in build.find_sources().values() if source.path.name != "main.go"}
    assert {path for path in FIXTURES.rglob("*.wasm") if path.stem != "go_sleep"} == committed


# --- The command line -------------------------------------------------------------------------------------------------


def run_build(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, folder / "build.py", *arguments], capture_output=True, text=True, check=False)


@pytest.fixture
def moved(tmp_path: Path) -> Path:
    """A checkout elsewhere, with some of the fixtures, built or not."""
    assert sources_of("c")
    assert sources_of("cpp")
    kept = ["*.py", "compilers/*.py", "conformance/c*/*.c*", "conformance/c*/links.wasm"]
    sources = [path for pattern in kept for path in FIXTURES.glob(pattern)]
    for source in [*sources, *(ROOT / "guest_sdk").glob("*/*.h*")]:
        copy = tmp_path / source.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(source.read_bytes())
    return tmp_path / "wasm-fixtures"


@pytest.mark.toolchain
def test_a_file_that_differs_is_named_wherever_the_checkout_lies(moved: Path):
    (moved / "conformance" / "c" / "nested_spans.wasm").write_bytes(b"\0asm\1\0\0\0")
    done = run_build(moved, "--check", *IN_TWO_LANGUAGES, "conformance/c/nested_spans", "conformance/c/unsampled")
    differing = "conformance/c/nested_spans.wasm, conformance/c/unsampled.wasm"
    assert (done.returncode, done.stderr) == (1, f"differ from their sources: {differing}\n")


@pytest.mark.toolchain
def test_a_check_ends_with_how_each_language_was_compared(moved: Path):
    summary = run_build(moved, "--check", *IN_TWO_LANGUAGES).stdout.split("\n\n")[1]
    compared = "1 compared byte for byte; ziglang 0.17.1"
    assert summary == f"c               {compared}\ncpp             {compared}\n"


@pytest.mark.toolchain
def test_a_pattern_names_several(moved: Path):
    done = run_build(moved, "conformance/*/hello_span")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["conformance/c/hello_span.wasm", "conformance/cpp/hello_span.wasm"]
    assert (moved / "conformance" / "c" / "hello_span.wasm").read_bytes() == (
        FIXTURES / "conformance" / "c" / "hello_span.wasm"
    ).read_bytes()


def test_an_unknown_fixture_is_an_error_that_names_the_known_ones():
    done = run_build(FIXTURES, "nope")
    assert done.returncode == 1
    assert done.stderr.startswith("build.py: no fixture is called nope; there are: conformance/assemblyscript/all_attribute_types, ")
