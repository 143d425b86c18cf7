"""OTLP over HTTP: spans as ExportTraceServiceRequest to any receiver that speaks it."""

__all__: list[str] = []
