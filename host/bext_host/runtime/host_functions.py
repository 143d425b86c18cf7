"""Host functions that the embedder adds to ours: any import, for every plugin that is loaded afterwards.

wasmtime-py keeps an exception that a host function raised in one global of the process. So none crosses its trampoline: what a function
raises is kept in the scope, and the guest is stopped by an exception that says nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from wasmtime import FuncType, Linker, Module

from bext_abi import TRACER_IMPORT_MODULE
from bext_host.boundary import define_function
from bext_host.boundary.check import import_name, type_name
from bext_host.boundary.signatures import IMPORTS, Signature

from .log_import import LOG_IMPORT

HostFunction: TypeAlias = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class DefinedFunction:
    """A function that plugins may import."""

    type: FuncType
    function: HostFunction
    access_caller: bool


class HostFunctions:
    """The embedder's functions, by module and name."""

    def __init__(self) -> None:
        self._defined: dict[tuple[str, str], DefinedFunction] = {}

    @property
    def names(self) -> tuple[tuple[str, str], ...]:
        """What is provided, as (module, name)."""
        return tuple(self._defined)

    def add(self, module: str, name: str, type: FuncType, function: HostFunction, *, access_caller: bool) -> None:
        """Raises ValueError for a name that is taken or ours, TypeError for what is no function."""
        if not callable(function):
            raise TypeError(f"{module}.{name}: a host function must be callable, not {type_of(function)}")
        if (module, name) == LOG_IMPORT or (module == TRACER_IMPORT_MODULE and name in IMPORTS):
            raise ValueError(f"{module}.{name} is this host's own")
        if (module, name) in self._defined:
            raise ValueError(f"{module}.{name} is defined already")
        self._defined[module, name] = DefinedFunction(type, function, access_caller)

    def faults(self, module: Module) -> list[str]:
        """Which imports of a module have another type than the function that stands for them."""
        faults = []
        for item in module.imports:
            defined = self._defined.get((item.module, item.name or ""))
            right = None if defined is None else f"function {Signature.of(defined.type)}"
            if right is not None and type_name(item.type) != right:
                faults.append(f"imports {import_name(item.module, item.name or '')} as {type_name(item.type)}: its type is {right}")
        return faults

    def define_in(self, linker: Linker, hold: Callable[[BaseException], None]) -> None:
        """Define them all for one instance. `hold` keeps what one raises until the guest has returned."""
        for (module, name), defined in self._defined.items():
            define_function(linker, module, name, defined.type, defined.function, hold, access_caller=defined.access_caller)


def type_of(value: object) -> str:
    """A type's name, for errors."""
    return type(value).__name__
