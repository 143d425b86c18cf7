"""Samplers: whether a new trace is recorded. Asked for roots and for remote parents only; a child follows its parent."""

from __future__ import annotations

from typing import Final, Protocol, runtime_checkable


@runtime_checkable
class Sampler(Protocol):
    """Decides over a whole trace by its id."""

    def should_sample(self, trace_id: int) -> bool:
        """Whether the trace with this 128-bit id is recorded."""
        ...


class _Constant:
    def __init__(self, name: str, decision: bool) -> None:
        self._name = name
        self._decision = decision

    def should_sample(self, trace_id: int) -> bool:
        return self._decision

    def __repr__(self) -> str:
        return self._name


ALWAYS_ON: Final[Sampler] = _Constant("always_on", True)
ALWAYS_OFF: Final[Sampler] = _Constant("always_off", False)

_BY_NAME: Final = {"always_on": ALWAYS_ON, "always_off": ALWAYS_OFF}


def sampler_of(sampler: Sampler | str) -> Sampler:
    """A sampler by its OpenTelemetry name ("always_on", "always_off"), or as it is. Raises ValueError for another name, TypeError."""
    if not isinstance(sampler, str):
        if not isinstance(sampler, Sampler):
            raise TypeError(f"a sampler has the method should_sample; {type(sampler).__name__} has none")
        return sampler
    if sampler not in _BY_NAME:
        raise ValueError(f"unknown sampler {sampler!r}: choose one of {', '.join(_BY_NAME)}")
    return _BY_NAME[sampler]
