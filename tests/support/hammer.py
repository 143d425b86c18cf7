"""Runs a function in several threads at once, and tells when a thread waits."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable


def hammer(work: Callable[[int], None], threads: int = 8) -> None:
    """Call `work(number)` in that many threads, started together and switched often; raises what one of them raised."""
    start = threading.Barrier(threads)
    errors: list[BaseException] = []

    def run(number: int) -> None:
        try:
            start.wait()
            work(number)
        except BaseException as error:  # noqa: BLE001  # raised below, in the test's thread
            errors.append(error)

    workers = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(threads)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(60)
    finally:
        sys.setswitchinterval(interval)
    assert not any(worker.is_alive() for worker in workers), "a thread is stuck"
    if errors:
        raise errors[0]


def wait_until_blocked(thread: threading.Thread) -> None:
    """Return once the thread has stood at the same instruction for a while: a signal sent before it blocks would not wake it."""
    seen: object = None
    same = 0
    while same < 5:
        frame = sys._current_frames()[thread.ident]
        where = (frame.f_code, frame.f_lasti)
        same = same + 1 if where == seen else 0
        seen = where
        del frame
        time.sleep(0.005)
