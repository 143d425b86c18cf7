"""DatadogSettings: where the agent is, and what the site says of all its spans. Arguments go before the environment.

The variables are those of Datadog's own tracers, with their precedence: DD_TRACE_AGENT_URL before host and port, DD_SERVICE, DD_ENV and
DD_VERSION before the same names in DD_TAGS. An empty variable counts as none.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from typing import Final
from urllib.parse import urlsplit

from bext_host.settings import (
    DATADOG_AGENT_HOST_VARIABLE,
    DATADOG_AGENT_PORT_VARIABLE,
    DATADOG_AGENT_URL_VARIABLE,
    DATADOG_ENV_VARIABLE,
    DATADOG_SERVICE_VARIABLE,
    DATADOG_TAGS_VARIABLE,
    DATADOG_VERSION_VARIABLE,
)

DEFAULT_SERVICE: Final = "bext"
_DEFAULT_HOST: Final = "localhost"
_DEFAULT_PORT: Final = "8126"
_HOST_NAME: Final = re.compile(r"[A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True)
class DatadogSettings:
    """What an exporter needs to know. `agent_url` has no slash at its end; an empty `env` or `version` is left out of the spans."""

    agent_url: str = f"http://{_DEFAULT_HOST}:{_DEFAULT_PORT}"
    service: str = DEFAULT_SERVICE
    env: str = ""
    version: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        *,
        agent_url: str | None = None,
        service: str | None = None,
        env: str | None = None,
        version: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> DatadogSettings:
        """The settings of these arguments, and of the environment for those that are None.

        Raises ValueError, naming the argument or the variable, for a wrong URL, port or tag.
        """
        found = _tags_from_environment() if tags is None else dict(tags)
        of_tags = {name: found.pop(name, "") for name in ("service", "env", "version")}
        return cls(
            agent_url=_agent_url_from_environment() if agent_url is None else _checked_url("agent_url", agent_url),
            service=(_variable(DATADOG_SERVICE_VARIABLE) if service is None else service) or of_tags["service"] or DEFAULT_SERVICE,
            env=(_variable(DATADOG_ENV_VARIABLE) if env is None else env) or of_tags["env"],
            version=(_variable(DATADOG_VERSION_VARIABLE) if version is None else version) or of_tags["version"],
            tags=found,
        )


def _variable(name: str) -> str:
    return os.environ.get(name, "").strip()


def _agent_url_from_environment() -> str:
    url = _variable(DATADOG_AGENT_URL_VARIABLE)
    if url:
        return _checked_url(DATADOG_AGENT_URL_VARIABLE, url)
    host = _checked_host(_variable(DATADOG_AGENT_HOST_VARIABLE) or _DEFAULT_HOST)
    port = _checked_port(_variable(DATADOG_AGENT_PORT_VARIABLE) or _DEFAULT_PORT)
    return f"http://{host}:{port}"


def _checked_host(text: str) -> str:
    """The host as it stands in a URL: an IPv6 address in brackets, given with or without them."""
    if _HOST_NAME.fullmatch(text):
        return text
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        return f"[{IPv6Address(bare)}]"
    except ValueError:
        raise ValueError(f"{DATADOG_AGENT_HOST_VARIABLE} must be a host's name or address, not {text!r}") from None


def _checked_port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65_535):
        raise ValueError(f"{DATADOG_AGENT_PORT_VARIABLE} must be a port, 1 to 65535, not {text!r}")
    return int(text)


def _checked_url(where: str, url: str) -> str:
    """The URL without a slash at its end. A password in it is not repeated in the error."""
    try:
        parts = urlsplit(url)
        port_is_right = parts.port != 0
    except ValueError:
        raise ValueError(f"{where} must be a URL such as http://localhost:8126") from None
    if parts.scheme == "unix":
        raise ValueError(f"{where} names a Unix socket; only http:// and https:// are supported")
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_right or parts.query or parts.fragment:
        raise ValueError(f"{where} must be a URL such as http://localhost:8126")
    return url.rstrip("/")


def _tags_from_environment() -> dict[str, str]:
    """DD_TAGS: key:value pairs between commas, or between spaces where there is no comma."""
    text = _variable(DATADOG_TAGS_VARIABLE)
    pairs = [pair.strip() for pair in (text.split(",") if "," in text else text.split())]
    return dict(_tag(pair) for pair in pairs if pair)


def _tag(pair: str) -> tuple[str, str]:
    key, colon, value = pair.partition(":")
    if not colon or not key.strip():
        raise ValueError(f"{DATADOG_TAGS_VARIABLE} must be key:value pairs between commas or spaces; {pair!r} is none")
    return key.strip(), value.strip()
