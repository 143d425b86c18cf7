"""Samplers: whether a new trace is recorded. Asked for roots and for remote parents only; a child follows its parent.

So each sampler here is what OpenTelemetry calls parent-based, and its names with and without that word mean the same.
"""

from __future__ import annotations

import logging
import os
from typing import Final, Protocol, runtime_checkable

from bext_host.settings import SAMPLER_ARG_VARIABLE, SAMPLER_VARIABLE

logger = logging.getLogger("bext_host.recorder")

_LOWER_HALF: Final = 2**64 - 1
_EVERY_TRACE: Final = 2**64


@runtime_checkable
class Sampler(Protocol):
    """Decides over a whole trace by its id."""

    def should_sample(self, trace_id: int) -> bool:
        """Whether the trace with this 128-bit id is recorded."""
        ...


class _Threshold:
    """Records the traces the lower 64 bits of whose id are below a number."""

    def __init__(self, name: str, below: int) -> None:
        self._name = name
        self.below = below

    def should_sample(self, trace_id: int) -> bool:
        return trace_id & _LOWER_HALF < self.below

    def __repr__(self) -> str:
        return self._name


class TraceIdRatio(_Threshold):
    """Records this part of all traces, 0.0 to 1.0, chosen by the trace id: processes with the same ratio choose the same traces.

    The choice is that of OpenTelemetry's SDKs for Python: the lower 64 bits of the id, below the ratio's part of 2^64. Raises ValueError
    for a ratio out of range, TypeError for what is no number.
    """

    def __init__(self, ratio: float) -> None:
        if type(ratio) not in (int, float):
            raise TypeError(f"a ratio is a number of 0.0 to 1.0, not {type(ratio).__name__}")
        if not 0.0 <= ratio <= 1.0:
            raise ValueError(f"a ratio is a number of 0.0 to 1.0, not {ratio}")
        super().__init__(f"TraceIdRatio({ratio})", round(ratio * _EVERY_TRACE))


ALWAYS_ON: Final[Sampler] = _Threshold("always_on", _EVERY_TRACE)
ALWAYS_OFF: Final[Sampler] = _Threshold("always_off", 0)

_BY_NAME: Final = {"always_on": ALWAYS_ON, "always_off": ALWAYS_OFF}
_RATIO: Final = "traceidratio"
_PARENT_BASED: Final = "parentbased_"
_VARIABLE_NAMES: Final = (*_BY_NAME, _RATIO)


def sampled_below(sampler: Sampler) -> int | None:
    """The number below which the lower 64 bits of a sampled trace's id are; None for a sampler that decides otherwise."""
    return sampler.below if type(sampler) in (_Threshold, TraceIdRatio) else None  # type: ignore[attr-defined]  # just found out


def sampler_of(sampler: Sampler | str | None) -> Sampler:
    """A sampler by its name ("always_on", "always_off"), as it is, or by the environment for None.

    Raises ValueError for another name, TypeError for what is no sampler.
    """
    if sampler is None:
        return sampler_from_environment()
    if not isinstance(sampler, str):
        if not isinstance(sampler, Sampler):
            raise TypeError(f"a sampler has the method should_sample; {type(sampler).__name__} has none")
        return sampler
    if sampler not in _BY_NAME:
        raise ValueError(f"unknown sampler {sampler!r}: choose one of {', '.join(_BY_NAME)}, or TraceIdRatio(ratio)")
    return _BY_NAME[sampler]


def sampler_named(name: str, ratio: float | None = None) -> Sampler:
    """The sampler that OpenTelemetry calls so, with or without `parentbased_`; `ratio` is for "traceidratio" alone (default 1.0).

    Raises ValueError for an unknown name, a ratio out of range, and a ratio where there is none.
    """
    plain = name.removeprefix(_PARENT_BASED)
    if plain not in _VARIABLE_NAMES:
        raise ValueError(f"unknown sampler {name!r}: choose one of {_all_names()}")
    if plain == _RATIO:
        return TraceIdRatio(1.0 if ratio is None else ratio)
    if ratio is not None:
        raise ValueError(f"{name} takes no ratio; {_RATIO} does")
    return _BY_NAME[plain]


def _all_names() -> str:
    return ", ".join(f"{name}, {_PARENT_BASED}{name}" for name in _VARIABLE_NAMES)


def sampler_from_environment() -> Sampler:
    """The sampler that OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG name; "always_on" where they do not.

    As OpenTelemetry asks of configuration from the environment, a value that makes no sense is warned of and not used.
    """
    name = os.environ.get(SAMPLER_VARIABLE, "").strip()
    plain = name.removeprefix(_PARENT_BASED)
    if plain == _RATIO:
        return _ratio_from_environment()
    if name and plain not in _BY_NAME:
        logger.warning("%s is %r, which is none of %s: always_on is used", SAMPLER_VARIABLE, name, _all_names())
    return _BY_NAME.get(plain, ALWAYS_ON)


def _ratio_from_environment() -> Sampler:
    argument = os.environ.get(SAMPLER_ARG_VARIABLE, "").strip()
    try:
        return TraceIdRatio(float(argument)) if argument else ALWAYS_ON
    except ValueError:
        logger.warning("%s is %r, which is no ratio of 0.0 to 1.0: every trace is recorded", SAMPLER_ARG_VARIABLE, argument)
        return ALWAYS_ON
