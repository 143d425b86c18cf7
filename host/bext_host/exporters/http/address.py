"""The address of a receiver: checked once, and shown without what must not be shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from bext_host.escape import escape

_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """An http or https URL. `target` is what the request line names; `shown` has no credentials, query or fragment."""

    scheme: str
    host: str
    port: int | None
    target: str
    shown: str

    @property
    def whole(self) -> str:
        """All of it, one text for one receiver, however its URL was written. Not to be shown: a query may hold a key."""
        port = self.port if self.port is not None else _PORTS[self.scheme]
        return f"{self.scheme}://{self.host}:{port}{self.target}"

    @classmethod
    def of(cls, url: str) -> Address:
        """Read a URL. Raises ValueError that says what would be right, without repeating a secret in it."""
        parts, port = _split(url)
        host = parts.hostname
        if parts.scheme not in {"http", "https"} or not host:
            raise ValueError(f"{_shown(parts, port)!r} is no http:// or https:// URL with a host")
        if not host.isascii():
            raise ValueError(f"the host of {_shown(parts, port)!r} must be in its ASCII form, which begins with xn--")
        if parts.username is not None or parts.password is not None:
            raise ValueError(f"the URL {_shown(parts, port)!r} holds credentials: they belong in a header")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if not target.isascii() or any(character <= " " or character == "\x7f" for character in target):
            raise ValueError(f"the URL {_shown(parts, port)!r} has characters that must be percent-encoded")
        return cls(parts.scheme, host, port, target, _shown(parts, port))


def _split(url: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"a URL that cannot be read: {escape(str(error))}") from None
    return parts, port


def _shown(parts: SplitResult, port: int | None) -> str:
    host = parts.hostname or ""
    bracketed = f"[{host}]" if ":" in host else host
    scheme = f"{parts.scheme}://" if parts.scheme else ""
    return escape(f"{scheme}{bracketed}{'' if port is None else f':{port}'}{parts.path}")
