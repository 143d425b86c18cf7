"""The command `bext-tracer`."""

from .main import main

__all__ = ["main"]
