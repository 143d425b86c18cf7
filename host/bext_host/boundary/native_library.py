"""The native engine's extension module, attached to the wasmtime library that the Python package loaded.

Pointers come from that very library, and the layouts of its types are compared with wasmtime's own bindings before anything is called:
what does not fit refuses the engine, with its reason.
"""

from __future__ import annotations

import ctypes
from importlib import metadata
from typing import Any, Final

from wasmtime import _bindings as bindings

from bext_host.extension import NativeUnavailable, load_extension

SUPPORTED_WASMTIME: Final = ("45", "46", "47", "48", "49", "50")
"""The major versions of wasmtime whose C API this engine was tested against, the oldest first. pyproject.toml lets pip install these."""

_FUNCTIONS: Final = (
    "wasmtime_caller_export_get",
    "wasmtime_caller_context",
    "wasmtime_extern_delete",
    "wasmtime_memory_data",
    "wasmtime_memory_data_size",
    "wasmtime_memory_type",
    "wasmtime_memorytype_is64",
    "wasm_memorytype_delete",
    "wasmtime_context_get_fuel",
    "wasmtime_context_set_fuel",
    "wasmtime_error_delete",
    "wasm_functype_new",
    "wasm_functype_delete",
    "wasmtime_func_new_unchecked",
    "wasmtime_trap_new",
    "wasmtime_linker_define_func_unchecked",
)
"""In the order of `bext_wasmtime_api` in host/native/wasmtime_api.h."""


def load() -> Any:
    """The extension module, attached. Raises NativeUnavailable with the reason."""
    _native = load_extension()
    version = metadata.version("wasmtime")
    if version.partition(".")[0] not in SUPPORTED_WASMTIME:
        raise NativeUnavailable(f"it supports wasmtime {SUPPORTED_WASMTIME[0]} to {SUPPORTED_WASMTIME[-1]}, and {version} is installed")
    _check_layouts(_native.lib.bext_wasmtime_layouts())
    pointers = [_address(name) for name in _FUNCTIONS]
    _native.lib.bext_set_wasmtime_functions([_native.ffi.cast("void *", pointer) for pointer in pointers], len(pointers))
    return _native


def _check_layouts(ours: Any) -> None:
    wanted = {
        "extern_size": ctypes.sizeof(bindings.wasmtime_extern),
        "extern_of": bindings.wasmtime_extern.of.offset,
        "memory_size": ctypes.sizeof(bindings.wasmtime_memory),
        "func_size": ctypes.sizeof(bindings.wasmtime_func),
        "types_size": ctypes.sizeof(bindings.wasm_valtype_vec_t),
        "value_size": ctypes.sizeof(bindings.wasmtime_val_raw),
    }
    for name, value in wanted.items():
        if getattr(ours, name) != value:
            raise NativeUnavailable(f"wasmtime's {name} is {value}, where the engine has {getattr(ours, name)}")


def _address(name: str) -> int:
    try:
        function = getattr(bindings.dll, name)  # type: ignore[attr-defined]  # the loaded library
    except AttributeError:
        raise NativeUnavailable(f"this wasmtime has no function {name}") from None
    return ctypes.cast(function, ctypes.c_void_p).value or 0
