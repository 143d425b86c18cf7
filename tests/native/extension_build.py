"""Builds the native engine anew with flags of a test's own, beside copies of the installed packages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from native.c_build import ROOT

BUILD = """
import sys
sys.path.insert(0, "host/native")
from build_native import ffibuilder
module, source, extension, keywords = ffibuilder._assigned_source
flags = sys.argv[2:]
keywords.update(optional=False, extra_compile_args=[*keywords["extra_compile_args"], "-g", "-O1", *flags], extra_link_args=flags)
print(ffibuilder.compile(tmpdir=sys.argv[1]))
"""


def copy_packages(folder: Path, compiler: str, flags: Sequence[str]) -> Path:
    """Fill `folder` with the packages as installed, but for the extension, which is built with these flags. Gives the extension."""
    import bext_abi
    import bext_host

    for package in (bext_abi, bext_host):
        shutil.copytree(Path(package.__file__).parent, folder / package.__name__)
    build = folder / "build"
    (build / "abi").mkdir(parents=True)
    shutil.copytree(ROOT / "host" / "native", build / "host" / "native")
    shutil.copy(ROOT / "abi" / "bext_tracer_abi.h", build / "abi")
    command = [sys.executable, "-c", BUILD, str(build), *flags]
    environ = {**os.environ, "CC": compiler}
    done = subprocess.run(command, cwd=build, env=environ, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    extension = next((folder / "bext_host").glob("_native*.so"))
    shutil.copy(done.stdout.splitlines()[-1], extension)
    return extension
