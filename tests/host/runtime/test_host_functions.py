"""Host functions of the embedder's: what they raise, what they return, what they call, and what is refused."""

from __future__ import annotations

import gc
import threading
from typing import Any

import pytest
from wasmtime import Caller, FuncType, ValType

from bext_host import GuestTrap, ModuleRefused, PluginError, ReentrantCall
from bext_host.boundary import define
from support.hammer import hammer
from support.plugin_host import Hosting
from support.raw_guest import ENGINES
from support.wat import guest, hook, wasm


def takes(*kinds: str, gives: tuple[str, ...] = ()) -> FuncType:
    """A function's type."""
    return FuncType([getattr(ValType, kind)() for kind in kinds], [getattr(ValType, kind)() for kind in gives])


@pytest.fixture(params=ENGINES)
def hosting(request: pytest.FixtureRequest) -> Hosting:
    return Hosting(engine=request.param)


def calling(signature: str, *body: str, name: str = "f") -> bytes:
    """on_reload does this with the import env.f, which is $f."""
    text = f'(module (import "env" "{name}" (func $f {signature})) (memory (export "memory") 1)'
    return wasm(text + f'(func (export "on_reload") {" ".join(body)}) (func (export "cleanup") unreachable))')


# --- What they get and give ---


def test_arguments_and_results_cross_as_numbers(hosting):
    seen: list[Any] = []

    def function(*arguments: Any) -> int:
        seen.extend(arguments)
        return 2**31 - 1

    hosting.host.define("env", "f", takes("i32", "i64", "f64", gives=("i32",)), function)
    body = "(if (i32.ne (call $f (i32.const -1) (i64.const -2) (f64.const 0.5)) (i32.const 2147483647)) (then unreachable))"
    hosting.load(calling("(param i32 i64 f64) (result i32)", body)).call("on_reload")
    assert seen == [-1, -2, 0.5]


def test_several_results_come_as_a_tuple(hosting):
    hosting.host.define("env", "f", takes(gives=("i32", "i64")), lambda: (7, 8))
    locals_ = "(local $a i32) (local $b i64)"
    body = "(call $f) (local.set $b) (local.set $a) (if (i64.ne (local.get $b) (i64.const 8)) (then unreachable))"
    hosting.load(calling("(result i32 i64)", locals_, body)).call("on_reload")


def test_access_to_the_caller_is_given_where_it_is_asked_for(hosting):
    read: list[bytes] = []

    def function(caller: Caller, ptr: int) -> None:
        memory: Any = caller.get("memory")
        read.append(bytes(memory.read(caller, ptr, ptr + 2)))

    hosting.host.define("env", "f", takes("i32"), function, access_caller=True)
    hosting.load(calling("(param i32)", "(i32.store16 (i32.const 8) (i32.const 0x6968))", "(call $f (i32.const 8))")).call("on_reload")
    assert read == [b"hi"]


# --- What they raise ---


class Unusual(BaseException):
    """Neither an Exception nor what stops a program."""


@pytest.mark.parametrize(
    "error", [ValueError("no"), KeyError("k"), KeyboardInterrupt(), SystemExit(3), Unusual(), PluginError("a", "b", "c")]
)
def test_what_one_raises_reaches_the_caller_as_it_is_and_the_trace_tells(hosting, error):
    def function() -> None:
        raise error

    hosting.host.define("env", "f", takes(), function)
    plugin = hosting.load(calling("", "(call $f)"))
    with pytest.raises(type(error)) as raised:
        plugin.call("on_reload")
    assert raised.value is error
    span = hosting.last()
    assert span.attributes["bext.plugin.outcome"] == "error"
    assert span.events[0].attributes["exception.type"] == type(error).__name__
    assert plugin.all_stats.errors == {"error": 1}
    with pytest.raises(GuestTrap):  # and its traps stay traps
        plugin.call("cleanup")


def test_each_of_many_threads_gets_its_own_error_and_traps_stay_traps(hosting):
    for number in range(8):

        def function(number: int = number) -> None:
            raise ValueError(number)

        hosting.host.define("env", f"f{number}", takes(), function)
    plugins = [hosting.load(calling("", "(call $f)", name=f"f{number}"), f"plugin {number}") for number in range(8)]

    def work(number: int) -> None:
        for _ in range(40):
            with pytest.raises(ValueError, match=rf"\A{number}\Z"):
                plugins[number].call("on_reload")
            with pytest.raises(GuestTrap, match="unreachable"):
                plugins[number].call("cleanup")

    hammer(work, threads=8)


GARBAGE = [None, "text", b"bytes", 1.5, object(), (1,), [1, 2], {}]


@pytest.mark.parametrize("result", GARBAGE, ids=repr)
def test_a_result_of_another_type_is_an_error_of_this_call_alone(hosting, result):
    hosting.host.define("env", "f", takes(gives=("i32",)), lambda: result)
    plugin = hosting.load(calling("(result i32)", "(drop (call $f))"))
    with pytest.raises(TypeError):
        plugin.call("on_reload")
    assert hosting.last().attributes["bext.plugin.outcome"] == "error"


TWO = ("i32", "i32")


@pytest.mark.parametrize(("results", "result"), [((), 0), (TWO, 1), (TWO, (1,)), (TWO, (1, "x")), (TWO, None)])
def test_too_few_too_many_and_wrong_results_are_type_errors(hosting, results, result):
    hosting.host.define("env", "f", takes(gives=results), lambda: result)
    signature = "(result i32 i32)" if results else ""
    with pytest.raises(TypeError):
        hosting.load(calling(signature, "(call $f)", "(drop) (drop)" if results else "")).call("on_reload")


def test_wrong_results_in_one_thread_bend_nothing_in_another(hosting):
    hosting.host.define("env", "wrong", takes(gives=("i32",)), lambda: "text")
    hosting.host.define("env", "right", takes(gives=("i32",)), lambda: 1)
    modules = {name: calling("(result i32)", "(drop (call $f))", name=name) for name in ("wrong", "right")}
    plugins = [hosting.load(modules[("wrong", "right")[number % 2]], f"plugin {number}") for number in range(6)]

    def work(number: int) -> None:
        for _ in range(40):
            if number % 2:
                plugins[number].call("on_reload")
            else:
                with pytest.raises(TypeError, match="text"):
                    plugins[number].call("on_reload")
            with pytest.raises(GuestTrap, match="unreachable"):
                plugins[number].call("cleanup")

    hammer(work, threads=6)


# --- What they call ---


def test_one_may_call_another_plugin_and_its_error_comes_through(hosting):
    other = hosting.load(guest(hook("on_reload"), hook("cleanup", "unreachable")), "other")
    hosting.host.define("env", "f", takes("i32"), lambda which: other.call("cleanup" if which else "on_reload"))
    plugin = hosting.load(
        wasm("""(module (import "env" "f" (func $f (param i32)))
                (func (export "on_reload") (call $f (i32.const 0))) (func (export "cleanup") (call $f (i32.const 1))))""")
    )
    plugin.call("on_reload")
    with pytest.raises(GuestTrap) as raised:
        plugin.call("cleanup")
    assert raised.value.plugin == "other"
    assert plugin.all_stats.errors == {"trap": 1}
    assert other.all_stats.calls == {"on_reload": 1, "cleanup": 1}
    plugin.call("on_reload")


def test_one_that_calls_its_own_plugin_gets_an_error_and_the_call_goes_on(hosting):
    raised: list[BaseException] = []

    def function() -> None:
        for action in (lambda: plugin.call("on_reload"), plugin.close, plugin.start):
            with pytest.raises(ReentrantCall) as error:
                action()
            raised.append(error.value)

    hosting.host.define("env", "f", takes(), function)
    plugin = hosting.load(calling("", "(call $f)"))
    plugin.call("on_reload")
    assert len(raised) == 3
    assert plugin.all_stats.errors == {}


def test_of_two_threads_whose_plugins_want_each_other_one_gets_an_error(hosting):
    """Each is inside its own plugin when it calls the other's; without the error both would wait for ever."""
    meeting = threading.Barrier(2)
    plugins: dict[str, Any] = {}

    def crossing(own: str, other: str) -> None:
        def function() -> None:
            meeting.wait(20)
            plugins[other].call("cleanup_of_two")

        hosting.host.define("env", own, takes(), function)

    crossing("one", "two")
    crossing("two", "one")
    for name in ("one", "two"):
        text = f'(module (import "env" "{name}" (func $f)) (func (export "on_reload") (call $f)) (func (export "cleanup_of_two")))'
        plugins[name] = hosting.load(wasm(text), name)
    outcomes: list[str] = []

    def call(name: str) -> None:
        try:
            plugins[name].call("on_reload")
            outcomes.append("fine")
        except ReentrantCall:
            outcomes.append("ReentrantCall")

    threads = [threading.Thread(target=call, args=(name,), daemon=True) for name in plugins]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(outcomes) == ["ReentrantCall", "fine"]
    assert hosting.recorder.open_spans == 0


# --- What is refused ---


def test_an_import_of_another_type_and_those_that_nobody_provides_are_named_at_once(hosting):
    hosting.host.define("env", "f", takes("i32"), lambda _: None)
    module = wasm("""(module (import "env" "f" (func (param i64))) (import "env" "g" (func)) (import "other" "h" (global i32))
                     (memory (export "memory") 1) (func (export "on_reload")))""")
    with pytest.raises(ModuleRefused) as refused:
        hosting.load(module)
    text = str(refused.value)
    for words in ("env.f", "(i64) -> ()", "(i32) -> ()", "env.g", "other.h"):
        assert words in text
    assert hosting.host.plugins == ()


@pytest.mark.parametrize(("module", "name"), [("bext", "log"), ("bext", "start_span"), ("env", "f")])
def test_a_name_that_is_taken_cannot_be_defined(hosting, module, name):
    hosting.host.define("env", "f", takes(), lambda: None)
    with pytest.raises(ValueError, match=f"{module}.{name}"):
        hosting.host.define(module, name, takes(), lambda: None)


def test_what_is_no_function_cannot_be_defined(hosting):
    with pytest.raises(TypeError, match="int"):
        hosting.host.define("env", "f", takes(), 5)


def test_functions_are_let_go_with_their_plugins(hosting):
    gc.collect()
    before = len(define._defined)
    hosting.host.define("env", "f", takes(), lambda: None)
    for _ in range(5):
        plugin = hosting.load(calling("", "(call $f)"))
        plugin.call("on_reload")
        plugin.close()
    del plugin
    gc.collect()
    assert len(define._defined) - before <= 12  # of the last one, at most
