"""call_async: awaited calls, cancelled while they wait and while they run, by the hundred, and after the end of their loop."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import time
from collections.abc import Callable

import pytest
from wasmtime import FuncType

from bext_host import DeadlineExceeded, PluginClosed, PluginLimits
from support.plugin_host import Hosting
from support.raw_guest import ENGINES
from support.wat import CURRENT, Guest, guest, hook, note, wasm

FOREVER = "(loop $again (br $again))"
LONG = PluginLimits(fuel={"on_reload": 2**62}, timeout_seconds=30)


def endless() -> bytes:
    """on_reload starts a span and loops; cleanup returns."""
    build = Guest()
    return build.module(hook("on_reload", build.current(), build.start(1, "running", CURRENT), FOREVER), hook("cleanup"))


@pytest.fixture(params=ENGINES)
def hosting(request: pytest.FixtureRequest) -> Hosting:
    return Hosting(engine=request.param)


@pytest.fixture(autouse=True)
def complaints(caplog: pytest.LogCaptureFixture):
    """asyncio complains of errors that nobody asked for when a future is collected: there must be none."""
    with caplog.at_level(logging.ERROR):
        yield
        gc.collect()
        assert [record.getMessage() for record in caplog.records] == []


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110  # other threads change it
        await asyncio.sleep(0.001)


def outcomes(hosting: Hosting, name: str = "on_reload") -> list[str]:
    return [str(span.attributes["bext.plugin.outcome"]) for span in hosting.spans() if span.name == name]


def test_a_call_that_is_awaited_returns_or_raises_as_any_other(hosting):
    plugin = hosting.load(guest(hook("on_reload", note("n")), hook("cleanup", "unreachable")))

    async def main() -> list[BaseException | None]:
        return await asyncio.gather(plugin.call_async("on_reload"), plugin.call_async("cleanup"), return_exceptions=True)

    fine, trap = asyncio.run(main())
    assert (fine, type(trap).__name__) == (None, "GuestTrap")


def test_a_call_that_runs_is_cancelled_and_its_guest_ended(hosting):
    plugin = hosting.load(endless(), limits=LONG)

    async def main() -> None:
        task = asyncio.create_task(plugin.call_async("on_reload"))
        await until(lambda: hosting.recorder.open_spans == 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert hosting.recorder.open_spans == 0  # the cancellation goes on only when the guest has ended
        await plugin.call_async("cleanup")

    asyncio.run(main())
    assert outcomes(hosting) == ["cancelled"]
    assert hosting.span("running").attributes["bext.abandoned"] == "cancelled"
    assert plugin.all_stats.errors == {"cancelled": 1}


def test_a_call_that_waits_is_cancelled_and_the_one_that_runs_goes_on(hosting):
    plugin = hosting.load(endless(), limits=LONG)

    async def main() -> None:
        running = asyncio.create_task(plugin.call_async("on_reload"))
        await until(lambda: hosting.recorder.open_spans == 2)
        waiting = asyncio.create_task(plugin.call_async("cleanup"))
        await until(lambda: len(plugin._pool._waiters) == 1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert not running.done()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(main())
    assert (outcomes(hosting), outcomes(hosting, "cleanup")) == (["cancelled"], ["cancelled"])
    assert plugin.all_stats.abandoned == 1


def test_a_call_that_is_cancelled_before_it_begins_leaves_the_instance_alone(hosting):
    build = Guest()
    plugin = hosting.load(build.module(hook("on_reload", build.start(1, "kept open")), hook("cleanup")))
    plugin.call("on_reload")

    go_on = threading.Event()
    for _ in range(100):  # nobody gets a thread before
        plugin._threads.executor().submit(go_on.wait)

    async def main() -> None:
        tasks = [asyncio.create_task(plugin.call_async("cleanup")) for _ in range(20)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.sleep(0)
        go_on.set()
        assert {type(error) for error in await asyncio.gather(*tasks, return_exceptions=True)} == {asyncio.CancelledError}

    asyncio.run(main())
    assert outcomes(hosting, "cleanup") == ["cancelled"] * 20
    assert (plugin.all_stats.open_spans, plugin.stats.abandoned) == (1, 0)


def test_a_second_cancellation_does_not_wait_for_the_guest(hosting):
    inside, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        inside.set()
        go_on.wait(30)

    hosting.host.define("env", "slow", FuncType([], []), slow)
    module = wasm(f'(module (import "env" "slow" (func $slow)) (func (export "on_reload") (call $slow) {FOREVER}))')
    plugin = hosting.load(module, limits=LONG)

    async def main() -> None:
        task = asyncio.create_task(plugin.call_async("on_reload"))
        await until(inside.is_set)
        task.cancel()
        await asyncio.sleep(0.02)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert hosting.recorder.open_spans == 1
        go_on.set()

    asyncio.run(main())
    assert outcomes_in_time(hosting) == ["cancelled"]


def outcomes_in_time(hosting: Hosting) -> list[str]:
    """The outcomes, when nothing runs any more."""
    give_up = time.monotonic() + 20
    while hosting.recorder.open_spans and time.monotonic() < give_up:
        time.sleep(0.005)
    return outcomes(hosting)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_loop_that_ends_meanwhile_leaves_the_call_to_its_deadline(hosting):
    plugin = hosting.load(endless(), limits=PluginLimits(fuel={"on_reload": 2**62}, timeout_seconds=0.3))

    async def main() -> None:
        task = asyncio.create_task(plugin.call_async("on_reload"))
        del task
        await until(lambda: hosting.recorder.open_spans == 2)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    pending = asyncio.all_tasks(loop)
    for task in pending:
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # a loop that is closed with tasks says so
    logging.getLogger("concurrent.futures").setLevel(logging.CRITICAL)  # Python's own, of a future whose loop is gone
    try:
        loop.close()
        assert outcomes_in_time(hosting) == ["deadline_exceeded"]
    finally:
        logging.getLogger("concurrent.futures").setLevel(logging.NOTSET)
    plugin.call("cleanup")


def test_a_hundred_at_once_all_run_on_two_instances(hosting):
    build = Guest()
    module = build.module(hook("on_reload", build.current(), build.start(1, "s", CURRENT), build.end(1)))
    plugin = hosting.load(module, instances=2)

    async def main() -> None:
        await asyncio.gather(*(plugin.call_async("on_reload") for _ in range(100)))

    asyncio.run(main())
    assert outcomes(hosting) == ["ok"] * 100
    hosts = {span.handle for span in hosting.spans() if span.name == "on_reload"}
    assert {span.parent for span in hosting.spans() if span.name == "s"} == hosts
    assert plugin.all_stats.instances == 2


def test_a_hundred_that_never_end_are_all_over_at_their_deadline(hosting):
    plugin = hosting.load(endless(), instances=2, limits=PluginLimits(fuel={"on_reload": 2**62}, timeout_seconds=0.3))

    async def main() -> list[BaseException | None]:
        return await asyncio.gather(*(plugin.call_async("on_reload") for _ in range(100)), return_exceptions=True)

    begun = time.monotonic()
    assert {type(error) for error in asyncio.run(main())} == {DeadlineExceeded}
    assert time.monotonic() - begun < 10
    assert outcomes(hosting) == ["deadline_exceeded"] * 100
    assert plugin.all_stats.calls == {"on_reload": 100}
    plugin.call("cleanup")


def test_a_hundred_of_one_plugin_hold_up_no_other(hosting):
    stuck = hosting.load(endless(), "stuck", limits=LONG)
    other = hosting.load(guest(hook("on_reload")), "other")

    async def main() -> None:
        tasks = [asyncio.create_task(stuck.call_async("on_reload")) for _ in range(100)]
        await until(lambda: hosting.recorder.open_spans == 2)
        await asyncio.wait_for(other.call_async("on_reload"), 20)
        for task in tasks:
            task.cancel()
        assert {type(error) for error in await asyncio.gather(*tasks, return_exceptions=True)} == {asyncio.CancelledError}

    asyncio.run(main())
    assert sorted(outcomes(hosting)) == ["cancelled"] * 100 + ["ok"]


def test_a_closed_plugin_says_so(hosting):
    plugin = hosting.load(guest(hook("on_reload")))
    asyncio.run(plugin.call_async("on_reload"))
    plugin.close()
    with pytest.raises(PluginClosed):
        asyncio.run(plugin.call_async("on_reload"))
    assert plugin._running == set()


def test_calls_that_wait_when_a_plugin_is_closed_are_told(hosting):
    plugin = hosting.load(endless(), limits=LONG)

    async def main() -> list[BaseException | None]:
        tasks = [asyncio.create_task(plugin.call_async("on_reload")) for _ in range(6)]
        await until(lambda: len(plugin._pool._waiters) == 5)
        closing = asyncio.create_task(asyncio.to_thread(plugin.close))
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        plugin.interrupt()
        await closing
        return await asyncio.gather(*tasks, return_exceptions=True)

    assert sorted(type(error).__name__ for error in asyncio.run(main())) == ["CallInterrupted", *["PluginClosed"] * 5]
    assert hosting.recorder.open_spans == 0
