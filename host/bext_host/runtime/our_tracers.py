"""The tracers that come with bext-tracer, by name.

A factory here imports what its back-end needs when it is called, so that none of it is imported, or has to be installed, for another
tracer. Its keyword arguments are the options, its docstring's first line is what `bext-tracer tracers` says of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal, TypeAlias

from bext_abi import AttrValue
from bext_host.exporters import FileExporter, StdoutExporter
from bext_host.exporters.datadog import DatadogSettings, DatadogSpanExporter
from bext_host.exporters.file import DEFAULT_BYTES, DEFAULT_FILES
from bext_host.exporters.honeycomb import HoneycombSettings, HoneycombSpanExporter
from bext_host.exporters.otlp import OtlpSpanExporter
from bext_host.exporters.stdout import StdoutFormat
from bext_host.recorder import SpanExporter

TracerFactory: TypeAlias = Callable[..., Any]
"""Takes the options of `[tracer.options]`, gives a SpanExporter or a TracerPlugin."""


@contextlib.contextmanager
def from_extra(extra: str) -> Iterator[None]:
    """Import in here what comes with an extra: where it is missing, ModuleNotFoundError says how to install it."""
    try:
        yield
    except ModuleNotFoundError as error:
        what = f"{error.name or 'a package'} is not installed: pip install 'bext-tracer[{extra}]'"
        raise ModuleNotFoundError(what, name=error.name) from error


def _service(name: str | None) -> dict[str, AttrValue]:
    """What the option `service_name` says of the resource, over what the environment says."""
    return {} if name is None else {"service.name": name}


def _datadog(
    *,
    agent_url: str | None = None,
    service: str | None = None,
    env: str | None = None,
    version: str | None = None,
    tags: dict[str, str] | None = None,
    timeout_seconds: float = 10.0,
    spool: str | None = None,
) -> SpanExporter:
    """Sends spans to a Datadog agent. What is not given here, the DD_ variables say."""
    settings = DatadogSettings.of(agent_url=agent_url, service=service, env=env, version=version, tags=tags)
    with from_extra("otlp"):
        return DatadogSpanExporter(settings, timeout_seconds=timeout_seconds, spool=spool)


def _file(*, path: str, max_bytes: int = DEFAULT_BYTES, max_files: int = DEFAULT_FILES, service_name: str | None = None) -> SpanExporter:
    """Writes OTLP/JSON lines to a file, which is rotated by size."""
    if not isinstance(path, str) or not path:
        raise ValueError(f"path must be the name of a file, not {path!r}")
    return FileExporter(path, max_bytes=max_bytes, max_files=max_files, resource=_service(service_name))


def _honeycomb(
    *,
    api_key: str | None = None,
    dataset: str | None = None,
    region: Literal["us", "eu"] | None = None,
    endpoint: str | None = None,
    timeout_seconds: float = 10.0,
    compression: Literal["gzip", "none"] = "gzip",
    service_name: str | None = None,
    spool: str | None = None,
) -> SpanExporter:
    """Sends spans to Honeycomb, as OTLP over HTTP. What is not given here, the HONEYCOMB_ variables say."""
    settings = HoneycombSettings.of(api_key=api_key, dataset=dataset, region=region, endpoint=endpoint)
    with from_extra("otlp"):
        return HoneycombSpanExporter(
            settings, resource=_service(service_name), timeout_seconds=timeout_seconds, compression=compression, spool=spool
        )


def _otlp(
    *,
    endpoint: str | None = None,
    headers: dict[str, str] | None = None,
    timeout_seconds: float | None = None,
    compression: Literal["gzip", "none"] | None = None,
    certificate: str | None = None,
    client_certificate: str | None = None,
    client_key: str | None = None,
    service_name: str | None = None,
    spool: str | None = None,
) -> SpanExporter:
    """Sends spans to an OTLP receiver over HTTP, as protobuf. What is not given here, the OTEL_ variables say."""
    with from_extra("otlp"):
        return OtlpSpanExporter(
            resource=_service(service_name),
            endpoint=endpoint,
            headers=headers,
            timeout_seconds=timeout_seconds,
            compression=compression,
            certificate=certificate,
            client_certificate=client_certificate,
            client_key=client_key,
            spool=spool,
        )


def _stdout(*, format: StdoutFormat = "tree") -> SpanExporter:
    """Prints traces: as trees for people, or as JSON or OTLP/JSON lines for programs."""
    return StdoutExporter(format)


OURS: Final[dict[str, TracerFactory]] = {
    "tracer-datadog": _datadog,
    "tracer-file": _file,
    "tracer-honeycomb": _honeycomb,
    "tracer-otlp": _otlp,
    "tracer-stdout": _stdout,
}
"""By the alphabet, a line each."""
