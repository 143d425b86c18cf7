"""Sending bytes to a receiver over HTTP, for every exporter that does."""

from .answer import Answer, SendFailed
from .retry import BackOff
from .sender import HttpSender
from .tls import TlsFiles

__all__ = ["Answer", "BackOff", "HttpSender", "SendFailed", "TlsFiles"]
