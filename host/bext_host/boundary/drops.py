"""Dropped: how a step of a host call says that it ends here. Never leaves the host function."""

from __future__ import annotations

from bext_abi import DropReason


class Dropped(Exception):
    """The call is dropped for `reason`; the guest goes on."""

    def __init__(self, reason: DropReason) -> None:
        super().__init__(reason.value)
        self.reason = reason
