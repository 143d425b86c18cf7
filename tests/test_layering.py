"""Which package may import which: the direction of dependencies, read from the sources (RATIONALE.md, layout)."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = {"bext_abi": ROOT / "abi" / "bext_abi", "bext_host": ROOT / "host" / "bext_host"}

LEAVES = {
    "bext_host.closing",
    "bext_host.distinct",
    "bext_host.escape",
    "bext_host.extension",
    "bext_host.limits",
    "bext_host.logs",
    "bext_host.private_folder",
    "bext_host.settings",
    "bext_host.starting",
    "bext_host.version",
}
SPAN_RECORD = {"bext_host.recorder.span", "bext_host.recorder.exporter", "bext_host.recorder.native_batch"}

MAY_IMPORT = {
    "bext_abi": set(),
    "bext_host.closing": {"bext_abi", "bext_host.logs"},
    "bext_host.distinct": set(),
    "bext_host.escape": set(),
    "bext_host.extension": {"bext_abi", "bext_host.settings"},
    "bext_host.settings": set(),
    "bext_host.logs": set(),
    "bext_host.private_folder": {"bext_abi"},
    "bext_host.starting": set(),
    "bext_host.version": set(),
    "bext_host.limits": {"bext_abi"},
    "bext_host.testing": {"bext_abi"},
    "bext_host.boundary": {"bext_abi", *LEAVES},
    "bext_host.recorder": {"bext_abi", *LEAVES},
    "bext_host.exporters": {"bext_abi", *LEAVES, *SPAN_RECORD},
    "bext_host.tracers": {"bext_abi", "bext_host.boundary.contained", *LEAVES},
    "bext_host.runtime": {
        "bext_abi",
        "bext_host.boundary",
        "bext_host.recorder",
        "bext_host.exporters",
        "bext_host.tracers",
        *LEAVES,
    },
    "bext_host.bench": {"bext_abi", "bext_host.boundary", "bext_host.recorder", "bext_host.exporters", *LEAVES},
    "bext_host.fuzzing": {"bext_abi", "bext_host.boundary", "bext_host.runtime", *LEAVES},
    "bext_host.cli": {
        "bext_abi",
        "bext_host.bench",
        "bext_host.boundary",
        "bext_host.fuzzing",
        "bext_host.recorder",
        "bext_host.exporters",
        "bext_host.runtime",
        "bext_host.tracers",
        *LEAVES,
    },
}
"""What each part may import of ours, besides itself."""

THIRD_PARTIES = {
    "wasmtime": {"bext_host.bench", "bext_host.boundary", "bext_host.fuzzing.plan", "bext_host.runtime"},
    "msgpack": {
        "bext_abi.codec",
        "bext_host.bench",
        "bext_host.exporters.datadog.encode",
        "bext_host.exporters.datadog.parts",
        "bext_host.recorder.native_batch",
    },
    "rich": {"bext_host.cli", "bext_host.exporters"},
    "_cffi_backend": {"bext_host.boundary.define", "bext_host.runtime.epoch"},
    "cffi": {"bext_host.boundary"},
    "opentelemetry": {"bext_host.bench", "bext_host.exporters.otel.sdk", "bext_host.exporters.otlp.reference"},
    "extism": {"bext_host.bench"},
    "urllib3": {"bext_host.exporters.http.connections"},
    "tomllib": {"bext_host.runtime.config"},  # the standard library's from Python 3.11 on
    "tomli": {"bext_host.runtime.config"},
}
"""Where each package that is not ours may be imported."""


def module_name(path: Path) -> str:
    package, folder = next((name, folder) for name, folder in SOURCES.items() if folder in path.parents)
    parts = [package, *path.relative_to(folder).with_suffix("").parts]
    return ".".join(part for part in parts if part != "__init__")


def exists(name: str) -> bool:
    package, *rest = name.split(".")
    base = SOURCES[package].joinpath(*rest)
    return base.is_dir() or base.with_suffix(".py").is_file()


def imported_by(path: Path) -> set[str]:
    """The full names of all modules that a file imports, at any depth of its code."""
    name = module_name(path)
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join([*(package[: len(package) - node.level + 1] if node.level else []), *filter(None, [node.module])])
            found |= {submodule_or(base, alias.name) for alias in node.names}
    return found


def submodule_or(base: str, name: str) -> str:
    """What `from base import name` imports: a module of ours where there is one, else `base`."""
    ours = base.partition(".")[0] in SOURCES
    return f"{base}.{name}" if ours and exists(f"{base}.{name}") else base


def within(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


FILES = sorted(path for folder in SOURCES.values() for path in folder.rglob("*.py"))
EVERY_FILE = pytest.mark.parametrize("path", FILES, ids=module_name)


def part_of(name: str) -> str | None:
    """The part of the product that a module belongs to; None for the package `bext_host` itself, which only gathers names."""
    return next((part for part in MAY_IMPORT if within(name, part)), None)


@EVERY_FILE
def test_a_module_imports_only_what_its_part_may(path):
    part = part_of(module_name(path))
    ours = {name for name in imported_by(path) if name.partition(".")[0] in SOURCES}
    if part is not None:
        assert {name for name in ours if not within(name, part, *MAY_IMPORT[part])} == set()


@EVERY_FILE
def test_other_packages_are_imported_only_where_they_are_needed(path):
    name = module_name(path)
    for package, places in THIRD_PARTIES.items():
        uses = any(within(imported, package) for imported in imported_by(path))
        assert not uses or within(name, *places), package


@EVERY_FILE
def test_no_third_package_comes_in_unnoticed(path):
    known = {*sys.stdlib_module_names, *SOURCES, *THIRD_PARTIES}
    assert {name.partition(".")[0] for name in imported_by(path)} - known == set()


@EVERY_FILE
def test_every_module_belongs_to_a_part(path):
    assert part_of(module_name(path)) is not None or module_name(path) == "bext_host"


def test_the_reader_of_imports_sees_them():
    """So that the tests above do not pass because nothing was found."""
    bridge = imported_by(SOURCES["bext_host"] / "boundary" / "bridge.py")
    assert {"wasmtime", "bext_abi", "bext_host.limits", "bext_host.boundary.reference"} <= bridge
    assert "bext_abi.codec" in imported_by(SOURCES["bext_host"] / "boundary" / "rules.py")
