"""Finished spans for any exporter of OpenTelemetry's Python SDK (extra `otel`): OTLP over gRPC, Zipkin, a vendor's own.

Nothing of OpenTelemetry is imported before an OtelSpanExporter is made.
"""

from .exporter import HeldBack, OtelSpanExporter

__all__ = ["HeldBack", "OtelSpanExporter"]
