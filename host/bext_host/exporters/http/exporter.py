"""DispatchingExporter: the ResendingExporter that every exporter over HTTP is, by its Dispatch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bext_host.recorder.span import FinishedSpan

from .dispatch import Dispatch, DispatchStats


class DispatchingExporter:
    """Passes all calls on to `_dispatch`, which a subclass makes."""

    _dispatch: Dispatch

    @property
    def stats(self) -> DispatchStats:
        """What was sent, given up and waits."""
        return self._dispatch.stats

    @property
    def resend_at(self) -> float | None:
        """When `resend` may help, a time of `time.monotonic()`; None where nothing waits."""
        return self._dispatch.resend_at

    def export(self, batch: Sequence[FinishedSpan], deadline: float) -> None:
        """Send a batch. Raises SpansLost, which says how many spans were not taken and why, or SpansWaiting."""
        self._dispatch.export(batch, deadline)

    def resend(self, deadline: float, is_wanted: Callable[[], bool]) -> None:
        """Send what waits. Raises as `export` does."""
        self._dispatch.resend(deadline, is_wanted)

    def shutdown(self, deadline: float) -> None:
        """Send what waits, once more, and let go of the connection. What still waits in memory is lost. Raises as `export` does."""
        self._dispatch.shutdown(deadline)
