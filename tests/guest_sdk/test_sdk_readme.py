"""guest_sdk/README.md: one plugin in six languages, each compiled by the commands beside it, and all print the tree that is shown."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from build_error import BuildError
from compilers import assemblyscript, c, cpp, go, rust, zig

from guest_sdk.conftest import ROOT
from guest_sdk.sizes import SDK
from support.markdown import code_blocks
from support.processes import call_command

README = SDK / "README.md"
TEXT = README.read_text(encoding="utf-8")
INSTALLS = ("pip install ", "apt-get install ")
"""What starts a command that changes the machine: the pinned versions are compared instead."""


class Language(NamedTuple):
    """Where a language's own README is, how its code blocks are marked, and what its toolchain is."""

    folder: str
    fence: str
    compiler: Callable[[], None]
    pinned: str


LANGUAGES = {
    "C": Language("c", "c", c.check, c.PINNED),
    "C++": Language("cpp", "cpp", cpp.check, cpp.PINNED),
    "Rust": Language("rust", "rust", rust.check, rust.INSTALL),
    "Go": Language("go", "go", go.check, go.PINNED),
    "Zig": Language("zig", "zig", zig.check, zig.PINNED),
    "AssemblyScript": Language("assemblyscript", "ts", assemblyscript.check, assemblyscript.PINNED),
}


def section_of(language: str) -> str:
    """What stands below a language's heading."""
    (section,) = re.findall(rf"^### {re.escape(language)}\n(.*?)(?=^##)", TEXT, flags=re.MULTILINE | re.DOTALL)
    return str(section)


def files_of(language: str) -> dict[str, str]:
    """The files of a language's example by their names."""
    return dict(re.findall(r"^`([\w./]+)`:\n\n```[\w.]+\n(.*?)^```$", section_of(language), flags=re.MULTILINE | re.DOTALL))


def commands_of(language: str) -> list[str]:
    """The lines of a language's commands."""
    (block,) = re.findall(r"^```sh\n(.*?)^```$", section_of(language), flags=re.MULTILINE | re.DOTALL)
    return str(block).splitlines()


def build_as_told(language: str, folder: Path) -> Path:
    """The module that the commands make, in a new folder of a checkout, with the toolchains that the tests have."""
    shutil.copytree(SDK, folder / "guest_sdk", ignore=shutil.ignore_patterns("node_modules", "target", ".zig-cache"))
    guest = folder / "guest"
    for name, text in files_of(language).items():
        path = guest / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    path = os.pathsep.join([str(Path(sys.executable).parent), "/usr/bin", os.environ["PATH"]])
    settings = {"PATH": path, "RUSTC": "/usr/bin/rustc", "CARGO_HOME": str(folder / "cargo"), "npm_config_prefer_offline": "true"}
    script = "\n".join(command for command in commands_of(language) if not command.startswith(INSTALLS))
    done = subprocess.run(["bash", "-ec", script], cwd=guest, env=os.environ | settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return guest / "guest.wasm"


def tree_of(wasm: Path) -> str:
    """What `bext-tracer run` prints below its first line, without what varies: times and their bars, fuel, and the plugin's name."""
    result = call_command("run", wasm)
    assert (result.returncode, result.stderr) == (0, "")
    lines = [line for line in result.stdout.splitlines()[1:] if not re.match(r"[│ ]+(in|plugin) ", line)]
    return "\n".join(re.sub(r" +[\d.,]+ (?:ns|µs|ms|s)( +[━╸╺]+)?$", "", line) for line in lines).rstrip() + "\n"


@pytest.mark.toolchain
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_example_compiles_as_told_and_prints_the_tree(language: str, tmp_path: Path):
    try:
        LANGUAGES[language].compiler()
    except BuildError as missing:
        pytest.skip(str(missing))
    wasm = build_as_told(language, tmp_path)
    (shown,) = code_blocks(README, "text")
    assert tree_of(wasm) == shown


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_example_is_the_first_one_of_the_languages_own_readme(language: str):
    folder, fence, *_ = LANGUAGES[language]
    own = re.findall(rf"^```{fence}\n(.*?)^```$", (SDK / folder / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    assert next(iter(files_of(language).values())) == own[0]


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_installed_is_what_the_fixtures_are_built_with(language: str):
    """All packages that the fixtures need, in the versions that they are built with."""
    installs = " ".join(command for command in commands_of(language) if "install" in command)
    for word in LANGUAGES[language].pinned.split():
        assert word in re.split(r"[ =@]+", installs)


def test_every_sdk_is_in_the_table_and_has_an_example():
    sdks = {path.name for path in SDK.iterdir() if path.is_dir()}
    assert set(re.findall(r"^\| [\w+]+ \| \[(\w+)\]\(\w+/README\.md\) \|", TEXT, flags=re.MULTILINE)) == sdks
    assert set(re.findall(r"^### (\S+)$", TEXT, flags=re.MULTILINE)) == LANGUAGES.keys()
    assert {language.folder for language in LANGUAGES.values()} == sdks


def test_every_block_is_one_that_is_run_or_shown():
    """Six examples with their manifests and commands, the command that they end with, and the tree."""
    blocks = re.findall(r"^```(\S+)$", TEXT, flags=re.MULTILINE)
    assert sorted(blocks) == sorted([*(language.fence for language in LANGUAGES.values()), "toml", "go.mod", *["sh"] * 7, "text"])


def test_its_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)", TEXT):
        assert (SDK / target).exists(), target
    assert (ROOT / "tests" / "guest_sdk" / "everything").is_dir()
