"""The public names: complete, sorted and importable; and the exception trees that the docstrings draw."""

from __future__ import annotations

import importlib
import pkgutil
import re
from types import ModuleType

import pytest

import bext_abi
import bext_host
from bext_host import engine

PROMISED = {
    "bext_abi": {
        "SpanHandle", "SpanKind", "StatusCode", "SpanStatus", "SpanStart", "SpanEvent", "SpanLink", "AttrValue",
        "TracerPlugin", "FlushError",
    },
    "bext_host": {
        "TracerBridge", "TracerScope", "PluginHost", "Plugin", "SpanRecorder", "FinishedSpan", "Limits", "check_module", "engine",
        "FanoutTracer",
    },
    "bext_host.exporters": {"FileExporter", "MemoryExporter", "StdoutExporter"},
}  # fmt: skip
TREE_LINE = re.compile(r"([\u2502\u251c\u2514\u2500 ]*)(\w+)(?: \(([\w, ]+)\))?(?:  .*)?")


def modules() -> list[ModuleType]:
    """Every module of ours, but those that run when they are imported."""
    found = []
    for package in (bext_abi, bext_host):
        names = [item.name for item in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]
        ours = [
            name for name in names if not name.endswith(("__main__", "._native")) and (engine == "native" or not name.endswith(".native"))
        ]
        found += [package, *map(importlib.import_module, ours)]
    return found


def sort_key(name: str) -> tuple[int, str]:
    """Constants, then classes, then the rest, as ruff sorts them."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


PACKAGES = [module for module in modules() if hasattr(module, "__path__")]
WITH_ALL = [module for module in modules() if hasattr(module, "__all__")]
EVERY_PACKAGE = pytest.mark.parametrize("package", PACKAGES, ids=lambda module: module.__name__)


@EVERY_PACKAGE
def test_a_package_says_what_is_public(package):
    assert hasattr(package, "__all__")


@pytest.mark.parametrize("module", WITH_ALL, ids=lambda module: module.__name__)
def test_public_names_are_sorted_unique_and_there(module):
    assert list(module.__all__) == sorted(set(module.__all__), key=sort_key)
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


@EVERY_PACKAGE
def test_every_name_that_a_package_gathers_is_public(package):
    gathered = {name for name, value in vars(package).items() if not name.startswith("_") and not isinstance(value, ModuleType)}
    assert gathered - set(package.__all__) - {"annotations"} == set()


@pytest.mark.parametrize("name", PROMISED)
def test_the_names_that_users_type_first_are_there(name):
    assert set(importlib.import_module(name).__all__) >= PROMISED[name]


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.__name__)
def test_every_module_says_what_it_is_for(module):
    assert module.__doc__


def drawn_tree(module: ModuleType) -> dict[str, list[str]]:
    """Each class in a docstring's tree, with its bases: the one that it hangs from, then those in brackets."""
    found: dict[str, list[str]] = {}
    path: list[tuple[int, str]] = []
    lines = (module.__doc__ or "").splitlines()
    first = next(i for i, line in enumerate(lines) if re.match(r"\w+Error( \(\w+\))?$", line))
    for line in filter(None, lines[first:]):
        branch, name, brackets = TREE_LINE.fullmatch(line).groups()  # type: ignore[union-attr]  # a line of a tree
        while path and path[-1][0] >= len(branch):
            path.pop()
        found[name] = [parent for _, parent in path[-1:]] + (brackets.split(", ") if brackets else [])
        path.append((len(branch), name))
    return found


@pytest.mark.parametrize("module", [m for m in modules() if m.__name__.endswith(".errors")], ids=lambda module: module.__name__)
def test_the_tree_in_the_docstring_is_the_classes(module):
    drawn = drawn_tree(module)
    classes = {name: value for name, value in vars(module).items() if isinstance(value, type) and issubclass(value, BaseException)}
    assert set(drawn) == set(classes)
    roots = {name for name, value in classes.items() if value.__module__ != module.__name__}
    for name in set(drawn) - roots:
        assert [base.__name__ for base in classes[name].__bases__] == drawn[name], name


def test_every_exception_that_is_raised_on_purpose_has_one_root():
    raised = {
        value
        for module in modules()
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Exception) and value.__module__ == module.__name__
    }
    assert {error.__name__ for error in raised if not issubclass(error, bext_abi.BextTracerError)} == {
        "CommandFailed",  # the command line's way out
        "Dropped",  # never leaves the boundary
        "NativeUnavailable",  # never leaves the boundary
    }
