"""The whole native engine under AddressSanitizer and UBSan, driven by the tests of boundary and recorder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bext_host import engine
from native.c_build import ROOT, compiler
from native.extension_build import copy_packages
from support.processes import environment

pytestmark = [
    pytest.mark.toolchain,
    pytest.mark.skipif(engine != "native", reason="this installation has no native engine"),
    pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc on this machine, whose sanitizers are used"),
]

SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer"]


@pytest.fixture(scope="module")
def sanitized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages as installed, but for the extension, which is built with sanitizers."""
    folder = tmp_path_factory.mktemp("sanitized")
    copy_packages(folder, compiler("gcc"), SANITIZE)
    return folder


def runtime(name: str) -> str:
    found = subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True)
    return found.stdout.strip()


def test_the_tests_of_boundary_and_recorder_pass_and_the_sanitizers_report_nothing(sanitized):
    folders = [
        "tests/host/boundary",
        "tests/host/recorder",
        "tests/native/test_engine_lifetimes.py",
        "tests/native/test_recorder_differential.py",
    ]
    chosen = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "native and not ten_thousand and not at_the_end"]
    preloaded = f"{runtime('libasan.so')} {runtime('libubsan.so')} {runtime('libstdc++.so')}"
    path = os.pathsep.join(map(str, (sanitized, ROOT / "tests")))
    options = {
        "ASAN_OPTIONS": "detect_leaks=0:handle_segv=0:allow_user_segv_handler=1:use_sigaltstack=0",
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }
    environ = environment(PYTHONPATH=path, LD_PRELOAD=preloaded, PYTHONMALLOC="malloc", BEXT_TRACER_ENGINE="native", **options)
    done = subprocess.run([*chosen, *folders], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=540, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert "ERROR: AddressSanitizer" not in done.stderr
    assert "runtime error" not in done.stderr
    assert " passed" in done.stdout
