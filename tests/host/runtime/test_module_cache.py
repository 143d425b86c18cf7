"""Compiled modules within a process: shared while somebody uses them, made once however many ask, and never another engine's."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest
from wasmtime import Module, WasmtimeError

from bext_host.runtime import fork_gate, module_cache
from bext_host.runtime.module_cache import ModuleCache, cache_key
from bext_host.runtime.shared_modules import SharedModules
from support.compiled import CONFIGURATION, answer_of, answering, counts, load, new_engine
from support.hammer import hammer, wait_until_blocked

PATIENCE = 30
SLOW = answering(1)
BROKEN = b"\0asm\1\0\0\0 is no module"


@pytest.fixture
def cache(tmp_path):
    return ModuleCache(tmp_path / "modules")


class Compiler:
    """Compiles as Module does, but is slow with some: it waits until they are `released`."""

    def __init__(self):
        self.entered, self.released = threading.Event(), threading.Event()
        self.calls = 0

    def __call__(self, engine, wasm):
        self.calls += 1
        if wasm in (SLOW, BROKEN):
            self.entered.set()
            assert self.released.wait(PATIENCE)
        return Module(engine, wasm)

    deserialize = staticmethod(Module.deserialize)


@pytest.fixture
def compiler(monkeypatch):
    double = Compiler()
    monkeypatch.setattr(module_cache, "Module", double)
    return double


def started(work) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def outcomes_of_threads(compiler, cache, wasm, threads=6) -> list[object]:
    """What each of several threads gets that ask for a module while the first of them compiles it."""
    engine, outcomes = new_engine(), []

    def ask():
        try:
            outcomes.append(cache.module(wasm, engine, CONFIGURATION))
        except WasmtimeError as error:
            outcomes.append(error)

    asking = [started(ask)]
    assert compiler.entered.wait(PATIENCE)
    asking += [started(ask) for _ in range(threads - 1)]
    for thread in asking[1:]:
        wait_until_blocked(thread)
    compiler.released.set()
    for thread in asking:
        thread.join(PATIENCE)
    assert len(outcomes) == threads
    return outcomes


# --- One module for all -----------------------------------------------------------------------------------------------


def test_a_module_is_compiled_once_and_then_shared(cache):
    engine = new_engine()
    module = cache.module(answering(7), engine, CONFIGURATION)
    assert cache.module(answering(7), engine, CONFIGURATION) is module
    assert answer_of(module, engine) == 7
    assert counts(cache) == {"compiled": 1, "hits_memory": 1}


def test_threads_that_ask_at_once_get_the_module_that_the_first_compiles(compiler, cache):
    outcomes = outcomes_of_threads(compiler, cache, SLOW)
    assert len(set(map(id, outcomes))) == 1
    assert compiler.calls == 1
    assert counts(cache) == {"compiled": 1, "hits_memory": 5}


def test_an_error_reaches_all_who_wait_for_it_and_is_not_kept(compiler, cache):
    outcomes = outcomes_of_threads(compiler, cache, BROKEN)
    assert all(isinstance(outcome, WasmtimeError) for outcome in outcomes)
    assert compiler.calls == 1
    with pytest.raises(WasmtimeError):
        cache.module(BROKEN, new_engine(), CONFIGURATION)
    assert compiler.calls == 2
    assert counts(cache) == {}


def test_a_module_that_is_being_compiled_holds_no_other_up(compiler, cache):
    slow = started(lambda: load(cache, 1))
    assert compiler.entered.wait(PATIENCE)
    assert load(cache, 2) == 2
    assert slow.is_alive()
    compiler.released.set()
    slow.join(PATIENCE)
    assert counts(cache) == {"compiled": 2}


def test_a_thread_that_is_interrupted_leaves_the_work_to_the_next():
    shared, engine, entered, go_on, outcomes = SharedModules(), new_engine(), threading.Event(), threading.Event(), []

    def interrupted():
        entered.set()
        assert go_on.wait(PATIENCE)
        raise KeyboardInterrupt

    def first():
        with pytest.raises(KeyboardInterrupt):
            shared.get(engine, b"key", interrupted)

    def second():
        outcomes.append(shared.get(engine, b"key", lambda: Module(engine, answering(3))))

    threads = [started(first)]
    assert entered.wait(PATIENCE)
    threads.append(started(second))
    wait_until_blocked(threads[1])
    go_on.set()
    for thread in threads:
        thread.join(PATIENCE)
    ((module, found),) = outcomes
    assert (answer_of(module, engine), found) == (3, False)
    assert shared.get(engine, b"key", interrupted) == (module, True)


def test_many_threads_with_many_modules_compile_each_once(tmp_path):
    cache, engine, kept = ModuleCache(tmp_path / "modules"), new_engine(), []

    def work(number):
        for step in range(60):
            wanted = (number + step) % 5
            module = cache.module(answering(wanted), engine, CONFIGURATION)
            kept.append(module)
            assert answer_of(module, engine) == wanted

    hammer(work)
    assert counts(cache) == {"compiled": 5, "hits_memory": 8 * 60 - 5}


def test_no_fork_gets_in_while_wasmtime_makes_a_module(cache, monkeypatch):
    kept_out = []

    class Watched(Module):
        def __init__(self, engine, wasm):
            kept_out.append(threading.get_ident() in fork_gate._gate._working)
            super().__init__(engine, wasm)

        @classmethod
        def deserialize(cls, engine, encoded):
            kept_out.append(threading.get_ident() in fork_gate._gate._working)
            return Module.deserialize(engine, encoded)

    monkeypatch.setattr(module_cache, "Module", Watched)
    assert (load(cache, 1), load(cache, 1)) == (1, 1)
    assert counts(cache) == {"compiled": 1, "hits_disk": 1}
    assert kept_out == [True, True]
    assert not fork_gate._gate._working


# --- What is kept, and for how long -----------------------------------------------------------------------------------


def test_a_module_that_nobody_uses_is_not_kept_in_memory(cache):
    engine = new_engine()
    module = weakref.ref(cache.module(answering(1), engine, CONFIGURATION))
    gc.collect()
    assert module() is None
    assert answer_of(cache.module(answering(1), engine, CONFIGURATION), engine) == 1
    assert counts(cache) == {"compiled": 1, "hits_disk": 1}


def test_an_engine_that_nobody_uses_is_not_kept_either(cache):
    engine = new_engine()
    module = cache.module(answering(1), engine, CONFIGURATION)
    gone = weakref.ref(engine)
    del engine
    gc.collect()
    assert gone() is None
    assert len(cache._shared._engines) == 0
    assert module.exports[0].name == "answer"


def test_what_was_raised_holds_nothing_back(cache):
    gc.disable()  # what is freed now is in no cycle
    try:
        with pytest.raises(WasmtimeError) as raised:
            cache.module(BROKEN, new_engine(), CONFIGURATION)
        gone = weakref.ref(raised.value)
        del raised
        assert gone() is None
    finally:
        gc.enable()


def test_each_engine_gets_a_module_of_its_own(cache):
    engines = [new_engine() for _ in range(3)]
    modules = [cache.module(answering(4), engine, CONFIGURATION) for engine in engines]
    assert len(set(map(id, modules))) == 3
    assert [answer_of(*pair) for pair in zip(modules, engines, strict=True)] == [4, 4, 4]
    assert counts(cache) == {"compiled": 1, "hits_disk": 2}


def test_code_for_another_configuration_is_not_looked_at(cache):
    cache.module(answering(1), new_engine(), CONFIGURATION)
    cache.module(answering(1), new_engine(fuel=True), "fuel")
    assert counts(cache) == {"compiled": 2}


def test_code_that_the_engine_does_not_take_is_compiled_anew(cache):
    """Two engines that are not what their configuration says, or a processor without features that the one which compiled had."""
    load(cache, 1)
    engine = new_engine(fuel=True)
    cache.module(answering(1), engine, CONFIGURATION)
    cache.module(answering(1), new_engine(fuel=True), CONFIGURATION)
    assert counts(cache) == {"compiled": 2, "rebuilt": 1, "hits_disk": 1}


def test_the_key_tells_everything_apart_that_matters(monkeypatch):
    keys = [
        cache_key(b"a", "b", "c"),
        cache_key(b"ab", "", "c"),
        cache_key(b"a", "bc", ""),
        cache_key(b"a", "b", "d"),
        cache_key(b"a", "\ud800", "c"),
        cache_key(b"", "", ""),
    ]
    monkeypatch.setattr("platform.machine", lambda: "m")
    keys += [cache_key(b"a", "b", "c"), cache_key(b"a", "", "1m"), cache_key(b"a", "m", "1")]
    assert len(set(keys)) == len(keys)
    assert {len(key) for key in keys} == {32}
