"""define_function: a function in Python as a host function, through a callback of our own.

wasmtime-py's is made by ctypes. Where a signal handler raises before the first statement of such a callback, its result is whatever lies in
memory, which wasmtime takes for an error to free: Ctrl-C would end the process. It also keeps what a function raised in one global, where
another thread may find it. Ours is cffi's, which tells of what was raised wherever that was; the guest is stopped, and the error is held
for the thread that made the call.
"""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeAlias

import _cffi_backend
from wasmtime import Caller, FuncType, Linker, Val, ValType, WasmtimeError
from wasmtime import _bindings as bindings

HostFunction: TypeAlias = Callable[..., Any]

_ffi: Final[Any] = _cffi_backend.FFI()
_MESSAGE: Final = b"a host function stopped the guest"


class _Defined(NamedTuple):
    function: HostFunction
    results: list[ValType]
    access_caller: bool
    hold: Callable[[BaseException], None]


_defined: Final[dict[int, _Defined]] = {}
_numbers: Final = itertools.count(1)


def define_function(
    linker: Linker,
    module: str,
    name: str,
    type: FuncType,
    function: HostFunction,
    hold: Callable[[BaseException], None],
    *,
    access_caller: bool = False,
) -> None:
    """As wasmtime-py's `Linker.define_func`, but whatever `function` raises goes to `hold` in the guest's thread, and the guest traps.

    A result of another type than the function's is a TypeError of the same kind. wasmtime keeps `function` and `hold` until the linker
    and its stores are gone. Raises WasmtimeError for a name that is taken.
    """
    number = next(_numbers)
    _defined[number] = _Defined(function, type.results, access_caller, hold)
    module_bytes, name_bytes = module.encode(), name.encode()
    error = bindings.wasmtime_linker_define_func(
        linker.ptr(),
        ctypes.create_string_buffer(module_bytes),
        len(module_bytes),
        ctypes.create_string_buffer(name_bytes),
        len(name_bytes),
        type.ptr(),
        _CALLBACK,
        number,
        _FINALIZER,
    )
    if error:
        raise WasmtimeError._from_ptr(error)  # noqa: SLF001  # no public name


def _host_call(number: int, caller_address: int, arguments: int, argument_count: int, results: int, result_count: int) -> int:
    """Called by wasmtime: 0, or the address of a trap."""
    defined = _defined[number]
    try:
        _run(defined, caller_address, (arguments, argument_count), (results, result_count))
    except BaseException as error:  # noqa: BLE001  # raised again in this thread, when the guest has returned
        defined.hold(error)
        return _new_trap()
    return 0


def _run(defined: _Defined, caller_address: int, arguments: tuple[int, int], results: tuple[int, int]) -> None:
    caller = Caller(ctypes.cast(caller_address, ctypes.POINTER(bindings.wasmtime_caller_t)))
    try:
        given: list[Any] = [caller] if defined.access_caller else []
        given += [Val._from_raw(caller, raw, owned=False).value for raw in _values(*arguments)]  # noqa: SLF001  # no public name
        result = defined.function(*given)
        _give(caller, defined.results, result, _values(*results))
    finally:
        caller._invalidate()  # noqa: SLF001  # as above


def _values(address: int, count: int) -> Any:
    return (bindings.wasmtime_val_t * count).from_address(address) if count else ()


def _give(caller: Caller, types: list[ValType], result: Any, to: Any) -> None:
    """Write the results. Raises TypeError where they are not the function's."""
    if len(types) == 1:
        result = (result,)
    elif not types:
        if result is not None:
            raise TypeError(f"a host function without results returned {_name(result)}")
        return
    if not isinstance(result, (tuple, list)) or len(result) != len(types):
        raise TypeError(f"a host function with {len(types)} results returned {_name(result)}")
    for at, (kind, value) in enumerate(zip(types, result, strict=True)):
        to[at] = Val._convert_to_raw(caller, kind, value)  # noqa: SLF001  # as above


def _name(value: object) -> str:
    return type(value).__name__


def _on_stop(_: Any, error: BaseException, traceback: Any) -> int:
    """Called where `_host_call` raised, which only a signal handler can have done, before the first statement or after the last."""
    defined = None if traceback is None else _defined.get(traceback.tb_frame.f_locals.get("number", 0))
    if defined is not None:
        defined.hold(error)
    return _new_trap()


def _new_trap() -> int:
    """A trap that wasmtime takes over."""
    return ctypes.cast(bindings.wasmtime_trap_new(_MESSAGE, len(_MESSAGE)), ctypes.c_void_p).value or 0


def _forget(number: int) -> None:
    """Called by wasmtime when neither the linker nor a store has the function any more."""
    _defined.pop(number, None)


def _pointer(callback: Any, kind: Any) -> Any:
    """A callback of cffi's for what ctypes calls. Both live as long as the process."""
    return ctypes.cast(int(_ffi.cast("uintptr_t", callback)), kind)


_callback: Final = _ffi.callback("size_t(*)(uintptr_t, uintptr_t, uintptr_t, size_t, uintptr_t, size_t)", _host_call, 0, _on_stop)
_finalizer: Final = _ffi.callback("void(*)(uintptr_t)", _forget, None, lambda *_: None)
_CALLBACK: Final = _pointer(_callback, bindings.wasmtime_func_callback_t)
_FINALIZER: Final = _pointer(_finalizer, ctypes.CFUNCTYPE(None, ctypes.c_void_p))
