"""Finished spans as OTLP. Here are the bytes of its protobuf requests; nothing of OpenTelemetry is imported before it is used."""

from .encode import Encoded, encode_cut, encode_range, encode_request
from .resource import encode_resource

__all__ = ["Encoded", "encode_cut", "encode_range", "encode_request", "encode_resource"]
