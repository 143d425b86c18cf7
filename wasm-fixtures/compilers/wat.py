"""WebAssembly's text format, with the wasmtime that the host runs on: every version of it writes the same bytes."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Final

from build_error import BuildError

PINNED: Final = "wasmtime, 45 to 50"
REPRODUCIBLE: Final = True


def check() -> None:
    """Raise BuildError unless wasmtime is installed."""
    if importlib.util.find_spec("wasmtime") is None:
        raise BuildError("needs wasmtime for .wat files: pip install 'wasmtime>=45,<51'")


def compile_fixture(source: Path) -> bytes:
    """Translate one file."""
    import wasmtime  # noqa: PLC0415 - the other fixtures build without it

    try:
        return bytes(wasmtime.wat2wasm(source.read_text(encoding="utf-8")))
    except wasmtime.WasmtimeError as error:
        raise BuildError(f"{source.name} does not assemble:\n{error}") from None
