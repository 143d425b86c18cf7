"""Packages that offer tracers, installed for one test: a folder on the path, with what an installer would write."""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import dedent

import pytest

MODULE = "tracers_of_a_package"
SOURCE = '''
from typing import Literal

from bext_host.exporters import MemoryExporter
from bext_host.testing import RecordingTracer

made = []

def memory(*, label="", endpoint):
    exporter = MemoryExporter()
    exporter.name = f"{endpoint} {label}"
    made.append(exporter)
    return exporter

def whole_tracer(**options):
    tracer = RecordingTracer()
    tracer.options = options
    made.append(tracer)
    return tracer

def typed(*, size: int, ratio: float = 0.5, mode: Literal["fast", "safe"] = "safe", compress: bool = False, label: "str | None" = None):
    """Sends spans to Acme.

    More about it.
    """
    tracer = RecordingTracer()
    tracer.options = dict(size=size, ratio=ratio, mode=mode, compress=compress, label=label)
    made.append(tracer)
    return tracer

def positional(first, /, *rest):
    return MemoryExporter()

def fails(word="refused"):
    raise RuntimeError(f"the endpoint \\x1b[1m{word}\\nat once")

def says_nothing():
    raise OSError

def gives_nothing():
    return None

dict_of_c = dict
no_factory = 5
'''


class TracerPackages:
    """Installs packages below a folder. They are importable until the test's monkeypatch is undone."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._monkeypatch = monkeypatch

    def __call__(self, name: str, entry_points: dict[str, str], source: str | None = SOURCE) -> None:
        """Install version 1.0 of a package with these entry points of the group, whose module is MODULE; without a source it has none."""
        site = self._folder / name
        info = site / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = [f"{point} = {value}\n" for point, value in entry_points.items()]
        (info / "entry_points.txt").write_text("[bext.tracers]\n" + "".join(lines))
        if source is not None:
            (site / f"{MODULE}.py").write_text(dedent(source))
        self.forget()
        self._monkeypatch.syspath_prepend(str(site))

    @property
    def made(self) -> list:
        """What the factories of SOURCE made."""
        return sys.modules[MODULE].made

    @property
    def ended(self) -> list:
        """What was shut down of it, where the source counts that."""
        return sys.modules[MODULE].ended

    def forget(self) -> None:
        """Unload the module, so that the next package has its own."""
        sys.modules.pop(MODULE, None)
