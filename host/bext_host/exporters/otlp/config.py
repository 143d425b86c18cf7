"""Where and how OTLP is sent: arguments over OTEL_EXPORTER_OTLP_TRACES_*, over OTEL_EXPORTER_OTLP_*, over the defaults.

The rules are those of the OpenTelemetry specification, "OpenTelemetry Protocol Exporter". An empty variable counts as none.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from bext_host import settings
from bext_host.exporters.http import TlsFiles
from bext_host.exporters.http.address import Address
from bext_host.exporters.http.headers import checked_headers
from bext_host.exporters.key_values import key_values

DEFAULT_ENDPOINT: Final = "http://localhost:4318/v1/traces"
DEFAULT_TIMEOUT_SECONDS: Final = 10.0

_TRACES_PATH: Final = "v1/traces"
_COMPRESSIONS: Final = ("gzip", "none")


@dataclass(frozen=True, slots=True)
class OtlpConfig:
    """`endpoint` is the whole URL of requests; `compression` is "gzip" or "none"."""

    endpoint: str = DEFAULT_ENDPOINT
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # keys are among them
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    compression: str = "none"
    tls: TlsFiles = field(default_factory=TlsFiles)

    def __post_init__(self) -> None:
        _checked_compression(self.compression, "compression")


def otlp_config(
    *,
    endpoint: str | None = None,
    headers: Mapping[str, str] | None = None,
    timeout_seconds: float | None = None,
    compression: str | None = None,
    tls: TlsFiles | None = None,
) -> OtlpConfig:
    """What is in effect. `headers` are added to the environment's. Raises ValueError that names the source and what is right."""
    given = tls or TlsFiles()
    return OtlpConfig(
        _endpoint_of_environment() if endpoint is None else _checked_endpoint(endpoint, "endpoint"),
        {**_headers_of_environment(), **checked_headers(headers or {})},
        _timeout_of_environment() if timeout_seconds is None else timeout_seconds,
        _compression_of_environment() if compression is None else _checked_compression(compression, "compression"),
        TlsFiles(
            given.certificate or _file_of_environment("CERTIFICATE"),
            given.client_certificate or _file_of_environment("CLIENT_CERTIFICATE"),
            given.client_key or _file_of_environment("CLIENT_KEY"),
        ),
    )


def _value(setting: str) -> tuple[str, str | None]:
    """The variable that is in effect and its value, the one for traces first."""
    for prefix in (settings.OTLP_TRACES_PREFIX, settings.OTLP_PREFIX):
        value = os.environ.get(prefix + setting, "").strip()
        if value:
            return prefix + setting, value
    return settings.OTLP_PREFIX + setting, None


def _endpoint_of_environment() -> str:
    variable, value = _value("ENDPOINT")
    if value is None:
        return DEFAULT_ENDPOINT
    checked = _checked_endpoint(value, variable)
    return checked if variable.startswith(settings.OTLP_TRACES_PREFIX) else traces_url(checked)


def traces_url(base: str) -> str:
    """The URL for traces below the one for all signals, which is one that can be read."""
    parts = urlsplit(base)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{_TRACES_PATH}"))


def _checked_endpoint(url: str, source: str) -> str:
    try:
        Address.of(url)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None
    return url


def _headers_of_environment() -> dict[str, str]:
    variable, value = _value("HEADERS")
    try:
        return {} if value is None else checked_headers(key_values(value))
    except ValueError as error:
        raise ValueError(f"{variable}: {error}") from None


def _file_of_environment(setting: str) -> str | None:
    variable, value = _value(setting)
    if value is not None and not os.access(value, os.R_OK):
        raise ValueError(f"{variable} must be a PEM file that can be read, {value!r} is not")
    return value


def _timeout_of_environment() -> float:
    variable, value = _value("TIMEOUT")
    if value is None:
        return DEFAULT_TIMEOUT_SECONDS
    if not (value.isascii() and value.isdecimal() and len(value) <= 12 and int(value) > 0):
        raise ValueError(f"{variable} must be a whole number of milliseconds above 0, not {value[:40]!r}")
    return int(value) / 1000


def _compression_of_environment() -> str:
    variable, value = _value("COMPRESSION")
    return "none" if value is None else _checked_compression(value, variable)


def _checked_compression(value: str, source: str) -> str:
    if value not in _COMPRESSIONS:
        raise ValueError(f"{source} must be {' or '.join(_COMPRESSIONS)}, not {value[:40]!r}")
    return value
