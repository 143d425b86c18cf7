"""How a hook's arguments get into the guest, and what comes back."""

from __future__ import annotations

import enum

import pytest

from bext_host import AllocationFailed, GuestTrap, HookFailed, HookMissing, PluginError
from support.plugin_host import Hosting
from support.wat import ALLOC, HEAP, MEMORY_BYTES, Guest, guest, hook, note, tell, wasm

PARAM_0, PARAM_1, PARAM_2 = "(local.get 0)", "(local.get 1)", "(local.get 2)"
TELLS = guest(ALLOC, hook("on_request_complete", tell("e"), note("e", PARAM_0, PARAM_1), takes="i32 i32"))
FREE = '(func (export "bext_free") (param i32 i32)' + note("f", PARAM_0, PARAM_1) + ")"
TWO_TEXTS = hook("on_cache_write", tell("k"), tell("t", PARAM_2, "(local.get 3)"), note("h"), takes="i32 i32 i32 i32")
BIG = hook("on_cache_invalidate", tell("p"), note("n", PARAM_2), takes="i32 i32 i32")


@pytest.fixture
def hosting() -> Hosting:
    return Hosting()


# --- Texts and JSON ---


@pytest.mark.parametrize(
    ("given", "received"),
    [
        ("plain", "plain"),
        ('{"as": "it is"}', '{"as": "it is"}'),
        ("ünïcödé \U0001f600 \u2028", "ünïcödé \U0001f600 \u2028"),
        ("NUL \0 inside", "NUL \0 inside"),
        ("lone \ud800 surrogate", "lone \ufffd surrogate"),
        ({}, "{}"),
        ([], "[]"),
        ({"method": "GET", "status": 200, "ok": True, "none": None}, '{"method":"GET","status":200,"ok":true,"none":null}'),
        (["a", 1, [2.5]], '["a",1,[2.5]]'),
        ({"ü": "\U0001f600"}, '{"ü":"\U0001f600"}'),
        ({"lone": "\ud800"}, '{"lone":"\ufffd"}'),
        ({"nested": {"tuple": (1, 2)}}, '{"nested":{"tuple":[1,2]}}'),
    ],
)
def test_a_text_is_passed_as_it_is_and_a_dict_or_list_as_json(hosting, given, received):
    hosting.load(TELLS).call("on_request_complete", given)
    span = hosting.last()
    assert span.attributes["e"] == received
    assert hosting.notes() == [("e", HEAP, len(received.encode()))]


def test_an_empty_text_is_zero_and_zero_and_nothing_is_allocated(hosting):
    alloc = '(func (export "bext_alloc") (param i32) (result i32) unreachable)'
    hosting.load(guest(alloc, FREE, hook("on_request_complete", note("e", PARAM_0, PARAM_1), takes="i32 i32"))).call(
        "on_request_complete", ""
    )
    assert hosting.notes() == [("e", 0, 0)]


def test_two_texts_arrive_in_their_order(hosting):
    hosting.load(guest(ALLOC, TWO_TEXTS)).call("on_cache_write", "product:42", ["a", "b"])
    assert (hosting.last().attributes["k"], hosting.last().attributes["t"]) == ("product:42", '["a","b"]')


def test_a_text_may_be_large(hosting):
    text = "x" * 60_000
    hosting.load(TELLS).call("on_request_complete", text)
    assert hosting.last().attributes["e"] == text


# --- Numbers ---


@pytest.mark.parametrize("number", [0, 1, 2**31 - 1, 2**31, 2**32 - 1])
def test_a_u32_keeps_its_value(hosting, number):
    hosting.load(guest(ALLOC, BIG)).call("on_cache_invalidate", "product:*", number)
    assert hosting.notes() == [("n", number, 0)]
    assert hosting.last().attributes["p"] == "product:*"


@pytest.mark.parametrize("number", [-1, 2**32, 10**30])
def test_a_number_beyond_u32_is_refused(hosting, number):
    with pytest.raises(ValueError, match="u32"):
        hosting.load(guest(ALLOC, BIG)).call("on_cache_invalidate", "p", number)
    assert hosting.spans() == []


def test_a_named_number_is_a_number(hosting):
    class Count(enum.IntEnum):
        SEVEN = 7

    hosting.load(guest(ALLOC, BIG)).call("on_cache_invalidate", "p", Count.SEVEN)
    assert hosting.notes() == [("n", 7, 0)]


# --- Arguments that are none ---


@pytest.mark.parametrize("argument", [None, True, 1.5, b"bytes", bytearray(b"x"), ("tuple",), {1, 2}, object()])
def test_other_types_are_refused_before_anything_runs(hosting, argument):
    with pytest.raises(TypeError):
        hosting.load(TELLS).call("on_request_complete", argument)
    assert hosting.spans() == []


def circular() -> dict[str, object]:
    value: dict[str, object] = {}
    value["self"] = value
    return value


def deep() -> list[object]:
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    return value


@pytest.mark.parametrize(
    "argument",
    [{"x": object()}, {"x": b"bytes"}, {("a", "b"): 1}, circular(), deep(), {"x": float("nan")}, [float("inf")]],
    ids=["object", "bytes", "key", "circular", "deep", "NaN", "infinity"],
)
def test_what_has_no_strict_json_form_is_refused_before_anything_runs(hosting, argument):
    plugin = hosting.load(TELLS)
    with pytest.raises((TypeError, ValueError)):
        plugin.call("on_request_complete", argument)
    assert hosting.spans() == []


@pytest.mark.parametrize(
    ("hook_name", "arguments"),
    [
        ("on_request_complete", ()),
        ("on_request_complete", ("a", "b")),
        ("on_request_complete", (1,)),
        ("on_reload", ("a",)),
        ("on_cache_invalidate", ("p",)),
        ("on_cache_invalidate", (1, "p")),
        ("on_request_complete", (1, 2)),
        ("on_cache_invalidate", (1, 2, 3)),
    ],
)
def test_a_hook_with_other_arguments_than_its_own_is_not_called(hosting, hook_name, arguments):
    plugin = hosting.load(guest(ALLOC, BIG, hook("on_request_complete", takes="i32 i32"), hook("on_reload")))
    with pytest.raises((HookMissing, TypeError)):
        plugin.call(hook_name, *arguments)
    assert hosting.spans() == []


@pytest.mark.parametrize("name", ["on_server_stop", "", "memory", "no\x1bsuch"])
def test_a_hook_that_is_not_there_is_named_with_those_that_are(hosting, name):
    plugin = hosting.load(guest(hook("on_reload"), hook("cleanup")))
    with pytest.raises(HookMissing, match="on_reload, cleanup") as raised:
        plugin.call(name)
    assert isinstance(raised.value, PluginError)
    assert (raised.value.plugin, raised.value.hook) == ("guest", name)
    assert "\x1b" not in str(raised.value)
    assert hosting.spans() == []


def test_exports_that_are_no_hooks_of_bext_can_be_called_by_their_types(hosting):
    plugin = hosting.load(guest(ALLOC, hook("warm_up", note("w", PARAM_0), takes="i32"), hook("greet", tell("g"), takes="i32 i32")))
    assert plugin.hooks == ()
    plugin.call("warm_up", 5)
    assert hosting.notes() == [("w", 5, 0)]
    plugin.call("greet", "hello")
    assert hosting.last().attributes["g"] == "hello"


@pytest.mark.parametrize("types", ["i64", "f32", "i32 i32 i64"])
def test_an_export_with_other_types_cannot_be_called(hosting, types):
    plugin = hosting.load(guest(ALLOC, hook("odd", takes=types), hook("gives_i64", "(i64.const 1)", gives="i64")))
    with pytest.raises(HookMissing):
        plugin.call("odd", 1)
    with pytest.raises(HookMissing):
        plugin.call("gives_i64")


# --- Allocation ---


@pytest.mark.parametrize("answer", [0, MEMORY_BYTES, MEMORY_BYTES - 4, 2**31, 2**32 - 1, 2**32 - 5])
def test_memory_that_is_none_is_an_allocation_failure_and_the_hook_does_not_run(hosting, answer):
    alloc = f'(func (export "bext_alloc") (param i32) (result i32) (i32.const {answer}))'
    plugin = hosting.load(guest(alloc, hook("on_request_complete", "unreachable", takes="i32 i32"), hook("on_reload")))
    with pytest.raises(AllocationFailed, match="bext_alloc"):
        plugin.call("on_request_complete", "12345")
    span = hosting.last()
    assert span.attributes["bext.plugin.outcome"] == "error"
    assert span.events[0].attributes["exception.type"] == "AllocationFailed"
    plugin.call("on_reload")


def test_memory_up_to_the_last_byte_is_used(hosting):
    alloc = f'(func (export "bext_alloc") (param i32) (result i32) (i32.const {MEMORY_BYTES - 5}))'
    hosting.load(guest(alloc, hook("on_request_complete", tell("e"), takes="i32 i32"))).call("on_request_complete", "12345")
    assert hosting.last().attributes["e"] == "12345"


def test_an_allocation_may_grow_the_memory(hosting):
    alloc = '(func (export "bext_alloc") (param i32) (result i32) (i32.mul (memory.grow (i32.const 1)) (i32.const 65536)))'
    hosting.load(guest(alloc, hook("on_request_complete", tell("e"), takes="i32 i32"))).call("on_request_complete", "grown")
    assert hosting.last().attributes["e"] == "grown"


def test_an_allocation_that_traps_is_the_calls_trap(hosting):
    alloc = '(func (export "bext_alloc") (param i32) (result i32) unreachable)'
    plugin = hosting.load(guest(alloc, hook("on_request_complete", takes="i32 i32")))
    with pytest.raises(GuestTrap, match="unreachable"):
        plugin.call("on_request_complete", "x")
    assert hosting.last().attributes["bext.plugin.outcome"] == "trap"


def test_a_plugin_without_memory_to_put_a_text_in_is_refused_or_fails_as_an_allocation(hosting):
    text = """(module (func (export "bext_alloc") (param i32) (result i32) (i32.const 8))
                      (func (export "on_request_complete") (param i32 i32)))"""
    with pytest.raises((AllocationFailed, ValueError)):
        hosting.load(wasm(text)).call("on_request_complete", "x")


# --- Giving back ---


def test_texts_are_given_back_the_last_one_first_with_their_lengths(hosting):
    hosting.load(guest(ALLOC, FREE, TWO_TEXTS)).call("on_cache_write", "key", "seventeen letters")
    assert hosting.notes() == [("h", 0, 0), ("f", HEAP + 3, 17), ("f", HEAP, 3)]


def test_the_length_is_that_of_the_bytes(hosting):
    hosting.load(guest(ALLOC, FREE, TWO_TEXTS)).call("on_cache_write", "ü", "\U0001f600")
    assert hosting.notes() == [("h", 0, 0), ("f", HEAP + 2, 4), ("f", HEAP, 2)]


def test_an_empty_text_is_not_given_back(hosting):
    hosting.load(guest(ALLOC, FREE, TWO_TEXTS)).call("on_cache_write", "", "x")
    assert hosting.notes() == [("h", 0, 0), ("f", HEAP, 1)]


def test_texts_are_given_back_even_where_the_hook_fails(hosting):
    plugin = hosting.load(guest(ALLOC, FREE, hook("on_request_complete", "(i32.const 3)", takes="i32 i32", gives="i32")))
    with pytest.raises(HookFailed):
        plugin.call("on_request_complete", "x")
    assert hosting.notes() == [("f", HEAP, 1)]


def test_a_release_that_traps_is_the_calls_trap(hosting):
    free = '(func (export "bext_free") (param i32 i32) unreachable)'
    plugin = hosting.load(guest(ALLOC, free, hook("on_request_complete", takes="i32 i32")))
    with pytest.raises(GuestTrap):
        plugin.call("on_request_complete", "x")


# --- Results ---


def test_a_hook_that_returns_nothing_or_zero_succeeded(hosting):
    plugin = hosting.load(guest(hook("on_reload"), hook("cleanup", "(i32.const 0)", gives="i32")))
    assert plugin.call("on_reload") is None
    assert plugin.call("cleanup") is None
    assert {span.attributes["bext.plugin.outcome"] for span in hosting.spans()} == {"ok"}


@pytest.mark.parametrize("result", [1, 7, -1, 2**31 - 1, -(2**31)])
def test_another_result_is_a_failure_that_leaves_the_instance_alive(hosting, result):
    counts = "(global $calls (mut i32) (i32.const 0))"
    body = f"(global.set $calls (i32.add (global.get $calls) (i32.const 1))) {note('c', '(global.get $calls)')} (i32.const {result})"
    plugin = hosting.load(Guest().module(counts, hook("on_reload", body, gives="i32")))
    for call in (1, 2):
        with pytest.raises(HookFailed, match=str(result)) as raised:
            plugin.call("on_reload")
        assert raised.value.result == result
        assert hosting.notes() == [("c", call, 0)]
    span = hosting.last()
    assert span.attributes["bext.plugin.outcome"] == "failed"
    assert span.status.message == f"returned {result}, where 0 is success"
