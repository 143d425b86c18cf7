"""Datadog: finished spans for a Datadog agent's own trace intake, PUT /v0.4/traces in msgpack."""

from .encode import Payload, encode
from .exporter import DatadogSpanExporter
from .settings import DatadogSettings

__all__ = ["DatadogSettings", "DatadogSpanExporter", "Payload", "encode"]
