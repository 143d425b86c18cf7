"""HoneycombSpanExporter: finished spans to Honeycomb, as OTLP over HTTP."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence

from bext_abi import AttrValue
from bext_host.exporters.http import MAX_BODY_BYTES, BackOff, Request
from bext_host.exporters.otlp import OtlpSpanExporter, encode_range
from bext_host.exporters.otlp.config import DEFAULT_TIMEOUT_SECONDS, OtlpConfig
from bext_host.logs import log_safely
from bext_host.recorder.span import FinishedSpan

from .commands import COMMANDS
from .settings import HoneycombSettings

logger = logging.getLogger("bext_host.exporters")


class HoneycombSpanExporter(OtlpSpanExporter):
    """Posts spans to Honeycomb. `settings` are the environment's where they are not given; see OtlpSpanExporter for the others.

    Guests' attributes that Honeycomb would take as commands are renamed (`commands`). Raises ValueError where a setting is missing or
    wrong, which never shows the key, and ImportError where urllib3 is missing.
    """

    name = "honeycomb"

    def __init__(
        self,
        settings: HoneycombSettings | None = None,
        *,
        resource: Mapping[str, AttrValue] | None = None,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        compression: str = "gzip",
        spool: str | os.PathLike[str] | None = None,
        max_waiting_bytes: int | None = None,
        max_body_bytes: int = MAX_BODY_BYTES,
        back_off: BackOff | None = None,
    ) -> None:
        self.settings = HoneycombSettings.of() if settings is None else settings
        if self.settings.dataset and not self.settings.is_classic:
            log_safely(
                logger, logging.WARNING, "the dataset has no effect: with this Honeycomb key, the service's name says where spans go"
            )
        config = OtlpConfig(self.settings.endpoint, self.settings.headers, timeout_seconds, compression)
        super().__init__(
            config=config,
            resource=resource,
            spool=spool,
            max_waiting_bytes=max_waiting_bytes,
            max_body_bytes=max_body_bytes,
            back_off=back_off,
        )

    def _request(self, batch: Sequence[FinishedSpan], start: int, stop: int) -> Request:
        encoded = encode_range(batch, start, stop, self._resource, COMMANDS)
        return Request(encoded.data, encoded.spans, encoded.unencodable)
