"""The exceptions of the contract. What a guest does wrong is a counted drop and never one of these.

BextTracerError (Exception)
├── MalformedPayload (ValueError)   a codec rejected bytes
└── FlushError (RuntimeError)       a flush could not hand over everything
"""

from __future__ import annotations

from collections.abc import Mapping

from .reasons import Rejection


class BextTracerError(Exception):
    """The root of all exceptions that bext-tracer raises on purpose."""


class MalformedPayload(BextTracerError, ValueError):
    """Bytes that are not the struct they should be (ABI.md, "Decoding").

    `why` is the first rejection in the order that ABI.md gives; `what` names the part at fault for a person.
    """

    def __init__(self, why: Rejection, what: str) -> None:
        super().__init__(f"{what}: {why}")
        self.why = why
        self.what = what


class FlushError(BextTracerError, RuntimeError):
    """A flush that could not hand over everything: the only error of a TracerPlugin.

    `failures` maps the name of each exporter, or tracer, that failed to what went wrong with it.
    """

    def __init__(self, failures: Mapping[str, str] | str) -> None:
        self.failures: dict[str, str] = {"tracer": failures} if isinstance(failures, str) else dict(failures)
        super().__init__("; ".join(f"{name}: {error}" for name, error in self.failures.items()))
