"""Sending bytes to a receiver over HTTP, for every exporter that does."""

from .answer import Answer, PartialSuccess, SendFailed
from .delivery import MAX_BODY_BYTES, SEARCH_REQUESTS, Delivery, Request
from .retry import BackOff
from .sender import HttpSender
from .tls import TlsFiles

__all__ = [
    "MAX_BODY_BYTES",
    "SEARCH_REQUESTS",
    "Answer",
    "BackOff",
    "Delivery",
    "HttpSender",
    "PartialSuccess",
    "Request",
    "SendFailed",
    "TlsFiles",
]
