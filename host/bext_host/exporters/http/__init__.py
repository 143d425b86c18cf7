"""Sending bytes to a receiver over HTTP, for every exporter that does."""

from .answer import Answer, PartialSuccess, SendFailed
from .delivery import MAX_BODY_BYTES, SEARCH_REQUESTS, Format, Request
from .dispatch import Dispatch, DispatchStats
from .exporter import DispatchingExporter
from .outbox import Outbox
from .retry import BackOff
from .sender import HttpSender
from .tls import TlsFiles

__all__ = [
    "MAX_BODY_BYTES",
    "SEARCH_REQUESTS",
    "Answer",
    "BackOff",
    "Dispatch",
    "DispatchStats",
    "DispatchingExporter",
    "Format",
    "HttpSender",
    "Outbox",
    "PartialSuccess",
    "Request",
    "SendFailed",
    "TlsFiles",
]
