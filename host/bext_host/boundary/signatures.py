"""The six imports and their wasm types (ABI.md, "Imports"), and the marker exports by which a guest says which ABI it speaks."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from wasmtime import FuncType, Linker, Store, ValType, WasmtimeError
from wasmtime import _ffi as ffi

from bext_abi import TRACER_ABI_VERSION


class Signature(NamedTuple):
    """A function type in words, as the text format writes value types."""

    params: tuple[str, ...]
    results: tuple[str, ...] = ()

    @classmethod
    def of(cls, func_type: FuncType) -> Signature:
        """The signature of a wasmtime function type."""
        return cls(tuple(map(_type_name, func_type.params)), tuple(map(_type_name, func_type.results)))

    def func_type(self) -> FuncType:
        """The wasmtime function type; for signatures of i32 and i64 only, which ours are."""
        return FuncType([_VALUE_TYPES[name] for name in self.params], [_VALUE_TYPES[name] for name in self.results])

    def __str__(self) -> str:
        return f"({', '.join(self.params)}) -> ({', '.join(self.results)})"


_VALUE_TYPES: Final = {
    "i32": ValType.i32(),
    "i64": ValType.i64(),
    "f32": ValType.f32(),
    "f64": ValType.f64(),
    "funcref": ValType.funcref(),
    "externref": ValType.externref(),
    "v128": ValType._from_ptr(ffi.wasmtime_wasm_valtype_v128(), None),  # noqa: SLF001  # wasmtime-py has no name for it
}


def _type_name(value_type: ValType) -> str:
    """The text format's name of a value type.

    Types are compared, never asked for their kind: wasmtime's C API ends the process for a kind that it has no number for (v128,
    and references of newer proposals).
    """
    for name, known in _VALUE_TYPES.items():
        if ffi.wasmtime_wasm_valtype_equal(known.ptr(), value_type.ptr()):
            return name
    return "reference"


_HANDLE: Final = ("i64", "i64", "i64")

IMPORTS: Final[dict[str, Signature]] = {
    "start_span": Signature(("i32", "i32", "i32")),
    "set_attribute": Signature((*_HANDLE, "i32", "i32")),
    "set_status": Signature((*_HANDLE, "i32", "i32")),
    "add_event": Signature((*_HANDLE, "i32", "i32")),
    "end_span": Signature((*_HANDLE, "i64")),
    "current_span": Signature(("i32",), ("i32",)),
}

MARKER_PATTERN: Final = re.compile(r"bext_tracer_abi_v([1-9][0-9]{0,8})")
"""A marker export of any version: one that this host does not know is named in the refusal."""

KNOWN_VERSIONS: Final = frozenset({TRACER_ABI_VERSION})


def defines(linker: Linker, store: Store, module: str, name: str) -> bool:
    """Whether `linker` has this item. `store` is any of its engine's; what comes out of it is not touched."""
    try:
        linker.get(store, module, name)
    except (KeyError, WasmtimeError):
        return False
    return True
