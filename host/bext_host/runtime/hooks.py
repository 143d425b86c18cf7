"""The hooks of bext, and how a hook's arguments are passed (ABI.md, appendix "Hooks").

A string is passed as pointer and length in memory that the guest's `bext_alloc` returned; a u32 is an i32. A hook returns nothing, or an
i32 where 0 is success.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from wasmtime import FuncType, MemoryType, Module

from bext_abi.values import well_formed
from bext_host.boundary.check import MEMORY_EXPORT
from bext_host.boundary.signatures import MARKER_PATTERN, Signature

HookArgument: TypeAlias = str | int | Mapping[str, object] | list[object]
"""str as it is, a dict or list as JSON, an int as u32."""

STRING: Final = "string"
U32: Final = "u32"

HOOKS: Final[dict[str, tuple[str, ...]]] = {
    "on_server_start": (STRING,),
    "on_server_stop": (),
    "on_request_complete": (STRING,),
    "on_cache_write": (STRING, STRING),
    "on_cache_invalidate": (STRING, U32),
    "on_reload": (),
    "cleanup": (),
}

ALLOC: Final = "bext_alloc"
FREE: Final = "bext_free"
INITIALIZE: Final = "_initialize"
PRIORITY: Final = "priority"
PRIORITY_SIGNATURE: Final = Signature((), ("i32",))
DEFAULT_PRIORITY: Final = 1000
"""The place of a plugin among the others, the lower the earlier: what it exports as `priority`, an i32 global or function."""

START: Final = "on_server_start"
STOP: Final = "on_server_stop"
CLEANUP: Final = "cleanup"

_RESULTS: Final = ((), ("i32",))
_HELPERS: Final = {
    ALLOC: Signature(("i32",), ("i32",)),
    FREE: Signature(("i32", "i32")),
    INITIALIZE: Signature(()),
}


def params_of(kinds: tuple[str, ...]) -> tuple[str, ...]:
    """The wasm parameters of a hook with these kinds of arguments."""
    return tuple("i32" for kind in kinds for _ in range(2 if kind == STRING else 1))


def is_hook_of(signature: Signature, kinds: tuple[str, ...]) -> bool:
    """Whether an export with this signature can be called with these kinds of arguments."""
    return signature.params == params_of(kinds) and signature.results in _RESULTS


def encode_argument(argument: HookArgument) -> bytes | int:
    """An argument as it is passed: UTF-8 for a string, an int for a u32. Raises TypeError or ValueError for what is neither."""
    if isinstance(argument, str):
        return well_formed(argument).encode()
    if isinstance(argument, (dict, list, Mapping)):
        return well_formed(_json(argument)).encode()
    if isinstance(argument, int) and not isinstance(argument, bool):
        if not 0 <= argument < 2**32:
            raise ValueError(f"a u32 argument must be between 0 and 2**32 - 1, not {argument}")
        return argument
    raise TypeError(f"a hook takes str, int, or a dict or list for JSON, not {type(argument).__name__}")


def _json(value: object) -> str:
    """Strict JSON. Raises TypeError or ValueError for what has no such form."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_not_json)
    except RecursionError:
        raise ValueError("a hook's argument is nested too deep to be written as JSON") from None


def _not_json(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} in a hook's argument cannot be written as JSON")


def function_exports(module: Module) -> dict[str, Signature]:
    """The functions that a module exports."""
    return {item.name: Signature.of(item.type) for item in module.exports if isinstance(item.type, FuncType)}


def is_helper(export: str) -> bool:
    """Whether an export is the host's to use and no hook: memory management, initialization, a marker."""
    return export in _HELPERS or export == PRIORITY or MARKER_PATTERN.fullmatch(export) is not None


def hook_faults(module: Module) -> Iterator[str]:
    """What is wrong with a plugin's hooks and helpers, and what would be right, a line each."""
    exports = function_exports(module)
    has_memory = any(item.name == MEMORY_EXPORT and isinstance(item.type, MemoryType) for item in module.exports)
    for name, right in _HELPERS.items():
        found = exports.get(name)
        if found is not None and found != right:
            yield f"exports {name} as function {found}: its type is function {right}"
    for name, kinds in HOOKS.items():
        found = exports.get(name)
        if found is None:
            continue
        if not is_hook_of(found, kinds):
            right_params = Signature(params_of(kinds))
            yield f"exports {name} as function {found}: its type is function {right_params}, or with the result i32"
        elif STRING in kinds and ALLOC not in exports:
            yield f"exports {name} but no {ALLOC}: its strings need {ALLOC}, function {_HELPERS[ALLOC]}"
        elif STRING in kinds and not has_memory:
            yield f'exports {name} but no memory: its strings need an exported memory named "{MEMORY_EXPORT}"'
