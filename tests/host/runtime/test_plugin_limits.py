"""PluginLimits: bext's defaults, what replaces them, and what is no limit."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError, replace

import pytest
from wasmtime import Config, Engine, Store

from bext_abi import constants
from bext_host.runtime.hooks import HOOKS
from bext_host.runtime.plugin_limits import HOOK_FUEL, PluginLimits

SECONDS = "expected a number of seconds above 0, at most 1000000000"


# --- Defaults ---


@pytest.mark.parametrize(
    ("hook", "fuel"),
    [
        ("on_server_start", 500_000_000),
        ("on_request_complete", 100_000_000),
        ("on_cache_write", 50_000_000),
        ("on_cache_invalidate", 50_000_000),
        ("on_reload", 200_000_000),
        ("cleanup", 100_000_000),
        ("on_server_stop", 100_000_000),
        ("an export of its own", 100_000_000),
    ],
)
def test_a_call_has_the_fuel_that_bext_gives_its_hook(hook, fuel):
    assert PluginLimits().fuel_for(hook) == fuel


def test_a_call_of_any_export_may_last_ten_seconds():
    assert {PluginLimits().timeout_for(hook) for hook in (*HOOKS, "another")} == {10.0}


def test_an_instance_may_have_one_memory_of_64_mebibytes():
    limits = PluginLimits()
    assert (limits.memory_bytes, limits.memories) == (67_108_864, 1)


def test_an_instance_may_have_the_tables_that_compilers_make():
    limits = PluginLimits()
    assert (limits.tables, limits.table_elements) == (10, 100_000)


def test_a_span_may_stay_open_as_long_as_the_abi_says():
    assert PluginLimits().span_open_seconds == constants.LIMIT_SPAN_OPEN_SECONDS == 600


def test_every_default_by_hook_is_for_a_hook_of_bext():
    assert set(HOOK_FUEL) == set(HOOKS) - {"on_server_stop"}


# --- What is given ---


def test_fuel_that_is_given_replaces_single_defaults():
    limits = PluginLimits(fuel={"on_reload": 7, "own": 1})
    assert [limits.fuel_for(hook) for hook in ("on_reload", "own", "cleanup")] == [7, 1, 100_000_000]


def test_a_timeout_by_hook_replaces_the_one_for_all():
    limits = PluginLimits(timeout_seconds=2, hook_timeout_seconds={"on_reload": 0.5})
    assert [limits.timeout_for(hook) for hook in ("on_reload", "cleanup", "own")] == [0.5, 2.0, 2.0]


def test_a_timeout_is_a_float_whatever_number_it_was_given_as():
    limits = PluginLimits(timeout_seconds=2, hook_timeout_seconds={"on_reload": 1})
    assert [type(limits.timeout_for(hook)) for hook in ("on_reload", "cleanup")] == [float, float]


def test_replaced_limits_keep_the_rest():
    limits = replace(PluginLimits(fuel={"on_reload": 7}, hook_timeout_seconds={"cleanup": 3}), memory_bytes=65_536)
    assert (limits.fuel_for("on_reload"), limits.timeout_for("cleanup"), limits.memory_bytes) == (7, 3.0, 65_536)


# --- What is none ---


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"fuel": 5}, "fuel: expected a table, found 5"),
        ({"fuel": {"on_reload": 0}}, "fuel.on_reload: expected a whole number of 1 or more, found 0"),
        ({"fuel": {"on_reload": True}}, "fuel.on_reload: expected a whole number of 1 or more, found true"),
        ({"fuel": {"on_reload": 1e6}}, "fuel.on_reload: expected a whole number of 1 or more, found 1000000.0"),
        ({"fuel": {"on_reload": None}}, "fuel.on_reload: expected a whole number of 1 or more, found NoneType"),
        ({"fuel": {"a b\n": "lots"}}, 'fuel."a b\\n": expected a whole number of 1 or more, found "lots"'),
        ({"fuel": {"x": 2**63}}, "fuel.x: expected a whole number of 1 or more, found a number too large for 64 bits"),
        ({"fuel": {1: 1}}, "fuel: expected names as keys, found 1"),
        ({"timeout_seconds": 0}, f"timeout_seconds: {SECONDS}, found 0"),
        ({"timeout_seconds": -1.5}, f"timeout_seconds: {SECONDS}, found -1.5"),
        ({"timeout_seconds": float("inf")}, f"timeout_seconds: {SECONDS}, found inf"),
        ({"timeout_seconds": float("nan")}, f"timeout_seconds: {SECONDS}, found nan"),
        ({"timeout_seconds": True}, f"timeout_seconds: {SECONDS}, found true"),
        ({"timeout_seconds": {"on_reload": 1}}, f"timeout_seconds: {SECONDS}, found a table"),
        ({"hook_timeout_seconds": {"on_reload": "1"}}, f'hook_timeout_seconds.on_reload: {SECONDS}, found "1"'),
        ({"memory_bytes": 64}, "memory_bytes: expected a whole number of 65536 or more, found 64"),
        ({"memory_bytes": 2**64 + 1}, "memory_bytes: expected a whole number of 65536 or more, found a number too large for 64 bits"),
        ({"memories": 0}, "memories: expected a whole number of 1 or more, found 0"),
        ({"tables": -1}, "tables: expected a whole number of 1 or more, found -1"),
        ({"table_elements": 0.5}, "table_elements: expected a whole number of 1 or more, found 0.5"),
        ({"span_open_seconds": [1]}, f"span_open_seconds: {SECONDS}, found an array"),
    ],
)
def test_what_is_no_limit_is_refused_in_words(limits, message):
    with pytest.raises(ValueError, match=rf"\A{re.escape(message)}\Z"):
        PluginLimits(**limits)


def test_the_greatest_limits_reach_wasmtime_as_they_are():
    greatest = PluginLimits(fuel={"cleanup": 2**63 - 1}, memory_bytes=2**63 - 1, table_elements=2**63 - 1)
    config = Config()
    config.consume_fuel = True
    store = Store(Engine(config))
    store.set_fuel(greatest.fuel_for("cleanup"))
    store.set_limits(memory_size=greatest.memory_bytes, table_elements=greatest.table_elements)
    assert store.get_fuel() == 2**63 - 1


# --- A value ---


def test_limits_are_values_that_compare_and_hash():
    same = [PluginLimits(fuel={"cleanup": 5}, timeout_seconds=2) for _ in range(2)]
    assert same[0] == same[1]
    assert len({*same, PluginLimits()}) == 2
    assert PluginLimits(fuel={"cleanup": 100_000_000}) == PluginLimits()


def test_limits_do_not_change():
    given = {"cleanup": 5}
    limits = PluginLimits(fuel=given, hook_timeout_seconds=given)
    given["cleanup"] = 6
    assert (limits.fuel_for("cleanup"), limits.timeout_for("cleanup")) == (5, 5.0)
    with pytest.raises(TypeError):
        limits.fuel["cleanup"] = 7  # type: ignore[index]
    with pytest.raises(FrozenInstanceError):
        limits.tables = 1  # type: ignore[misc]
