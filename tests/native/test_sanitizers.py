"""The C decoder under ASan and UBSan, over the golden vectors, their prefixes, and edited payloads, each in a buffer of its own size."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from native import payloads
from native.c_build import C11, DECODER_SOURCES, HERE, compiler, run

pytestmark = pytest.mark.toolchain

SANITIZE = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]
EDITED = 50_000

# Programs that a sanitizer must stop: without them, a build where the sanitizers do nothing would pass.
BROKEN = {
    "address": "#include <stdlib.h>\nint main(int n, char **v) { (void)v; char *p = malloc(1); return p[n]; }\n",
    "undefined": "#include <limits.h>\nint main(int n, char **v) { (void)v; volatile int most = INT_MAX; most = most + n; return 0; }\n",
}


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("sanitizers") / "driver"
    run([compiler("cc", "gcc", "clang"), *C11, *SANITIZE, *DECODER_SOURCES, HERE / "decoder_driver.c", "-o", program])
    return program


def assert_clean(driver: Path, folder: Path, records: Iterable[bytes]) -> None:
    """Every record runs, and no sanitizer says anything."""
    file, written = folder / "records", list(records)
    file.write_bytes(b"".join(len(record).to_bytes(4, "little") + record for record in written))
    done = subprocess.run([driver, file], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert int(done.stdout) == len(written)


@pytest.mark.parametrize("kind", BROKEN)
def test_the_sanitizers_stop_a_broken_program(tmp_path: Path, kind: str) -> None:
    source, program = tmp_path / "broken.c", tmp_path / "broken"
    source.write_text(BROKEN[kind])
    run([compiler("cc", "gcc", "clang"), "-w", *SANITIZE, source, "-o", program])
    done = subprocess.run([program], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "error" in done.stderr


def test_every_vector_is_read_inside_its_bytes(driver: Path, tmp_path: Path) -> None:
    assert_clean(driver, tmp_path, payloads.vector_payloads(longest=2**32))


def test_every_prefix_of_a_vector_is_read_inside_its_bytes(driver: Path, tmp_path: Path) -> None:
    found = payloads.vector_payloads(longest=400)
    assert_clean(driver, tmp_path, (data[:length] for data in found for length in range(len(data))))


def test_edited_payloads_are_read_inside_their_bytes(driver: Path, tmp_path: Path) -> None:
    rng, corpus = random.Random(1), payloads.vector_payloads(longest=2000)
    fresh = (payloads.well_framed(rng, rng.choice(payloads.NAMES)) for _ in range(EDITED))
    assert_clean(driver, tmp_path, (payloads.edited(rng, data, corpus) for data in fresh))


def test_tracestates_are_read_inside_their_bytes(driver: Path, tmp_path: Path) -> None:
    rng = random.Random(1)
    assert_clean(driver, tmp_path, (payloads.trace_state(rng).encode() for _ in range(EDITED)))
