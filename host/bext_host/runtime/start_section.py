"""Whether a module runs code of its own when it is instantiated: that is, whether it has a start section."""

from __future__ import annotations

from typing import Final

_HEADER_BYTES: Final = 8
_START: Final = 8
"""The id of the start section in WebAssembly's binary format."""


def has_start_section(wasm: bytes) -> bool:
    """Of a core module that was found valid."""
    at = _HEADER_BYTES
    while at < len(wasm) and wasm[at] != _START:
        size, at = _unsigned(wasm, at + 1)
        at += size
    return at < len(wasm)


def _unsigned(wasm: bytes, at: int) -> tuple[int, int]:
    """A number in LEB128, and where it ends."""
    number = shift = 0
    while wasm[at] & 0x80:
        number |= (wasm[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
    return number | wasm[at] << shift, at + 1
