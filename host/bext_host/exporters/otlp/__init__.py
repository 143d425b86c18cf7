"""Finished spans as OTLP: the bytes of its protobuf requests, and who sends them over HTTP.

Nothing of OpenTelemetry, and no HTTP library, is imported before it is used.
"""

from .encode import Encoded, encode_cut, encode_range, encode_request
from .exporter import OtlpSpanExporter
from .resource import encode_resource

__all__ = ["Encoded", "OtlpSpanExporter", "encode_cut", "encode_range", "encode_request", "encode_resource"]
