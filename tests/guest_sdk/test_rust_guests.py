"""Guests in Rust as the README builds them: the exports of the SDK are there, however it is linked; and what the crate promises itself."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import wasmtime

from bext_host import check_module
from guest_sdk.conftest import ROOT
from guest_sdk.rust_build import CRATE, RUSTC, build_driver, cargo, need_debians_rust, run
from support.markdown import code_blocks

pytestmark = pytest.mark.toolchain

FIXTURES = ROOT / "wasm-fixtures"
GUESTS = sorted((FIXTURES / "conformance" / "rust").glob("*.rs"))
SOURCES = Path(__file__).with_name("everything")
EXAMPLES = code_blocks(CRATE / "README.md", "rust")
EXPORTS = {"memory", "bext_tracer_abi_v1", "bext_alloc", "bext_free"}
UNKNOWN, WASI = "wasm32-unknown-unknown", "wasm32-wasi"
SMALL = ("-Copt-level=z", "-Clto", "-Ccodegen-units=1", "-Cstrip=symbols", "-Clink-arg=--compress-relocations")
BUILDS = {
    "debug": (),
    "debug, many units": ("-Ccodegen-units=64",),
    "O2": ("-Copt-level=2",),
    "z": ("-Copt-level=z", "-Cstrip=symbols"),
    "z with LTO": SMALL,
    "z with thin LTO": ("-Copt-level=z", "-Clto=thin"),
}
LIMIT = 3750  # bytes before wasm-opt, a quarter of them the calls and texts of the module itself
HELPER = '#![no_std]\npub fn trace() { bext_tracer::Span::root("helper", bext_tracer::SpanKind::Internal).end() }\n'
USES_HELPER = '#![no_std]\n#[no_mangle]\npub extern "C" fn on_reload() { helper::trace() }\n'
WITH_STD = """\
#[no_mangle]
pub extern "C" fn on_reload() {
    let names: Vec<String> = (0..3).map(|n| format!("span {n}")).collect();
    for name in names { bext_tracer::Span::root(name, bext_tracer::SpanKind::Internal).end() }
}
"""


@pytest.fixture(autouse=True)
def _toolchain() -> None:
    need_debians_rust()


def compile_crate(folder: Path, name: str, source: Path, target: str, *options: str) -> None:
    """One crate of a guest; it sees those that were compiled before."""
    command = (RUSTC, "--edition=2021", f"--target={target}", "-Cpanic=abort", "-Dwarnings", f"-L{folder}", "--out-dir", folder)
    known = [f"--extern={path.stem.removeprefix('lib')}={path}" for path in sorted(folder.glob("*.rlib"))]
    run(*command, f"--crate-name={name}", *known, *options, source)


def build_guest(
    folder: Path,
    source: str,
    *options: str,
    target: str = UNKNOWN,
    features: tuple[str, ...] = ("arena", "panic-handler"),
    helper: str = "",
) -> bytes:
    """A guest of two crates, or of three where there is a helper, linked by rustc."""
    codegen = ["--crate-type=rlib", *(option for option in options if option.startswith(("-Copt-level", "-Ccodegen")))]
    compile_crate(folder, "bext_tracer", CRATE / "src" / "lib.rs", target, *codegen, *(f'--cfg=feature="{name}"' for name in features))
    if helper:
        (folder / "helper.rs").write_text(helper)
        compile_crate(folder, "helper", folder / "helper.rs", target, *codegen)
    (folder / "guest.rs").write_text(source)
    compile_crate(folder, "guest", folder / "guest.rs", target, "--crate-type=cdylib", *options)
    return (folder / "guest.wasm").read_bytes()


def assert_conforms(wasm: bytes, *hooks: str) -> None:
    module = wasmtime.Module(wasmtime.Engine(), wasm)
    assert {export.name for export in module.exports} - {"__data_end", "__heap_base"} == EXPORTS | set(hooks)
    assert {imported.module for imported in module.imports} == {"bext"}
    check_module(module)


@pytest.mark.parametrize("options", BUILDS.values(), ids=BUILDS)
def test_the_exports_survive_in_a_crate_that_is_only_a_dependency_of_a_dependency(tmp_path: Path, options: tuple[str, ...]):
    assert_conforms(build_guest(tmp_path, USES_HELPER, *options, helper=HELPER), "on_reload")


@pytest.mark.parametrize("target", [UNKNOWN, WASI])
@pytest.mark.parametrize("example", EXAMPLES, ids=["a guest", "everything at once"])
def test_the_examples_of_the_readme_conform(tmp_path: Path, example: str, target: str):
    hook = "on_request_complete" if "on_request_complete" in example else "on_reload"
    assert_conforms(build_guest(tmp_path, example, *SMALL, target=target), hook)


@pytest.mark.parametrize("target", [UNKNOWN, WASI])
def test_a_guest_with_std_brings_its_own_panic_handler(tmp_path: Path, target: str):
    wasm = build_guest(tmp_path, WITH_STD, *SMALL, target=target, features=("arena",))
    module = wasmtime.Module(wasmtime.Engine(), wasm)
    assert {export.name for export in module.exports} >= EXPORTS
    assert {imported.module for imported in module.imports} <= {"bext", "wasi_snapshot_preview1"}


def test_the_readmes_manifest_builds_with_cargo(tmp_path: Path):
    (manifest,) = code_blocks(CRATE / "README.md", "toml")
    (tmp_path / "Cargo.toml").write_text(manifest.replace("../bext-tracer/guest_sdk/rust", str(CRATE)))
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "lib.rs").write_text(EXAMPLES[0])
    cargo("build", "--offline", "--release", f"--target={UNKNOWN}", cwd=tmp_path)
    assert_conforms((tmp_path / "target" / UNKNOWN / "release" / "guest.wasm").read_bytes(), "on_request_complete")


# --- Fixtures ---------------------------------------------------------------------------------------------------------

COMPILE = """\
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from compilers import rust
rust.check()
sys.stdout.buffer.write(rust.compile_fixture(Path(sys.argv[2])))
"""


def compile_fixture(checkout: Path, name: str) -> bytes:
    """What compilers/rust.py makes of a fixture in a checkout."""
    fixtures = checkout / "wasm-fixtures"
    source = fixtures / "conformance" / "rust" / name
    done = subprocess.run([sys.executable, "-c", COMPILE, fixtures, source], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.mark.parametrize("name", ["hello_span.rs", "large_payload.rs"])
def test_the_bytes_are_the_committed_ones_wherever_the_checkout_lies(tmp_path: Path, name: str):
    copy = tmp_path / "another" / "checkout"
    ignore = shutil.ignore_patterns("target", "*.wasm")
    for folder in ("guest_sdk/rust/src", "wasm-fixtures/conformance/rust", "wasm-fixtures/compilers"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=ignore)
    shutil.copy(FIXTURES / "build_error.py", copy / "wasm-fixtures")
    committed = (FIXTURES / "conformance" / "rust" / name).with_suffix(".wasm").read_bytes()
    assert [compile_fixture(ROOT, name), compile_fixture(copy, name)] == [committed] * 2


@pytest.mark.parametrize("source", GUESTS, ids=lambda source: source.stem)
def test_a_committed_guest_conforms(source: Path):
    assert_conforms(source.with_suffix(".wasm").read_bytes(), "on_request_complete")


# --- Size, and the crate itself ---------------------------------------------------------------------------------------


def test_what_a_module_that_uses_everything_adds_to_an_empty_one(tmp_path: Path):
    small = (*SMALL, "-Clink-arg=-zstack-size=32768")
    everything = build_guest(tmp_path, (SOURCES / "everything.rs").read_text(), *small)
    empty = build_guest(tmp_path, (SOURCES / "empty.rs").read_text(), *small, features=())
    assert len(everything) - len(empty) <= LIMIT


def test_the_crate_is_formatted_and_has_no_warnings():
    cargo("fmt", "--check")
    cargo("clippy", "--offline", "-q", "--all-targets", "--", "-Dwarnings")
    cargo("clippy", "--offline", "-q", f"--target={UNKNOWN}", "--features=panic-handler", "--", "-Dwarnings")
    cargo("clippy", "--offline", "-q", f"--target={WASI}", "--no-default-features", "--", "-Dwarnings")
    cargo("doc", "--offline", "-q", "--no-deps", environment={"RUSTDOCFLAGS": "-Dwarnings"})


def test_the_crates_own_tests_pass():
    cargo("test", "--offline", "-q")


def test_it_has_no_dependency():
    assert len(cargo("tree", "--offline", "--edges=all", "--prefix=none").splitlines()) == 1


def test_the_newest_rust_at_hand_compiles_it_too(tmp_path: Path):
    newest = Path.home() / ".cargo" / "bin" / "rustc"
    if not newest.exists():
        pytest.skip("no other Rust than Debian's")
    assert build_driver(tmp_path, newest).run("end 1 2 3") == ["end_span 1 2 3 0"]
