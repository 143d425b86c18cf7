"""The C of the native engine compiles without a warning: each file alone, and all as the one unit, with the flags, that is built."""

from __future__ import annotations

import importlib.util
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from native.c_build import C11, NATIVE, ROOT, clang, compiler, run

SOURCES = sorted(NATIVE.glob("*.c"))
COMPILERS = {"gcc": lambda: [compiler("gcc")], "clang": clang}
# Python's headers, and what they define, come first in what cffi generates. They are not ours to be strict with.
PYTHON = ["-isystem", sysconfig.get_path("include"), "-include", "Python.h"]
WARNED_OF = {
    "conversion": "unsigned char narrow(int value);\nunsigned char narrow(int value) { return value; }\n",
    "shadow": "int outer(int value);\nint outer(int value) { { int value = 1; (void)value; } return value; }\n",
    "pedantic": "int statement(void);\nint statement(void) { return ({ 1; }); }\n",
}


@pytest.fixture(params=COMPILERS)
def command(request: pytest.FixtureRequest) -> list[str]:
    return COMPILERS[request.param]()


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> Any:
    """host/native/build_native.py, which setuptools runs at the root of the sources."""
    monkeypatch.chdir(ROOT)
    spec = importlib.util.spec_from_file_location("build_native", NATIVE / "build_native.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_source_is_part_of_the_unit(build):
    assert sorted(build.MODULES) == [path.stem for path in SOURCES]


@pytest.mark.toolchain
def test_the_unit_compiles_without_a_warning(build, command, tmp_path):
    _, text, _, options = build.ffibuilder._assigned_source
    unit = tmp_path / "unit.c"
    unit.write_text(text)
    run([*command, *C11, *options["extra_compile_args"], *PYTHON, "-c", unit, "-o", tmp_path / "unit.o"])


@pytest.mark.toolchain
@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_a_source_compiles_alone_without_a_warning(command, source, tmp_path):
    run([*command, *C11, "-O2", "-c", source, "-o", tmp_path / "alone.o"])


@pytest.mark.toolchain
@pytest.mark.parametrize("text", WARNED_OF.values(), ids=WARNED_OF.keys())
def test_a_warning_is_an_error(command, text, tmp_path):
    """So that the tests above do not pass because nothing is warned of."""
    source: Path = tmp_path / "warned.c"
    source.write_text(text)
    with pytest.raises(AssertionError, match="-Werror"):
        run([*command, *C11, "-c", source, "-o", tmp_path / "warned.o"])
