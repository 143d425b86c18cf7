"""check_module: refuse, when it is loaded, a module that could not be traced, in one error that names every fault.

The rules are ABI.md, "Loading". Nothing of the module runs here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from wasmtime import Engine, Func, FuncType, GlobalType, Linker, MemoryType, Module, Store, TableType, WasmtimeError

from bext_abi import TRACER_ABI_MARKER, TRACER_IMPORT_MODULE, BextTracerError
from bext_host.escape import escape

from .signatures import IMPORTS, KNOWN_VERSIONS, MARKER_PATTERN, Signature, defines

MEMORY_EXPORT = "memory"
_MOST_NAMED = 256


class ModuleRefused(BextTracerError, ValueError):
    """A module that cannot be loaded. `faults` says each thing that is wrong, and what would be right, in a line."""

    def __init__(self, name: str, faults: Iterable[str]) -> None:
        self.name = name
        self.faults = tuple(faults)
        super().__init__(f"{escape(name)}: {'; '.join(self.faults)}")


@dataclass(frozen=True, slots=True)
class ModuleItem:
    """An import or an export: its name (an import's with the module before a dot, escaped for display) and its type in words."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class ModuleReport:
    """What a module imports and exports, and what is wrong with it.

    `abi_version` is the highest known version whose marker it exports, None without one; `uses_tracer` whether it imports any of
    the six functions.
    """

    abi_version: int | None
    uses_tracer: bool
    imports: tuple[ModuleItem, ...]
    exports: tuple[ModuleItem, ...]
    faults: tuple[str, ...]


Bytes: TypeAlias = bytes | bytearray | memoryview
"""The bytes of a module, in any of Python's types for them."""


def compile_module(
    source: Bytes | str | os.PathLike[str],
    engine: Engine,
    name: str,
    at_most_bytes: int,
    compile_bytes: Callable[[bytes], Module] | None = None,
) -> Module:
    """Compile a core module from its bytes or its file. Raises ModuleRefused, OSError where the file cannot be read.

    `compile_bytes` may do the work in place of `Module`: it gives the module, or raises WasmtimeError.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        wasm = bytes(source)
    else:
        with Path(source).open("rb") as file:
            wasm = file.read(at_most_bytes + 1)  # a file may be endless
    fault = _too_large(at_most_bytes) if len(wasm) > at_most_bytes else _fault_of_form(wasm)
    if fault:
        raise ModuleRefused(name, [fault])
    try:
        return Module(engine, wasm) if compile_bytes is None else compile_bytes(wasm)
    except WasmtimeError as error:
        raise ModuleRefused(name, [f"not a valid WebAssembly module: {one_line(str(error))}"]) from None


def _too_large(at_most_bytes: int) -> str:
    return f"is longer than {at_most_bytes} bytes, the most that is compiled"


def _fault_of_form(wasm: bytes) -> str | None:
    """What is wrong with the first bytes, where they are no core module's."""
    if wasm[:4] != b"\0asm":
        if wasm.lstrip().startswith((b"(", b";;")):
            return "is WebAssembly text: compile it to a binary first, for example with wasmtime.wat2wasm"
        return "is no WebAssembly: a core module starts with 00 61 73 6d 01 00 00 00" + (
            f", this with {wasm[:8].hex(' ')}" if wasm else ", this is empty"
        )
    if len(wasm) < 8:
        return "is cut short within the first 8 bytes of a module"
    if wasm[6:8] == b"\x01\x00":
        return "is a WebAssembly component: build a core module instead (the tracer ABI is one of core modules)"
    if wasm[4:8] != b"\x01\0\0\0":
        return f"is no core module of version 1: its header goes on with {wasm[4:8].hex(' ')}"
    return None


def one_line(text: str) -> str:
    """A library's message as one safe line."""
    return escape(" ".join(text.split()))


def check_module(
    module: Module,
    *,
    name: str = "module",
    linker: Linker | None = None,
    provided: Collection[tuple[str, str]] = (),
    wasi: bool = False,
) -> ModuleReport:
    """What `module` imports and exports; raises ModuleRefused where it must not be loaded.

    Its imports may come from the tracer, from WASI preview 1 where `wasi` says that it is enabled, from `linker`, or be named in
    `provided` as (module, name). `name` is for the error.
    """
    report = inspect_module(module, linker=linker, provided=provided, wasi=wasi)
    if report.faults:
        raise ModuleRefused(name, report.faults)
    return report


def inspect_module(
    module: Module,
    *,
    linker: Linker | None = None,
    provided: Collection[tuple[str, str]] = (),
    wasi: bool = False,
) -> ModuleReport:
    """As check_module, but with the faults in the report instead of raised."""
    imports = list(module.imports)
    exports = {item.name: item.type for item in module.exports}
    ours = [item for item in imports if _is_ours(item)]
    version, marker_faults = _marker(exports)
    faults = [*_signature_faults(ours), *marker_faults]
    if ours:
        faults += _missing_marker(version, marker_faults, ours[0].name or "")
        faults += _memory_faults(exports.get(MEMORY_EXPORT))
    faults += _unprovided([item for item in imports if not _is_ours(item)], linker, provided, wasi)
    return ModuleReport(
        abi_version=version,
        uses_tracer=bool(ours),
        imports=tuple(ModuleItem(import_name(item.module, item.name or ""), type_name(item.type)) for item in imports),
        exports=tuple(ModuleItem(escape(name), type_name(kind)) for name, kind in exports.items()),
        faults=tuple(faults),
    )


def import_name(module: str, name: str) -> str:
    """An import's name for people."""
    return escape(f"{module}.{name}")


def type_name(kind: Any) -> str:
    """An extern type in words."""
    if isinstance(kind, FuncType):
        return f"function {Signature.of(kind)}"
    if isinstance(kind, MemoryType):
        return _memory_name(kind)
    names = {GlobalType: "global", TableType: "table"}
    return next((name for extern_type, name in names.items() if isinstance(kind, extern_type)), "other")


def _memory_name(kind: MemoryType) -> str:
    limits = kind.limits
    most = f" to {limits.max}" if limits.max is not None else " or more"
    extras = [word for word, applies in (("64-bit", kind.is_64), ("shared", kind.is_shared)) if applies]
    return " ".join([*extras, f"memory of {limits.min}{most} pages"])


def _marker(exports: dict[str, Any]) -> tuple[int | None, list[str]]:
    """The highest known marker version, and what is wrong with the markers."""
    versions = set()
    faults = []
    for name, kind in exports.items():
        match = MARKER_PATTERN.fullmatch(name)
        if match is None:
            continue
        if not isinstance(kind, FuncType) or Signature.of(kind) != Signature(()):
            faults.append(f"exports {name} as {type_name(kind)}: the marker is a function () -> ()")
        else:
            versions.add(int(match.group(1)))
    known = versions & KNOWN_VERSIONS
    if versions and not known:
        found = ", ".join(f"bext_tracer_abi_v{version}" for version in sorted(versions))
        faults.append(f"exports the marker {found}: this host knows {TRACER_ABI_MARKER}")
    return max(known, default=None), faults


def _missing_marker(version: int | None, marker_faults: list[str], used: str) -> Iterator[str]:
    if version is None and not marker_faults:
        yield (
            f"imports {TRACER_IMPORT_MODULE}.{used} but exports no marker: export a function {TRACER_ABI_MARKER} "
            "without parameters and results"
        )


def _memory_faults(kind: Any) -> Iterator[str]:
    if kind is None:
        yield f'exports no memory: the tracer reads payloads from an exported memory named "{MEMORY_EXPORT}"'
    elif not isinstance(kind, MemoryType):
        yield f'exports "{MEMORY_EXPORT}" as {type_name(kind)}: it must be a memory'
    elif kind.is_64 or kind.is_shared:
        yield f"exports a {_memory_name(kind)}: the tracer ABI needs a 32-bit memory that is not shared"


def _is_ours(item: Any) -> bool:
    return item.module == TRACER_IMPORT_MODULE and item.name in IMPORTS


def _signature_faults(ours: Iterable[Any]) -> Iterator[str]:
    told: set[str] = set()
    for item in ours:
        right = IMPORTS[item.name]
        found = type_name(item.type)
        fault = f"imports {import_name(item.module, item.name)} as {found}: its type is function {right}"
        if found != f"function {right}" and fault not in told:
            told.add(fault)
            yield fault


def _unprovided(imports: Iterable[Any], linker: Linker | None, provided: Collection[tuple[str, str]], wasi: bool) -> Iterator[str]:
    """All imports that nobody provides, named at once; and those from WASI with another type than WASI's."""
    sources = [] if linker is None else [(linker, Store(linker.engine))]
    wasi_types = _wasi_types(imports) if wasi else {}
    missing: dict[str, None] = {}  # an import may stand twice
    for item in imports:
        name, found = (item.module, item.name), type_name(item.type)
        is_elsewhere = name in provided or any(defines(one, store, *name) for one, store in sources)
        if name not in wasi_types:
            if not is_elsewhere:
                missing[import_name(*name)] = None
        elif not is_elsewhere and found != wasi_types[name]:
            yield f"imports {import_name(*name)} as {found}: its type is {wasi_types[name]}"
    if missing:
        among = [f"{TRACER_IMPORT_MODULE}.{{{', '.join(IMPORTS)}}}", *(["WASI preview 1"] if wasi else [])]
        yield f"imports what nobody provides: {_listed(list(missing))} (here there is {' and '.join(among)})"


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _wasi_types(imports: Iterable[Any]) -> dict[tuple[str, str], str]:
    """The types in words of those imports that WASI provides."""
    engine = Engine()
    linker, store = Linker(engine), Store(engine)
    linker.define_wasi()
    types: dict[tuple[str, str], str] = {}
    for name in {(item.module, item.name) for item in imports}:
        if defines(linker, store, *name):
            function = linker.get(store, *name)
            assert isinstance(function, Func)  # WASI preview 1 consists of functions
            types[name] = type_name(function.type(store))
    return types
