"""OtelSpanExporter: any SpanExporter of OpenTelemetry's SDK as one of ours."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bext_abi import AttrValue, BextTracerError
from bext_host.exporters.resource import resource_attributes
from bext_host.recorder.exporter import SpansLost
from bext_host.recorder.span import FinishedSpan

from .mapping import SpanMapping
from .sdk import sdk, uninstrumented

_METHODS: Final = ("export", "shutdown", "force_flush")


class HeldBack(BextTracerError, RuntimeError):
    """Raised where an exporter was shut down and had not sent all that it was given."""


class OtelSpanExporter:
    """Hands each batch to `exporter`, an `opentelemetry.sdk.trace.export.SpanExporter`, in the thread of this exporter.

    `resource` are attributes of this process, over those of the environment (see `resource_attributes`). `name` is "otel:" and the
    exporter's class.

    Raises TypeError where `exporter` is none, or its class; ValueError where the resource has a value that no attribute can have; and
    ModuleNotFoundError where opentelemetry-sdk is missing.
    """

    def __init__(self, exporter: Any, *, resource: Mapping[str, AttrValue] | None = None) -> None:
        _check(exporter)
        self._exporter = exporter
        self._class = type(exporter).__name__
        self._mapping = SpanMapping(resource_attributes(attributes=resource))
        self.name = f"otel:{self._class}"

    def export(self, batch: Sequence[FinishedSpan], deadline: float) -> None:
        """Hand over a batch. What the exporter raises comes out as it is.

        Raises SpansLost where it answers that it failed (why, it says only in its log), and for spans that cannot be mapped. The
        deadline has no place in OpenTelemetry's interface: the exporter's own timeout decides how long this takes. One that holds spans
        back answers for them in `shutdown`.
        """
        spans, refused = self._mapping.spans(batch)
        lost = self._hand_over(spans, tell_apart=bool(refused)) if spans else {}
        if lost or refused:
            raise SpansLost({**refused, **lost}, unencodable=sum(refused.values()))

    def _hand_over(self, spans: list[Any], *, tell_apart: bool) -> dict[str, int]:
        """The spans that were lost, by reason. To `tell_apart` spans that were refused before, an error is a reason too."""
        try:
            result = uninstrumented(lambda: self._exporter.export(spans))
        except Exception as error:
            if not tell_apart:
                raise
            return {f"{type(error).__name__}: {error}": len(spans)}
        failed = result == sdk().SpanExportResult.FAILURE
        return {f"{self._class} answered FAILURE, its log says why": len(spans)} if failed else {}

    def shutdown(self, deadline: float) -> None:
        """Flush the exporter, for what is left until the deadline, and shut it down, which has no deadline in OpenTelemetry's interface.

        What it raises comes out as it is. Raises HeldBack where it says that its flush did not end in time.
        """
        left = max(0, int((deadline - time.monotonic()) * 1000))
        try:
            flushed = uninstrumented(lambda: self._exporter.force_flush(left))
        finally:
            uninstrumented(self._exporter.shutdown)
        if flushed is False:  # None is what an exporter without a flush answers
            raise HeldBack(f"{self._class} did not flush what it held back within {left} ms")


def _check(exporter: object) -> None:
    if isinstance(exporter, type):
        raise TypeError(f"OtelSpanExporter takes an exporter, not its class: write OtelSpanExporter({exporter.__name__}(...))")
    missing = [name for name in _METHODS if not callable(getattr(exporter, name, None))]
    if missing:
        has_not = f"{type(exporter).__name__} has no {' and no '.join(missing)}"
        raise TypeError(f"OtelSpanExporter takes an OpenTelemetry SpanExporter, which has {', '.join(_METHODS)}; {has_not}")
