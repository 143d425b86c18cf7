"""Small modules that answer a number, the engines that they are compiled for, and the entries that a cache keeps of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from wasmtime import Config, Engine, Instance, Module, Store

from bext_host.runtime.module_cache import ModuleCache

from .wat import wasm

CONFIGURATION = "no threads"

only_root_can = pytest.mark.skipif("os.geteuid() != 0", reason="only root can give files to other users")
SOMEBODY_ELSE = 54321


def new_engine(*, fuel: bool = False) -> Engine:
    config = Config()
    config.parallel_compilation = False
    config.consume_fuel = fuel
    return Engine(config)


def answering(number: int) -> bytes:
    """A module whose function `answer` gives the number."""
    return wasm(f'(module (func (export "answer") (result i32) (i32.const {number})))')


def answer_of(module: Module, engine: Engine) -> int:
    """What the module answers; `engine` must be its own."""
    store = Store(engine)
    return Instance(store, module, []).exports(store)["answer"](store)


def load(cache: ModuleCache, number: int) -> int:
    """Load the module that answers `number`, for an engine of its own, and ask it."""
    engine = new_engine()
    return answer_of(cache.module(answering(number), engine, CONFIGURATION), engine)


def counts(cache: ModuleCache) -> dict[str, int]:
    """The counters that are not zero."""
    stats = cache.stats
    return {name: getattr(stats, name) for name in stats.__slots__ if getattr(stats, name)}


def only_entry(folder: Path) -> Path:
    """The one file in the folder."""
    (entry,) = folder.iterdir()
    return entry
