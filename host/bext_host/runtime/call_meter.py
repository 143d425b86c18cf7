"""What a call costs, and when it began."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

from bext_abi import AttrValue
from bext_host.boundary import TracerScope

from .call_control import CallControl


@dataclass(slots=True)
class CallCost:
    """Fuel, and the pages of 64 KiB that the guest's memory had before and after."""

    fuel: int = 0
    pages_before: int = 0
    pages_after: int = 0


class Metered(Protocol):
    """An instance, as far as its cost goes."""

    scope: TracerScope
    cost: CallCost


class CallMeter:
    """The cost of one call into an instance: made before it, read after it."""

    def __init__(self, instance: Metered) -> None:
        self._instance = instance
        self._before = instance.scope.traffic

    @property
    def cost(self) -> CallCost:
        """Of the call that ended last."""
        return self._instance.cost

    def attributes(self) -> dict[str, AttrValue]:
        """For the host's span."""
        cost, traffic = self._instance.cost, self._instance.scope.traffic - self._before
        attributes: dict[str, AttrValue] = {
            "bext.plugin.fuel_consumed": cost.fuel,
            "bext.plugin.memory.pages_before": cost.pages_before,
            "bext.plugin.memory.pages_after": cost.pages_after,
            "bext.plugin.host_calls": traffic.calls,
            "bext.plugin.host_call_bytes": traffic.payload_bytes,
        }
        if traffic.nanos is not None:
            attributes["bext.plugin.host_time_ns"] = traffic.nanos
        return attributes


class CallBegin:
    """The moment at which a call was asked for."""

    def __init__(self, control: CallControl) -> None:
        self.control = control
        self._wall = time.time_ns()
        self._monotonic = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long ago that was."""
        return time.monotonic() - self._monotonic

    @property
    def start_time(self) -> int | None:
        """When the span of the call starts, in nanoseconds since the Unix epoch; None (now) where the call did not have to wait."""
        return self._wall if self.control.has_waited else None
