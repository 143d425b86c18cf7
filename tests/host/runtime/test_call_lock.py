"""Calls into plugins from inside calls, over several threads: what would wait for ever is refused, everything else waits and runs."""

from __future__ import annotations

import threading

import pytest

from bext_host import ReentrantCall
from bext_host.runtime.call_lock import CallLock

PATIENCE = 30


def crossing(first: CallLock, second: CallLock, barrier: threading.Barrier, outcomes: list[str]) -> threading.Thread:
    """A thread that holds `first`, meets the other at the barrier, and then wants `second`."""

    def run() -> None:
        with first.held("hook"):
            barrier.wait(PATIENCE)
            try:
                with second.held("hook"):
                    outcomes.append("ran")
            except ReentrantCall:
                outcomes.append("refused")

    return threading.Thread(target=run, daemon=True)


def test_a_thread_cannot_take_a_lock_that_it_holds():
    lock = CallLock("one")
    with lock.held("outer"), pytest.raises(ReentrantCall, match="one: inner"), lock.held("inner"):
        pass


def test_a_lock_is_free_again_after_an_error():
    lock = CallLock("one")
    with pytest.raises(ZeroDivisionError), lock.held("hook"):
        raise ZeroDivisionError
    with lock.held("hook"):
        pass


def test_of_two_threads_that_want_each_others_plugin_one_is_refused_and_the_other_runs():
    for _ in range(50):
        one, other, barrier, outcomes = CallLock("one"), CallLock("other"), threading.Barrier(2), []
        threads = [crossing(one, other, barrier, outcomes), crossing(other, one, barrier, outcomes)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert not any(thread.is_alive() for thread in threads)
        assert sorted(outcomes) == ["ran", "refused"]


def test_a_ring_of_three_is_refused_once():
    locks = [CallLock(str(number)) for number in range(3)]
    barrier, outcomes = threading.Barrier(3), []
    threads = [crossing(locks[i], locks[(i + 1) % 3], barrier, outcomes) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(outcomes) == ["ran", "ran", "refused"]


def test_a_thread_that_waits_for_a_busy_plugin_runs_when_it_is_free():
    lock, inside, go_on, order = CallLock("one"), threading.Event(), threading.Event(), []

    def first() -> None:
        with lock.held("hook"):
            inside.set()
            assert go_on.wait(PATIENCE)
            order.append("first")

    def second() -> None:
        with lock.held("hook"):
            order.append("second")

    threads = [threading.Thread(target=first, daemon=True), threading.Thread(target=second, daemon=True)]
    threads[0].start()
    assert inside.wait(PATIENCE)
    threads[1].start()
    go_on.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert order == ["first", "second"]
