"""The sdist and the wheel: one built from the other, and the wheel installed where nothing else of ours is."""

from __future__ import annotations

import re
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from bext_host.version import version
from native.c_build import ROOT, compiler
from native.distribution import build_sdist, build_wheel, copy_of_the_sources, run

pytestmark = pytest.mark.toolchain

PACKAGES = ("abi/bext_abi", "host/bext_host")
FILES_OF_THE_PROJECT = {"LICENSE", "MANIFEST.in", "README.md", "pyproject.toml", "setup.py"}
FILES_OF_SETUPTOOLS = {"PKG-INFO", "setup.cfg"}


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> Path:
    return copy_of_the_sources(tmp_path_factory.mktemp("checkout") / "sources")


@pytest.fixture(scope="module")
def sdist(sources, tmp_path_factory) -> Path:
    (requires,) = re.findall(r"^requires = \[(.*)\]$", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    folder = tmp_path_factory.mktemp("sdist")
    requirements = folder / "requirements"
    run([sys.executable, "-m", "pip", "install", "-q", "--target", requirements, *re.findall(r'"(.*?)"', requires)], cwd=folder)
    return build_sdist(sources, folder, requirements)


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory) -> Path:
    compiler("cc", "gcc", "clang")
    return build_wheel(sdist, tmp_path_factory.mktemp("wheel") / "wheels")


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """The folder of commands of an environment with the wheel, and what it depends on, alone."""
    environment = tmp_path_factory.mktemp("installed") / "environment"
    run([sys.executable, "-m", "venv", environment], cwd=environment.parent)
    run([environment / "bin" / "pip", "install", "-q", wheel], cwd=environment.parent)
    return environment / "bin"


def files(folder: Path, parts: tuple[str, ...]) -> set[str]:
    """The files below some parts of a folder, by their names from that folder."""
    return {path.relative_to(folder).as_posix() for part in parts for path in (folder / part).rglob("*") if path.is_file()}


def test_the_sdist_has_what_the_build_needs_and_nothing_of_the_tests(sources, sdist):
    with tarfile.open(sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    generated = {name for name in names if name.startswith("bext_tracer.egg-info/")} | FILES_OF_SETUPTOOLS
    assert names - generated == FILES_OF_THE_PROJECT | files(sources, ("abi", "host"))


def test_the_wheel_serves_every_python_from_the_oldest_on(wheel):
    name, of_version, *tags = wheel.stem.split("-")
    assert (name, of_version, tags[:2]) == ("bext_tracer", version(), ["cp310", "abi3"])


def test_the_wheel_has_the_packages_with_their_types_and_the_extension_and_no_more(sources, wheel):
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    python = {name.partition("/")[2] for name in files(sources, PACKAGES)}
    assert {"bext_abi/py.typed", "bext_host/py.typed"} <= python
    assert names == python | {"bext_host/_native.abi3.so"}


def test_the_installed_wheel_runs_the_native_engine(installed, tmp_path):
    tell = "import bext_abi, bext_host; print(bext_host.engine, '-', bext_host.engine_reason)"
    assert run([installed / "python", "-c", tell], cwd=tmp_path).startswith("native - ")


def test_the_installed_command_runs(installed, tmp_path):
    assert run([installed / "bext-tracer", "--version"], cwd=tmp_path) == f"bext-tracer {version()}\n"
