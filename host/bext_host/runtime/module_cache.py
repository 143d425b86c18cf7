"""ModuleCache: compiled modules, shared between threads and kept on disk between processes. It never makes loading a plugin fail.

What is on disk is run as native code. So it is used only where nobody but this user, or root, could have written it (private_folder), which
guards against others, and only where it is what was written (module_entry), which guards against damage and nothing else. Whatever is wrong
with the folder, an entry or the disk, the module is compiled instead.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import platform
import threading
from collections import Counter
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Final
from weakref import WeakSet

from wasmtime import Engine, Module, WasmtimeError

from bext_host.escape import escape
from bext_host.logs import log_safely
from bext_host.private_folder import FolderRefused
from bext_host.settings import CACHE_HOME_VARIABLE, HOME_VARIABLE

from .fork_gate import no_fork
from .module_entry import EntryDamaged, EntryRefused
from .module_store import ModuleStore
from .shared_modules import SharedModules

logger = logging.getLogger("bext_host.runtime")

_DOMAIN: Final = b"bext-tracer compiled module 1"
_CLOSED_ON_PURPOSE: Final = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR}


@dataclass(frozen=True, slots=True)
class ModuleCacheStats:
    """Where modules came from so far.

    `refused` counts entries that somebody else could have written, and looks into a folder that somebody else could write; `rebuilt`
    entries that were damaged, or that the engine did not take. For each of them a module was compiled.
    """

    hits_memory: int = 0
    hits_disk: int = 0
    compiled: int = 0
    refused: int = 0
    rebuilt: int = 0


class ModuleCache:
    """Compiled modules by content, engine and configuration. Safe to use from many threads, and in a forked child.

    `folder` is where they are kept on disk, made where it is missing, and refused where another user could write it or exchange a part of
    its path; default: `bext-tracer/modules` in the user's cache folder (settings.CACHE_HOME_VARIABLE). The disk is not touched before
    the first module is asked for, and what goes wrong with it is logged once for each kind.
    """

    def __init__(self, folder: Path | None = None) -> None:
        path = default_folder() if folder is None else folder.absolute()
        self._store = None if path is None else ModuleStore(path)
        self._shared = SharedModules()
        self._wasmtime_version = _wasmtime_version()
        self._counts: Counter[str] = Counter()
        self._told: set[str] = set()
        self._counts_lock = threading.Lock()
        _caches.add(self)

    @property
    def stats(self) -> ModuleCacheStats:
        """Where modules came from so far."""
        with self._counts_lock:
            return ModuleCacheStats(**self._counts)

    def module(self, wasm: bytes, engine: Engine, configuration: str) -> Module:
        """The compiled module: from this process's memory, from disk, or compiled now. Raises WasmtimeError where it does not compile.

        `configuration` says all that matters of the engine's Config. The module is shared: never close it. It is kept in memory while
        somebody holds it. Threads that ask for the same one at once wait for the first; others are not held up.
        """
        key = cache_key(wasm, configuration, self._wasmtime_version)
        module, found = self._shared.get(engine, key, partial(self._made, wasm, engine, key))
        if found:
            self._count("hits_memory")
        return module

    def _made(self, wasm: bytes, engine: Engine, key: bytes) -> Module:
        store = self._store
        module = None if store is None else self._loaded(store, engine, key)
        if module is not None:
            self._count("hits_disk")
            return module
        with no_fork():
            module = Module(engine, wasm)
        self._count("compiled")
        if store is not None:
            self._save(store, key, module)
        return module

    def _loaded(self, store: ModuleStore, engine: Engine, key: bytes) -> Module | None:
        """The module from disk; None where it has to be compiled."""
        try:
            code = store.read(key)
            with no_fork():
                return Module.deserialize(engine, code)
        except FileNotFoundError:
            return None
        except FolderRefused as refused:
            self._count("refused")
            self._tell_failure("read", refused)
            return None
        except (EntryRefused, EntryDamaged, WasmtimeError) as fault:
            self._count("refused" if isinstance(fault, EntryRefused) else "rebuilt")
            self._tell_once(type(fault).__name__, logging.WARNING, "a compiled module in %s is not used: %s", store.folder, fault)
        except Exception as error:  # noqa: BLE001  # the module can be compiled, whatever is wrong with the disk
            self._tell_failure("read", error)
            return None
        try:
            store.remove(key)
        except Exception as error:  # noqa: BLE001  # as above
            self._tell_failure("remove", error)
        return None

    def _save(self, store: ModuleStore, key: bytes, module: Module) -> None:
        try:
            store.write(key, module.serialize())
        except Exception as error:  # noqa: BLE001  # the module is there, whatever is wrong with the disk
            self._tell_failure("write", error)

    def _count(self, what: str) -> None:
        with self._counts_lock:
            self._counts[what] += 1

    def _tell_failure(self, what: str, error: Exception) -> None:
        """A folder that may not be written is how some systems are set up; other failures are worth a look."""
        if isinstance(error, FolderRefused):
            self._tell_once("folder", logging.WARNING, "compiled modules are not kept on disk: %s", error)
            return
        is_on_purpose = isinstance(error, OSError) and error.errno in _CLOSED_ON_PURPOSE
        level = logging.DEBUG if is_on_purpose else logging.WARNING
        self._tell_once(what, level, "cannot %s a compiled module on disk: %s", what, error)

    def _tell_once(self, kind: str, level: int, message: str, *arguments: object) -> None:
        if kind not in self._told:
            self._told.add(kind)
            log_safely(logger, level, message, *(escape(str(argument)) for argument in arguments))

    def _renew_after_fork(self) -> None:
        self._counts_lock = threading.Lock()
        self._shared.renew_after_fork()


def default_folder() -> Path | None:
    """The user's folder for compiled modules, None where the environment names none."""
    places = (Path(os.environ.get(CACHE_HOME_VARIABLE, "")), Path(os.environ.get(HOME_VARIABLE, "")) / ".cache")
    return next((place / "bext-tracer" / "modules" for place in places if place.is_absolute()), None)


def cache_key(wasm: bytes, configuration: str, wasmtime_version: str) -> bytes:
    """32 bytes for all that compiled code depends on, but for the features of the processor, which wasmtime compares when it takes code."""
    parts = (
        _DOMAIN,
        wasmtime_version.encode(),
        platform.machine().encode(),
        configuration.encode(errors="surrogatepass"),
        hashlib.sha256(wasm).digest(),
    )
    key = hashlib.sha256()
    for part in parts:
        key.update(len(part).to_bytes(8, "little"))
        key.update(part)
    return key.digest()


def _wasmtime_version() -> str:
    try:
        return metadata.version("wasmtime")
    except metadata.PackageNotFoundError:
        return "unknown"  # wasmtime compares versions itself when it takes code


_caches: WeakSet[ModuleCache] = WeakSet()


def _after_fork_in_child() -> None:
    for cache in list(_caches):
        cache._renew_after_fork()  # noqa: SLF001  # its own module


os.register_at_fork(after_in_child=_after_fork_in_child)
