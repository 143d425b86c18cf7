"""The resource: what is true of every span of this process, above all the name of the service (OpenTelemetry's resource conventions)."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from bext_abi import AttrValue
from bext_host import settings
from bext_host.logs import log_safely
from bext_host.version import version

from .key_values import key_values

logger = logging.getLogger("bext_host.exporters")


def resource_attributes(service_name: str | None = None, attributes: Mapping[str, AttrValue] | None = None) -> dict[str, AttrValue]:
    """The attributes of the resource: the arguments over OTEL_SERVICE_NAME, over OTEL_RESOURCE_ATTRIBUTES, over the defaults.

    A list in OTEL_RESOURCE_ATTRIBUTES that is malformed is discarded as a whole, with a line in the log; nothing is raised.
    """
    found: dict[str, AttrValue] = {
        "telemetry.sdk.name": "bext-tracer",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.version": version(),
        "service.name": f"unknown_service:{_process()}",
    }
    found.update(_of_environment())
    name = os.environ.get(settings.SERVICE_NAME_VARIABLE, "").strip()
    if name:
        found["service.name"] = name
    found.update(attributes or {})
    if service_name is not None:
        found["service.name"] = service_name
    return found


def _of_environment() -> dict[str, str]:
    try:
        return key_values(os.environ.get(settings.RESOURCE_ATTRIBUTES_VARIABLE, ""))
    except ValueError as error:
        log_safely(logger, logging.WARNING, "%s is discarded: %s", settings.RESOURCE_ATTRIBUTES_VARIABLE, str(error))
        return {}


def _process() -> str:
    """The name of the program that runs, which is the interpreter's."""
    return Path(sys.executable or "python").name
